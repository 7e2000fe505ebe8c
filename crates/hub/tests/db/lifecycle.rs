//! The private PostgreSQL itself: made once, stopped with its owner, taken over from one that was killed, and clear about what is wrong.

use std::{fs, path::Path};

use cockpit_hub::postgres::{MIGRATIONS, Migration, PlatformGrants, Postgres, SUPERUSER};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio_postgres::NoTls;

use crate::support::{Db, cluster, connect, fast_options};

fn alive(pid: u32) -> bool {
    // A zombie answers a signal, so the state is read where the system has it.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(!Path::new("/proc").exists() && kill(Pid::from_raw(pid as i32), None).is_ok(), |stat| {
            !stat.contains(") Z ")
        })
}

#[tokio::test]
async fn a_cluster_lives_through_stop_kill_and_damage() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("pg");
    let postgres = Postgres::start(&folder, &fast_options()).await.unwrap();
    let pid = postgres.pid().unwrap();
    let (client, connection) = postgres.config(SUPERUSER).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("create table kept (n int); insert into kept values (7)").await.unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder.join("password")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "the password is its owner's alone");
    let mut wrong = postgres.config(SUPERUSER);
    assert!(wrong.password("wrong").connect(NoTls).await.is_err(), "and it is asked for");

    // Another program finds the running server.
    let attached = Postgres::attach(&folder).unwrap();
    drop(attached.config(SUPERUSER).connect(NoTls).await.unwrap());
    drop(attached);
    assert!(alive(pid), "who only attached stops nothing");
    postgres.stop().await.unwrap();
    assert!(!alive(pid));
    assert_eq!(Postgres::attach(&folder).unwrap_err().code(), "postgres_not_running");

    // A run that was killed leaves its server running: forgetting is all that SIGKILL lets a process do.
    let killed = Postgres::start(&folder, &fast_options()).await.unwrap();
    let left = killed.pid().unwrap();
    std::mem::forget(killed);
    let postgres = Postgres::start(&folder, &fast_options()).await.unwrap();
    assert!(!alive(left) && postgres.pid() != Some(left), "it was stopped, and a new one runs");

    // The server itself killed, and its process id now another program's.
    let mut postgres = postgres;
    kill(Pid::from_raw(postgres.pid().unwrap() as i32), Signal::SIGKILL).unwrap();
    postgres.ended().await;
    drop(postgres);
    let pid_file = folder.join("data/postmaster.pid");
    let text = fs::read_to_string(&pid_file).unwrap();
    let rest = text.split_once('\n').unwrap().1;
    fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();
    let postgres = Postgres::start(&folder, &fast_options()).await.unwrap();
    let (client, connection) = postgres.config(SUPERUSER).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(client.query_one("select n from kept", &[]).await.unwrap().get::<_, i32>(0), 7, "recovered");

    // Dropped in the middle of things: nothing is left running.
    let pid = postgres.pid().unwrap();
    drop(postgres);
    assert!(!alive(pid));

    // Data of a newer version is not touched.
    fs::write(folder.join("data/PG_VERSION"), "99\n").unwrap();
    let newer = Postgres::start(&folder, &fast_options()).await.unwrap_err();
    assert_eq!(newer.code(), "postgres_data_version");
    assert!(newer.to_string().contains("PostgreSQL 99"), "{newer}");
}

#[tokio::test]
async fn a_taken_port_and_a_strange_folder_are_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let options = cockpit_hub::postgres::PostgresOptions { tcp_port: Some(port), ..fast_options() };
    let taken = Postgres::start(&folder.path().join("pg"), &options).await.unwrap_err();
    assert_eq!(taken.code(), "port_in_use");
    assert!(taken.to_string().contains(&port.to_string()), "{taken}");

    let free = cockpit_hub::postgres::PostgresOptions { tcp_port: Some(0), ..fast_options() };
    let postgres = Postgres::start(&folder.path().join("pg"), &free).await.unwrap();
    let url = postgres.url(SUPERUSER, "postgres").unwrap();
    drop(tokio_postgres::connect(&url, NoTls).await.unwrap());
    postgres.stop().await.unwrap();

    fs::write(folder.path().join("file"), "").unwrap();
    let file = Postgres::start(&folder.path().join("file"), &fast_options()).await.unwrap_err();
    assert!(["data_directory", "permission"].contains(&file.code()), "{file}");
}

#[tokio::test]
async fn migrations_apply_once_and_strange_ones_are_refused() {
    let db = Db::new().await;
    cluster().apply_migrations_to(db.name(), MIGRATIONS).await.expect("nothing to do");
    cluster().apply_platform_to(db.name(), PlatformGrants::New).await.expect("the platform can be applied again");

    let mut changed = MIGRATIONS.to_vec();
    changed[2].sql = "select 1";
    let refused = cluster().apply_migrations_to(db.name(), &changed).await.unwrap_err();
    assert_eq!(refused.code(), "migration_changed");
    assert!(refused.to_string().contains("0003_log"), "{refused}");

    let mut fewer = MIGRATIONS.to_vec();
    fewer.pop();
    let refused = cluster().apply_migrations_to(db.name(), &fewer).await.unwrap_err();
    assert_eq!(refused.code(), "migration_unknown");

    let mut failing = MIGRATIONS.to_vec();
    failing.push(Migration { name: "9999_fails", sql: "create table half (n int); select 1 / 0" });
    let failed = cluster().apply_migrations_to(db.name(), &failing).await.unwrap_err();
    assert_eq!(failed.code(), "migration_failed");
    let owner = connect("postgres", db.name()).await;
    let half = owner.query_one("select to_regclass('public.half') is null", &[]).await.unwrap();
    assert!(half.get::<_, bool>(0), "nothing of a failed file stays");
    let superuser = owner.query_one("select rolsuper from pg_roles where rolname = current_user", &[]).await.unwrap();
    assert!(!superuser.get::<_, bool>(0), "migrations run as an ordinary role");
}
