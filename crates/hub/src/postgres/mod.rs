//! A private PostgreSQL: found, made, started, taken over, prepared and stopped.
//!
//! Invariants:
//! - The server never runs as root: started by root, it runs as `postgres`, else `nobody`, and owns its own folders only.
//! - Only this machine reaches it, and only with the password that is kept, readable by its owner alone, beside the cluster.
//! - A [`Postgres`] that is stopped or dropped leaves no server behind; what a killed process left is stopped at the next start.
//! - Migrations run as an ordinary role, `postgres`, exactly as on hosted Supabase; only the platform is applied by the superuser.
//!
//! It does not decide who may serve a folder: the caller holds a lock on it while it starts and runs one.

mod binaries;
mod error;
mod folder;
mod migrate;
mod process;
mod schema;

use std::path::{Path, PathBuf};

pub use binaries::Binaries;
pub use error::PostgresError;
pub use schema::{MIGRATIONS, Migration, PlatformGrants};

use folder::Folder;
use process::Server;

/// The superuser's name, as on Supabase. The owner of databases and migrations is the ordinary role [`OWNER`].
pub const SUPERUSER: &str = "supabase_admin";
/// The ordinary role under whom migrations run.
pub const OWNER: &str = "postgres";
/// The database everything is in.
pub const DATABASE: &str = "postgres";

/// How PostgreSQL is found and started.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Whether commits reach the disk before they are confirmed. Only tests turn it off.
    pub fsync: bool,
    /// More folders to look for `initdb` and `postgres` in, before the usual ones.
    pub search: Vec<PathBuf>,
    /// A TCP port on 127.0.0.1; 0 takes a free one. Without it there is a Unix socket only, where its path is short enough.
    pub tcp_port: Option<u16>,
    /// Further server settings, such as `("shared_buffers", "32MB")`.
    pub settings: Vec<(String, String)>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { fsync: true, search: Vec::new(), tcp_port: None, settings: Vec::new() }
    }
}

/// Where a running server listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) socket_folder: Option<PathBuf>,
    /// The number in the socket's name, and the TCP port where there is one.
    pub(crate) port: u16,
    pub(crate) tcp: bool,
}

/// A running PostgreSQL. Call [`Postgres::stop`] to end it in good order; dropping it ends it at once, and the next start recovers.
#[derive(Debug)]
pub struct Postgres {
    address: Address,
    password: String,
    /// Nothing when another process runs the server.
    server: Option<Server>,
}

impl Postgres {
    /// Starts the cluster in `folder`, which is made when missing. A server that a killed process left there is stopped first.
    ///
    /// # Errors
    /// [`PostgresError`] says in one sentence what is wrong and what to do. Nothing is left running then.
    pub async fn start(folder: &Path, options: &PostgresOptions) -> Result<Self, PostgresError> {
        let folder = Folder::open(folder)?;
        let candidates = binaries::find(&options.search, folder.account());
        let binaries = binaries::choose(candidates, folder.cluster_version()?, folder.cluster())?;
        process::take_over(&folder, &binaries).await?;
        let password = folder.password()?;
        if folder.cluster_version()?.is_none() {
            process::initdb(&folder, &binaries, &password, options.fsync).await?;
        }
        let (server, address) = Server::start(&folder, &binaries, options, &password).await?;
        Ok(Self { address, password, server: Some(server) })
    }

    /// A way to the server that another process runs in `folder`. Dropping it leaves that server alone.
    ///
    /// # Errors
    /// When no server seems to run there, or its password cannot be read.
    pub fn attach(folder: &Path) -> Result<Self, PostgresError> {
        let folder = Folder::open(folder)?;
        let address = process::running_address(&folder)?;
        Ok(Self { address, password: folder.password()?, server: None })
    }

    /// How to connect to the main database as one of the login roles: `supabase_admin`, `postgres`, `authenticator`.
    pub fn config(&self, user: &str) -> tokio_postgres::Config {
        self.config_for(user, DATABASE)
    }

    /// How to connect to another database of the cluster.
    pub fn config_for(&self, user: &str, database: &str) -> tokio_postgres::Config {
        process::config(&self.address, user, database, &self.password)
    }

    /// A connection URL over TCP, for other programs; nothing when there is only a socket. It holds the password.
    pub fn url(&self, user: &str, database: &str) -> Option<String> {
        let Address { port, tcp, .. } = self.address;
        // The password is hexadecimal, so that nothing needs escaping.
        tcp.then(|| format!("postgresql://{user}:{}@127.0.0.1:{port}/{database}", self.password))
    }

    /// The server's process id, or nothing when another process runs it.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().and_then(Server::pid)
    }

    /// Brings the main database's platform (what Supabase provides and nothing of ours) up to date, with new projects' grants.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn apply_platform(&self) -> Result<(), PostgresError> {
        self.apply_platform_to(DATABASE, PlatformGrants::New).await
    }

    /// The same for another database and either regime of default privileges.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn apply_platform_to(&self, database: &str, grants: PlatformGrants) -> Result<(), PostgresError> {
        migrate::platform(self.config_for(SUPERUSER, database), grants, &self.password).await
    }

    /// Applies the migrations that the main database does not have yet, each in one transaction, as the ordinary owner.
    ///
    /// # Errors
    /// When an applied migration was changed, when the database has one we do not know, or when one fails: then nothing of it is left.
    pub async fn apply_migrations(&self) -> Result<(), PostgresError> {
        self.apply_migrations_to(DATABASE, MIGRATIONS).await
    }

    /// The same for another database and other migrations, in the order given.
    ///
    /// # Errors
    /// As [`Postgres::apply_migrations`].
    pub async fn apply_migrations_to(&self, database: &str, migrations: &[Migration]) -> Result<(), PostgresError> {
        migrate::migrations(self.config_for(OWNER, database), migrations).await
    }

    /// Ends when the server has ended without being told to; does not end for one that another process runs.
    pub async fn ended(&mut self) {
        match &mut self.server {
            Some(server) => server.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Stops the server: sessions are ended and everything is written; if that takes more than 15 s, at once.
    ///
    /// # Errors
    /// When it cannot be stopped at all.
    pub async fn stop(self) -> Result<(), PostgresError> {
        match self.server {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }
}
