//! What happens to broadcasts from the database when the replication connection, PostgreSQL or the hub ends, and to PostgreSQL's log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;

use std::time::{Duration, Instant};

use cockpit_hub::{
    Hub,
    postgres::{Postgres, SUPERUSER},
};
use http_support::{options, socket::Socket};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

const SEND: &str = "select realtime.send('{}', $1, 'room', false)";
const READY: &str = "Replication connection established";
const PATIENCE: Duration = Duration::from_secs(60);

async fn start() -> (TempDir, Hub) {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(options(&folder)).await.unwrap();
    (folder, hub)
}

/// A connection with every right. Its end is no failure here.
async fn owner(hub: &Hub) -> Client {
    let (client, connection) = tokio_postgres::connect(&hub.database_url_as_owner(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A socket that asked to be told, and was.
async fn told(hub: &Hub) -> Socket {
    let mut socket = Socket::open(hub.url(), hub.anon_key(), "2.0.0").await;
    socket.join("room", false, json!({ "replication_ready": true }), None).await;
    assert_eq!(socket.receive().await.payload()["message"], READY);
    socket
}

async fn untold(hub: &Hub) -> Socket {
    let mut socket = Socket::open(hub.url(), hub.anon_key(), "2.0.0").await;
    socket.join("room", false, json!({}), None).await;
    socket
}

/// Asks until the answer is yes.
async fn until(what: &str, client: &Client, question: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !client.query_one(question, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn terminate_replication(client: &Client) {
    let terminate = "select count(pg_terminate_backend(pid)) from pg_stat_activity where backend_type = 'walsender'";
    let ended: i64 = client.query_one(terminate, &[]).await.unwrap().get(0);
    // One replicates; one that was ended before may not be gone yet.
    assert!(ended >= 1, "a connection replicates");
}

#[tokio::test]
async fn a_lost_replication_connection_comes_back_and_who_asked_is_told_again() {
    let (_folder, hub) = start().await;
    let (mut asked, mut other) = (told(&hub).await, untold(&hub).await);
    let client = owner(&hub).await;
    for round in ["first", "second"] {
        terminate_replication(&client).await;
        assert_eq!(asked.receive().await.payload()["message"], READY, "{round}");
        client.execute(SEND, &[&round]).await.unwrap();
        for socket in [&mut asked, &mut other] {
            assert_eq!(socket.receive().await.payload()["event"], round);
        }
    }
    // Who joins now is told once.
    told(&hub).await.hears_nothing().await;
    until(
        "only the slot that is in use is left",
        &client,
        "select count(*) = 1 and bool_and(active and temporary) from pg_replication_slots",
    )
    .await;
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn a_postgres_that_restarts_itself_after_a_crash_is_replicated_from_again() {
    let (_folder, hub) = start().await;
    let mut asked = told(&hub).await;
    let client = owner(&hub).await;
    let victim: i32 = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    kill(Pid::from_raw(victim), Signal::SIGKILL).unwrap();
    assert_eq!(asked.receive().await.payload()["message"], READY);
    owner(&hub).await.execute(SEND, &[&"after the crash"]).await.unwrap();
    assert_eq!(asked.receive().await.payload()["event"], "after the crash");
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn a_row_too_large_to_be_read_ends_the_connection_once_and_not_again() {
    let (_folder, hub) = start().await;
    let mut asked = told(&hub).await;
    let client = owner(&hub).await;
    let huge = "select realtime.send(jsonb_build_object('text', repeat('x', 17 * 1024 * 1024)), 'huge', 'room', false)";
    client.batch_execute(huge).await.unwrap();
    assert_eq!(asked.receive().await.payload()["message"], READY);
    client.execute(SEND, &[&"next"]).await.unwrap();
    assert_eq!(asked.receive().await.payload()["event"], "next");
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn an_open_transaction_delays_a_new_connection_but_not_the_stop() {
    const WAITING: &str =
        "select count(*) = 1 from pg_stat_activity where backend_type = 'walsender' and wait_event_type = 'Lock'";
    let (_folder, hub) = start().await;
    let mut asked = told(&hub).await;
    let (client, mut writer) = (owner(&hub).await, owner(&hub).await);
    let open = writer.transaction().await.unwrap();
    open.execute(SEND, &[&"written before"]).await.unwrap();
    terminate_replication(&client).await;
    until("the new slot waits for the open transaction", &client, WAITING).await;
    // Who joins now is told when it is true.
    let mut late = Socket::open(hub.url(), hub.anon_key(), "1.0.0").await;
    late.join("room", false, json!({ "replication_ready": true }), None).await;
    for socket in [&mut asked, &mut late] {
        socket.hears_nothing().await;
    }
    open.commit().await.unwrap();
    for socket in [&mut asked, &mut late] {
        assert_eq!(socket.receive().await.payload()["message"], READY);
        socket.hears_nothing().await;
    }

    let open = writer.transaction().await.unwrap();
    open.execute(SEND, &[&"never"]).await.unwrap();
    terminate_replication(&client).await;
    until("the new slot waits for the open transaction", &client, WAITING).await;
    let stopping = Instant::now();
    hub.stop().await.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(12), "PostgreSQL stopped without force: {:?}", stopping.elapsed());
}

#[tokio::test]
async fn a_hub_stopped_in_a_burst_stops_quickly_and_leaves_no_slot() {
    let (folder, hub) = start().await;
    let _deaf = untold(&hub).await;
    let client = owner(&hub).await;
    let burst = "select realtime.send(jsonb_build_object('text', repeat('x', 4000)), 'n', 'room', false) from generate_series(1, 20000)";
    client.batch_execute(burst).await.unwrap();
    let stopping = Instant::now();
    hub.stop().await.unwrap();
    assert!(stopping.elapsed() < Duration::from_secs(12), "PostgreSQL stopped without force: {:?}", stopping.elapsed());

    let hub = Hub::start(options(&folder)).await.unwrap();
    let mut asked = told(&hub).await;
    asked.hears_nothing().await;
    let slots: i64 =
        owner(&hub).await.query_one("select count(*) from pg_replication_slots", &[]).await.unwrap().get(0);
    assert_eq!(slots, 1, "what was not delivered is not kept");
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn the_log_is_let_go_of_while_others_write_and_nothing_is_sent() {
    let (_folder, hub) = start().await;
    let client = owner(&hub).await;
    let before: String =
        client.query_one("select restart_lsn::text from pg_replication_slots", &[]).await.unwrap().get(0);
    client
        .batch_execute(
            "create table filling as select n, repeat(md5(n::text), 20) as text from generate_series(1, 20000) n",
        )
        .await
        .unwrap();
    let written: String = client.query_one("select pg_current_wal_lsn()::text", &[]).await.unwrap().get(0);
    let confirmed = format!("select confirmed_flush_lsn >= '{written}' from pg_replication_slots");
    until("what is no message is confirmed too", &client, &confirmed).await;
    // The place from which a slot would read again moves on with PostgreSQL's own records of open transactions, written at a checkpoint.
    let deadline = Instant::now() + PATIENCE;
    let moved = format!(
        "select restart_lsn >= '{written}' and '{written}'::pg_lsn - '{before}'::pg_lsn > 10000000 from pg_replication_slots"
    );
    while !client.query_one(&moved, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(Instant::now() < deadline, "the slot holds the log back");
        client.batch_execute("checkpoint").await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn a_folder_of_the_version_that_notified_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let mut before = options.postgres.clone();
    before.settings.push(("wal_level".to_owned(), "replica".to_owned()));
    let postgres = Postgres::start(&options.data.join("pg"), &before).await.unwrap();
    postgres.apply_platform().await.unwrap();
    let (client, connection) = postgres.config(SUPERUSER).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(
            "drop publication supabase_realtime_messages_publication;
             create function realtime.announce() returns trigger language plpgsql as $$
             begin perform pg_notify('realtime_messages', new.id::text); return null; end $$;
             create trigger announce after insert on realtime.messages for each row execute function realtime.announce();",
        )
        .await
        .unwrap();
    drop(client);
    postgres.stop().await.unwrap();

    let hub = Hub::start(options).await.unwrap();
    let mut asked = told(&hub).await;
    let client = owner(&hub).await;
    client.execute(SEND, &[&"heard"]).await.unwrap();
    assert_eq!(asked.receive().await.payload()["event"], "heard");
    let gone = "select to_regprocedure('realtime.announce()') is null and not exists (select from pg_trigger where tgname = 'announce')";
    assert!(client.query_one(gone, &[]).await.unwrap().get::<_, bool>(0), "nothing is announced any more");
    hub.stop().await.unwrap();
}
