//! Failures: from SQLite and the file system to the few kinds that a person can do something about.

use std::{fmt, io, path::Path};

use cockpit_domain::{AppError, ErrorCode};
use cockpit_sync::StoreError;
use rusqlite::ffi;

/// A failure inside this crate, before it is told to the outside as a [`StoreError`].
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

/// Result inside this crate.
pub(crate) type Held<T> = Result<T, Fault>;

/// A stored value that should not be there.
pub(crate) fn damaged(what: impl fmt::Display) -> Fault {
    Fault::Store(StoreError::Damaged(what.to_string()))
}

/// A failure of the file system at `path`.
pub(crate) fn of_io(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
        _ => StoreError::Other(format!("{}: {error}", path.display())),
    }
}

/// A store's failure as a person reads it.
pub fn app_error(error: &StoreError) -> AppError {
    let details = serde_json::json!({ "store": error.to_string() });
    match error {
        StoreError::DiskFull => AppError::retryable(
            ErrorCode::DiskFull,
            "The disk is full, so the change was not saved. Free some space and do it again; everything saved before is safe.",
        ),
        StoreError::ReadOnly => AppError::retryable(
            ErrorCode::ReadOnly,
            "The data directory cannot be written, so nothing can be saved. Check its permissions and that the disk is not write-protected.",
        ),
        StoreError::Busy => AppError::retryable(
            ErrorCode::Internal,
            "Another program holds the data file (a backup or a virus scanner, perhaps), so the change was not saved. Do it again in a moment.",
        ),
        StoreError::Damaged(_) => AppError::new(
            ErrorCode::DataDamaged,
            "The data file on this machine is damaged. Keep a copy of it for recovery of unsent changes; what was synced is safe on the server.",
        ),
        StoreError::TooNew => AppError::new(
            ErrorCode::DataTooNew,
            "The data on this machine was written by a newer version of Cockpit. Install the newest version; nothing was changed.",
        ),
        StoreError::Other(_) => AppError::new(
            ErrorCode::Internal,
            "The local store failed, so the change was not saved. Restart Cockpit; if it happens again, report it with the details.",
        ),
    }
    .with_details(details)
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite_migration::Error> for Fault {
    fn from(error: rusqlite_migration::Error) -> Self {
        match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => Self::Sqlite(err),
            other => Self::Store(StoreError::Other(other.to_string())),
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Sqlite(error) => of_sqlite(&error),
        }
    }
}

fn of_sqlite(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => of_code(failure.extended_code, error.to_string()),
        // A value of another type than this app writes.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => StoreError::Damaged(error.to_string()),
        _ => StoreError::Other(error.to_string()),
    }
}

/// The extended code says more than the primary one, which is its low byte.
fn of_code(extended: i32, text: String) -> StoreError {
    match extended {
        // The shared memory file of the WAL could not be grown: the disk is as full as with SQLITE_FULL.
        ffi::SQLITE_IOERR_SHMSIZE => StoreError::DiskFull,
        ffi::SQLITE_IOERR_READ
        | ffi::SQLITE_IOERR_SHORT_READ
        | ffi::SQLITE_IOERR_CORRUPTFS
        | ffi::SQLITE_IOERR_DATA => StoreError::Damaged(text),
        ffi::SQLITE_IOERR_SHMOPEN | ffi::SQLITE_IOERR_ACCESS | ffi::SQLITE_IOERR_DELETE => StoreError::ReadOnly,
        ffi::SQLITE_CANTOPEN_ISDIR => StoreError::Other(text),
        _ => match extended & 0xff {
            ffi::SQLITE_FULL => StoreError::DiskFull,
            // SQLITE_CANTOPEN: the file itself was opened or made just before, so it is the -wal beside it that cannot be made.
            ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_CANTOPEN => StoreError::ReadOnly,
            // Interrupted is what a time limit does.
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_INTERRUPT => StoreError::Busy,
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => StoreError::Damaged(text),
            _ => StoreError::Other(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(ffi::SQLITE_FULL, "full")]
    #[case(ffi::SQLITE_IOERR_SHMSIZE, "full")]
    #[case(ffi::SQLITE_READONLY, "read only")]
    #[case(ffi::SQLITE_READONLY_DIRECTORY, "read only")]
    #[case(ffi::SQLITE_CANTOPEN, "read only")]
    #[case(ffi::SQLITE_IOERR_SHMOPEN, "read only")]
    #[case(ffi::SQLITE_CORRUPT, "damaged")]
    #[case(ffi::SQLITE_CORRUPT_INDEX, "damaged")]
    #[case(ffi::SQLITE_NOTADB, "damaged")]
    #[case(ffi::SQLITE_IOERR_SHORT_READ, "damaged")]
    #[case(ffi::SQLITE_IOERR_WRITE, "other")]
    #[case(ffi::SQLITE_BUSY, "busy")]
    #[case(ffi::SQLITE_BUSY_SNAPSHOT, "busy")]
    #[case(ffi::SQLITE_CANTOPEN_ISDIR, "other")]
    fn a_code_of_sqlite_tells_what_to_do(#[case] code: i32, #[case] kind: &str) {
        let error = StoreError::from(Fault::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)));
        let found = match error {
            StoreError::DiskFull => "full",
            StoreError::ReadOnly => "read only",
            StoreError::Busy => "busy",
            StoreError::Damaged(_) => "damaged",
            StoreError::TooNew => "too new",
            StoreError::Other(_) => "other",
        };
        assert_eq!(found, kind);
    }

    #[rstest]
    #[case(io::ErrorKind::StorageFull, StoreError::DiskFull)]
    #[case(io::ErrorKind::QuotaExceeded, StoreError::DiskFull)]
    #[case(io::ErrorKind::PermissionDenied, StoreError::ReadOnly)]
    #[case(io::ErrorKind::ReadOnlyFilesystem, StoreError::ReadOnly)]
    fn a_failure_of_the_file_system_does_too(#[case] kind: io::ErrorKind, #[case] expected: StoreError) {
        assert_eq!(of_io(Path::new("/x"), &kind.into()), expected);
    }
}
