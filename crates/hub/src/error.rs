//! What can keep a hub from starting or from doing an administrative task, each as one sentence and what to do.

use std::{net::SocketAddr, path::PathBuf};

use crate::postgres::PostgresError;

/// Why a hub did not start, or why an administrative command failed. The text is written for the person at the command line.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Another program listens on the address.
    #[error("Port {port} on {host} is already in use. Stop the other program or choose another port with --port.", port = .0.port(), host = .0.ip())]
    PortInUse(SocketAddr),
    /// The address cannot be bound for another reason (not ours, no right to it).
    #[error("The address {address} cannot be used ({source}). Choose another with --bind and --port.")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A live hub already serves this data directory.
    #[error("Another hub already serves {data}{}. Stop it first, or give this one its own folder with --data.", pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    AlreadyServed {
        /// The data directory.
        data: PathBuf,
        /// The other hub's process id, when its `hub.json` says so.
        pid: Option<u32>,
    },
    /// The data directory, or a file in it, cannot be read or written.
    #[error("{} cannot be used ({source}). {}", path.display(), advice(source))]
    DataDirectory {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The signing key in the data directory is not one that a hub wrote.
    #[error(
        "{0} does not hold a signing key. Restore the file from a backup, or delete it: everybody must then sign in again."
    )]
    SigningKey(PathBuf),
    /// PostgreSQL could not be found, started, prepared or stopped.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The database refused a statement, or the connection to it broke.
    #[error("The database did not do what was asked: {0}")]
    Database(String),
    /// An account could not be made.
    #[error(transparent)]
    Account(#[from] crate::accounts::AccountError),
    /// The address for links is none.
    #[error("{0:?} is no address that links could begin with. Write it as --public-url https://hub.example.com.")]
    PublicUrl(String),
    /// Mails cannot be sent as asked.
    #[error(transparent)]
    Mail(#[from] crate::mail::SmtpError),
    /// The demo data could not be made.
    #[error("The demo workspace could not be made: {0}")]
    Demo(String),
    /// A part of the hub ended unexpectedly.
    #[error("The hub stopped unexpectedly: {0}. Start it again; nothing that was confirmed is lost.")]
    Internal(String),
}

impl HubError {
    /// A stable word for the kind of error, for programs that start a hub.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PortInUse(_) => "port_in_use",
            Self::Bind { .. } => "bind_failed",
            Self::AlreadyServed { .. } => "already_served",
            Self::DataDirectory { .. } => "data_directory",
            Self::SigningKey(_) => "signing_key",
            Self::Postgres(error) => error.code(),
            Self::Database(_) => "database",
            Self::Account(_) => "account",
            Self::PublicUrl(_) => "public_url",
            Self::Mail(_) => "mail",
            Self::Demo(_) => "demo",
            Self::Internal(_) => "internal",
        }
    }
}

impl From<tokio_postgres::Error> for HubError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(describe(&error))
    }
}

impl From<deadpool_postgres::PoolError> for HubError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            other => Self::Database(other.to_string()),
        }
    }
}

/// The server's own words where there are any: the outer text of tokio-postgres is only "db error".
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => error.to_string(),
    }
}

fn advice(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "Give this user the right to write there, or choose another folder with --data."
        }
        std::io::ErrorKind::ReadOnlyFilesystem => "The disk is read-only: choose another folder with --data.",
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "The disk is full: free some space and start again."
        }
        _ => "Choose another folder with --data, or put the file right and start again.",
    }
}
