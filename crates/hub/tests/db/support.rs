//! One cluster for the whole test binary, a database of its own for each test, and people who ask.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use cockpit_hub::postgres::{MIGRATIONS, PlatformGrants, Postgres, PostgresOptions, SUPERUSER};
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// What a statement answered, or the SQLSTATE it failed with.
pub(crate) type Answer = Result<Value, String>;

/// A database with platform and migrations, to itself.
pub(crate) struct Db {
    name: String,
}

/// Somebody who asks: a signed-in account, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Person(pub(crate) Option<Uuid>);

impl Person {
    pub(crate) const ANONYMOUS: Self = Self(None);

    pub(crate) fn new(number: u128) -> Self {
        Self(Some(Uuid::from_u128(0xaaaa_0000_0000_4000_8000_0000_0000_0000 + number)))
    }

    pub(crate) fn id(self) -> Uuid {
        self.0.expect("an account")
    }

    pub(crate) fn email(self) -> String {
        format!("{}@example.com", self.id())
    }

    fn claims(self) -> (&'static str, String) {
        match self.0 {
            Some(id) => {
                ("authenticated", json!({"sub": id, "role": "authenticated", "email": self.email()}).to_string())
            }
            None => ("anon", json!({"role": "anon"}).to_string()),
        }
    }
}

/// A connection as `authenticator`.
pub(crate) struct Session {
    pub(crate) client: Client,
}

impl Session {
    /// Begins a transaction as the hub and PostgREST do.
    pub(crate) async fn begin(&self, person: Person) {
        let (role, claims) = person.claims();
        let timeout = if role == "anon" { "3s" } else { "8s" };
        self.client.batch_execute("begin").await.unwrap();
        self.client
            .execute(
                "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true), \
                 set_config('statement_timeout', $3, true)",
                &[&role, &claims, &timeout],
            )
            .await
            .unwrap();
    }

    pub(crate) async fn end(&self, end: &str) {
        self.client.batch_execute(end).await.unwrap();
    }

    /// One request: a transaction of one statement, committed unless it failed.
    pub(crate) async fn ask(&self, person: Person, sql: &str) -> Answer {
        self.begin(person).await;
        let answer = self.run(sql).await;
        self.end(if answer.is_ok() { "commit" } else { "rollback" }).await;
        answer
    }

    /// The same, but undone whatever came of it.
    pub(crate) async fn try_out(&self, person: Person, sql: &str) -> Answer {
        self.begin(person).await;
        let answer = self.run(sql).await;
        self.end("rollback").await;
        answer
    }

    /// The first column of the first row as JSON, or the number of rows a statement without an answer touched.
    pub(crate) async fn run(&self, sql: &str) -> Answer {
        let code = |error: tokio_postgres::Error| match error.as_db_error() {
            Some(db) => db.code().code().to_owned(),
            None => panic!("{error}: {sql}"),
        };
        let statement = self.client.prepare(sql).await.map_err(code)?;
        if statement.columns().is_empty() {
            return self.client.execute(&statement, &[]).await.map(Value::from).map_err(code);
        }
        let rows = self.client.query(&statement, &[]).await.map_err(code)?;
        Ok(rows.first().map_or(Value::Null, |row| match row.columns()[0].type_().name() {
            "json" | "jsonb" => row.get::<_, Option<Value>>(0).unwrap_or_default(),
            "int8" => json!(row.get::<_, Option<i64>>(0)),
            "int4" => json!(row.get::<_, Option<i32>>(0)),
            "bool" => json!(row.get::<_, Option<bool>>(0)),
            "uuid" => json!(row.get::<_, Option<Uuid>>(0)),
            "void" => Value::Null,
            _ => json!(row.get::<_, Option<String>>(0)),
        }))
    }

    pub(crate) async fn apply(&self, person: Person, tenant: Uuid, device: Uuid, batch: &Value) -> Answer {
        self.ask(person, &apply_sql(tenant, device, batch)).await
    }

    pub(crate) async fn pull(&self, person: Person, cursors: &Value, limit: u32) -> Value {
        self.ask(person, &format!("select sync_pull({}, {limit})", quoted(cursors))).await.unwrap()
    }
}

pub(crate) fn apply_sql(tenant: Uuid, device: Uuid, batch: &Value) -> String {
    format!("select apply_mutations('{tenant}', '{device}', {})", quoted(batch))
}

/// A JSON value as an SQL literal.
pub(crate) fn quoted(value: &Value) -> String {
    format!("'{}'", value.to_string().replace('\'', "''"))
}

impl Db {
    /// A new database under new projects' grants.
    pub(crate) async fn new() -> Self {
        Self::with(PlatformGrants::New).await
    }

    pub(crate) async fn with(grants: PlatformGrants) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let template = template(grants).await;
        let admin = connect(SUPERUSER, "postgres").await;
        admin.batch_execute(&format!("create database {name} template {template} owner postgres")).await.unwrap();
        Self { name }
    }

    /// With the first migrations only, to see what a later one makes of rows that are there already.
    pub(crate) async fn with_first_migrations(name: &str, count: usize) -> Self {
        let _one = ONE_PLATFORM_AT_A_TIME.lock().await;
        connect(SUPERUSER, "postgres").await.batch_execute(&format!("create database {name}")).await.unwrap();
        cluster().apply_platform_to(name, PlatformGrants::New).await.unwrap();
        cluster().apply_migrations_to(name, &MIGRATIONS[..count]).await.unwrap();
        Self { name: name.to_owned() }
    }

    /// The migrations that are missing.
    pub(crate) async fn migrate(&self) {
        cluster().apply_migrations_to(&self.name, MIGRATIONS).await.unwrap();
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn session(&self) -> Session {
        Session { client: connect("authenticator", &self.name).await }
    }

    /// The owner of the schema, who may lay out and look at everything but is no superuser.
    pub(crate) async fn owner(&self) -> Session {
        Session { client: connect("postgres", &self.name).await }
    }

    /// A workspace with these members (account, role, finance right), made directly, and accounts for them all.
    pub(crate) async fn workspace(&self, tenant: Uuid, members: &[(Person, &str, bool)]) {
        let owner = self.owner().await;
        let mut sql = format!("insert into tenants (id, name) values ('{tenant}', 'Workspace');");
        for (person, role, finance) in members {
            let (id, email) = (person.id(), person.email());
            sql += &format!(
                "insert into auth.users (id, email) values ('{id}', '{email}') on conflict do nothing;
                 insert into tenant_members (id, tenant_id, auth_user, role, finance_right, name)
                 values ('{}', '{tenant}', '{id}', '{role}', {finance}, 'Person');",
                member_id(tenant, *person)
            );
        }
        owner.client.batch_execute(&sql).await.unwrap();
    }
}

/// The member id that [`Db::workspace`] gives.
pub(crate) fn member_id(tenant: Uuid, person: Person) -> Uuid {
    Uuid::new_v5(&tenant, person.id().as_bytes())
}

/// The cluster of this test binary.
pub(crate) fn cluster() -> &'static Postgres {
    static CLUSTER: OnceLock<Postgres> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap().keep();
        // A runtime of its own, never ended: the tests' own runtimes come and go.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let started = runtime.block_on(Postgres::start(&folder.join("pg"), &fast_options())).unwrap();
            std::mem::forget(runtime);
            stop_with_this_process(started.pid().unwrap(), &folder);
            started
        })
        .join()
        .unwrap()
    })
}

pub(crate) fn fast_options() -> PostgresOptions {
    let settings =
        [("shared_buffers", "64MB"), ("autovacuum", "off"), ("wal_level", "minimal"), ("max_wal_senders", "0")];
    PostgresOptions {
        fsync: false,
        // To run these tests on another version than the newest that is found.
        search: std::env::var_os("COCKPIT_POSTGRES_BIN").into_iter().map(PathBuf::from).collect(),
        settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..Default::default()
    }
}

/// A static is never dropped. A shell holds the other end of a pipe: when this process ends in whatever way, it stops the server.
fn stop_with_this_process(pid: u32, folder: &std::path::Path) {
    let script = format!(
        "cat >/dev/null; kill -QUIT {pid}; while kill -0 {pid}; do sleep 0.1; done; rm -rf '{}'",
        folder.display()
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    std::mem::forget(shell.spawn().unwrap());
}

pub(crate) async fn connect(user: &str, database: &str) -> Client {
    let config = cluster().config_for(user, database);
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Roles belong to the whole cluster: two databases must not get their platform at the same time.
static ONE_PLATFORM_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The database that others are copied from, made once for each regime.
async fn template(grants: PlatformGrants) -> &'static str {
    static OLD: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    static NEW: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let (name, made) = match grants {
        PlatformGrants::Old => ("template_old", &OLD),
        PlatformGrants::New => ("template_new", &NEW),
    };
    made.get_or_init(|| async {
        let _one = ONE_PLATFORM_AT_A_TIME.lock().await;
        connect(SUPERUSER, "postgres").await.batch_execute(&format!("create database {name}")).await.unwrap();
        cluster().apply_platform_to(name, grants).await.unwrap();
        cluster().apply_migrations_to(name, MIGRATIONS).await.unwrap();
        // To see these tests fail: SQL that plants a fault, such as `alter function sync_pull(json, int) volatile`.
        if let Ok(fault) = std::env::var("COCKPIT_PLANTED_FAULT") {
            connect("postgres", name).await.batch_execute(&fault).await.unwrap();
        }
    })
    .await;
    name
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
