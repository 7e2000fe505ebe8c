//! Opening a data file: private, checked, recognised, backed up, migrated.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

use cockpit_domain::TenantId;
use cockpit_sync::StoreError;
use rusqlite::{Connection, MAIN_DB, OpenFlags};
use rusqlite_migration::Migrations;
use uuid::Uuid;

use crate::{
    fault::{Fault, Held, damaged, of_io},
    replace::with_end,
    salvage,
    schema::Schema,
};

/// How long a file that was not closed is checked in full before it is used.
const UNCLEAN_CHECK: Duration = Duration::from_secs(2);
/// No app will ever have this many migrations: a version above it is damage.
const NEVER: usize = 10_000;

/// How to open a workspace's file.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The workspace. A file of another one is refused.
    pub tenant: TenantId,
    /// Whether to keep everything in memory and ignore the path, for tests.
    pub in_memory: bool,
    /// The most pages of 4 KiB the file may have, for tests of a full disk; `None` leaves it to the disk.
    pub max_pages: Option<u32>,
}

impl OpenOptions {
    /// A file on disk.
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, in_memory: false, max_pages: None }
    }

    /// No file at all, of the workspace with the nil id.
    pub fn memory() -> Self {
        Self { in_memory: true, ..Self::new(TenantId(Uuid::nil())) }
    }
}

/// Opens a file of the given kind, making it when it is not there.
pub(crate) fn open(path: &Path, schema: &Schema) -> Held<Connection> {
    let unclean = left_open(path)?;
    if unclean && salvage::is_cut_short(path).map_err(|error| of_io(path, &error))? {
        return Err(damaged("a page of its log is broken, and changes that were saved come after it"));
    }
    let (mut connection, version) = open_checked(path, schema)?;
    if unclean && version > 0 {
        check_within(&connection, UNCLEAN_CHECK)?;
    }
    configure(&connection)?;
    if version > 0 && version < schema.migrations.len() {
        back_up(&connection, path, version)?;
    }
    migrate(&mut connection, schema)?;
    Ok(connection)
}

/// The same for a file that is a copy, or new, and needs no copy before its migration.
pub(crate) fn open_prepared(path: &Path, schema: &Schema) -> Held<Connection> {
    let (mut connection, _) = open_checked(path, schema)?;
    configure(&connection)?;
    migrate(&mut connection, schema)?;
    Ok(connection)
}

fn open_checked(path: &Path, schema: &Schema) -> Held<(Connection, usize)> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Only a backup program or a person with a shell can be in the way; the profile's lock keeps other processes of ours out.
    connection.busy_timeout(Duration::from_secs(5))?;
    let version = check(&connection, schema)?;
    Ok((connection, version))
}

/// Whether the file was not closed by whoever had it last: its -wal is still there then. A -wal without a file is what a truncation leaves;
/// SQLite would remove it, with the last changes in it.
fn left_open(path: &Path) -> Held<bool> {
    let length = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(of_io(path, &error)),
    };
    let unclean = length(&with_end(path, "-wal"))? > 0;
    if unclean && length(path)? == 0 {
        return Err(damaged("it is empty, and changes that belong to it are not"));
    }
    Ok(unclean)
}

/// Checks the structure of the file in full, indexes included.
pub(crate) fn check_whole(connection: &Connection) -> Held<()> {
    let verdict: String = connection.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(verdict)) }
}

/// The same for as long as a person would wait; a check that is not through by then is not a failed one.
fn check_within(connection: &Connection, limit: Duration) -> Held<()> {
    let begun = Instant::now();
    connection.progress_handler(10_000, Some(move || begun.elapsed() > limit))?;
    let verdict = check_whole(connection);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match verdict {
        Err(Fault::Sqlite(error)) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => {
            tracing::warn!(?limit, "the check after an unclean end took too long and was left");
            Ok(())
        }
        verdict => verdict,
    }
}

/// The same without a file.
pub(crate) fn open_in_memory(schema: &Schema) -> Held<Connection> {
    let mut connection = Connection::open_in_memory()?;
    configure(&connection)?;
    migrate(&mut connection, schema)?;
    Ok(connection)
}

/// Makes a directory with its parents, readable by its owner only. One that is there keeps its mode: it may be one that a person chose
/// and shares with something else; the files in it are private in any case.
pub(crate) fn make_private_dir(path: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| of_io(path, &error))
}

/// Makes sure the file is there, is a file, and is readable by its owner only. SQLite gives -wal and -shm the mode of the file beside them.
pub(crate) fn make_private(path: &Path) -> Result<File, StoreError> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let open = || {
        let file = options.open(path)?;
        restrict(path, 0o600)?;
        Ok(file)
    };
    open().map_err(|error| of_io(path, &error))
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if fs::metadata(path)?.permissions().mode() & 0o777 != mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Elsewhere the directory of the user is private by its access list already.
#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

/// Looks at the file without writing to it; answers the number of migrations it has seen, 0 for an empty one.
fn check(connection: &Connection, schema: &Schema) -> Held<usize> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let version = number("user_version")?;
    let tables: i64 = connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    if version == 0 && tables == 0 {
        return Ok(0);
    }
    if number("application_id")? != schema.application_id {
        return Err(damaged("it is not a data file of this kind"));
    }
    let version = usize::try_from(version).map_err(|_| damaged("its version is negative"))?;
    // The first migration writes the version together with the tables.
    if version == 0 || version > NEVER {
        return Err(damaged(format!("its version cannot be {version}")));
    }
    if version > schema.migrations.len() {
        return Err(StoreError::TooNew.into());
    }
    let verdict: String = connection.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(version) } else { Err(damaged(verdict)) }
}

fn configure(connection: &Connection) -> Held<()> {
    // A step is on the disk when it is committed: `full` also in WAL mode, where the default of many programs is weaker.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // No function or view in a file may do what this program did not write.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // Kibibytes, as a negative number. Enough for most of the views' index of 100,000 tasks, and little beside the 60 MB the app may use.
    connection.pragma_update(None, "cache_size", -16_384)?;
    // Pages of 4 KiB. A bootstrap writes the same index pages again and again; a longer -wal lets them meet before they are copied back.
    connection.pragma_update(None, "wal_autocheckpoint", 8_192)?;
    // After a large transaction the -wal is cut back to this many bytes.
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn migrate(connection: &mut Connection, schema: &Schema) -> Held<()> {
    Ok(Migrations::from_slice(schema.migrations).to_latest(connection)?)
}

/// Copies the file beside itself as `<name>.v<version>.bak`, through a name of its own, so that half a copy is never taken for a whole one.
fn back_up(connection: &Connection, path: &Path, version: usize) -> Held<()> {
    let (unfinished, finished) = (with_end(path, ".bak.new"), with_end(path, &format!(".v{version}.bak")));
    make_private(&unfinished)?.set_len(0).map_err(|error| of_io(&unfinished, &error))?;
    connection.backup(MAIN_DB, &unfinished, None)?;
    fs::rename(&unfinished, &finished).map_err(|error| of_io(&finished, &error))?;
    tracing::info!(backup = %finished.display(), "the data file was copied before its migration");
    Ok(())
}

#[cfg(test)]
mod tests;
