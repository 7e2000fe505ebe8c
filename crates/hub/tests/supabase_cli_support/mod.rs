//! A server of its own for each test, a folder that the CLI takes for a project, and what pg_dump says.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use cockpit_hub::postgres::{PlatformGrants, Postgres, PostgresOptions, SUPERUSER};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// A PostgreSQL that other programs reach over TCP.
pub(crate) struct Server {
    pub(crate) postgres: Postgres,
    // Removed after the server was stopped: fields are dropped in their order.
    _folder: TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = PostgresOptions {
            fsync: false,
            search: std::env::var_os("COCKPIT_POSTGRES_BIN").into_iter().map(PathBuf::from).collect(),
            tcp_port: Some(0),
            settings: vec![("shared_buffers".to_owned(), "32MB".to_owned())],
        };
        let postgres = Postgres::start(&folder.path().join("pg"), &options).await.unwrap();
        Self { postgres, _folder: folder }
    }

    /// A database with what a Supabase project begins with.
    pub(crate) async fn create(&self, database: &str, grants: PlatformGrants) {
        self.client("postgres").await.batch_execute(&format!("create database {database}")).await.unwrap();
        self.postgres.apply_platform_to(database, grants).await.unwrap();
    }

    /// What the CLI recorded as applied.
    pub(crate) async fn versions(&self, database: &str) -> Vec<String> {
        let sql = "select version from supabase_migrations.schema_migrations order by version";
        self.client(database).await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Everything the migrations make: tables, functions, policies, rights, and the rows they write. Schema `realtime` is the
    /// platform's, but our policies are on its table.
    pub(crate) fn dump(&self, database: &str) -> String {
        let url = self.postgres.url(SUPERUSER, database).unwrap();
        let schemas = ["--schema=public", "--schema=sync", "--schema=realtime"];
        let output = run(Command::new(pg_dump()).arg(url).args(schemas).args(["--inserts", "--rows-per-insert=1"]));
        normalised(&String::from_utf8(output.stdout).unwrap())
    }

    async fn client(&self, database: &str) -> Client {
        let (client, connection) = self.postgres.config_for(SUPERUSER, database).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

/// The folder in which a person calls the CLI.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// One with our migrations.
    pub(crate) fn laid_out() -> Self {
        let project = Self::new();
        project.lay_out();
        project
    }

    pub(crate) fn migrations(&self) -> PathBuf {
        self.folder.path().join("supabase/migrations")
    }

    /// By the command that a person uses.
    pub(crate) fn lay_out(&self) {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["run", "--quiet", "--package", "xtask", "--", "supabase", "--out"]).arg(self.folder.path());
        // What cargo says about this package is wrong for another.
        for (name, _) in std::env::vars_os() {
            if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        run(command.current_dir(repository("")));
    }

    /// `supabase db push` as the owner; answers everything it said.
    pub(crate) fn push(&self, server: &Server, database: &str, more: &[&str]) -> String {
        let (success, said) = self.try_push(server, database, more);
        assert!(success, "{said}");
        said
    }

    /// The same, and whether it went well.
    pub(crate) fn try_push(&self, server: &Server, database: &str, more: &[&str]) -> (bool, String) {
        let cli = repository("tools/node_modules/.bin/supabase");
        assert!(cli.exists(), "{} is missing: run `cargo xtask setup`, which installs the Supabase CLI", cli.display());
        let url = server.postgres.url("postgres", database).unwrap();
        let mut command = Command::new(cli);
        command.args(["db", "push", "--yes", &format!("--remote={url}")]).args(more).current_dir(self.folder.path());
        // Nobody's sign-in and settings, and nothing of it over the network: what it needs beside the database is a defect.
        let home = self.folder.path().join("home");
        command.env("HOME", &home).env("SUPABASE_HOME", home.join(".supabase")).env("DO_NOT_TRACK", "1");
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            command.env(proxy, "http://127.0.0.1:9");
        }
        for (name, _) in std::env::vars_os() {
            if ["PG", "SUPABASE_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} failed ({}):\n{said}", command.get_program().display(), output.status);
    output
}

/// Without what differs from run to run and says nothing of the schema: the versions of the programs, and the random key in which
/// newer versions of pg_dump wrap their output.
fn normalised(dump: &str) -> String {
    let says = |line: &&str| {
        !line.is_empty()
            && !line.starts_with("-- Dumped")
            && !["\\restrict ", "\\unrestrict "].iter().any(|word| line.starts_with(word))
    };
    dump.lines().filter(says).flat_map(|line| [line, "\n"]).collect()
}

/// A dump of a newer server needs a newer program: the newest there is.
fn pg_dump() -> PathBuf {
    let own = std::env::var_os("COCKPIT_POSTGRES_BIN").map(|folder| PathBuf::from(folder).join("pg_dump"));
    if let Some(own) = own.filter(|path| path.is_file()) {
        return own;
    }
    let version = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = installed.filter(|folder| folder.join("bin/pg_dump").is_file()).collect();
    found.sort_by_key(|folder| version(folder));
    found.pop().map_or_else(|| "pg_dump".into(), |folder| folder.join("bin/pg_dump"))
}

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
