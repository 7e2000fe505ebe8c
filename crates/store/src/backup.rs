//! Backups of a workspace's file: made beside the engine's work, few enough to keep, and put back with one call.

mod restore;
mod rotation;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cockpit_sync::{StoreError, Stored};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use rusqlite::{Connection, OpenFlags};

pub use self::restore::Restored;
pub(crate) use self::restore::close;
use crate::{
    fault::{Fault, Held, damaged, of_io},
    file,
    replace::{sync_file, sync_parent},
};

/// How a backup's time is written in its name; UTC, so that names sort as times do.
const NAME: &str = "%Y%m%dT%H%M%SZ";
const END: &str = ".sqlite3";
/// How many instructions of SQLite's machine pass between two looks at the clock; some hundred microseconds.
const BETWEEN_LOOKS: i32 = 1_000;

/// The backups of one workspace of one account: a directory of files, each a whole workspace file of its own.
///
/// Every method may be called on any thread while the workspace is open elsewhere, except [`restore`](Self::restore).
#[derive(Clone, Debug)]
pub struct Backups {
    directory: PathBuf,
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// What it is called in [`Backups::restore`].
    pub name: String,
    /// When it was made.
    pub taken_at: Timestamp,
    /// Its size in bytes.
    pub bytes: u64,
    /// What is in it; `None` when it cannot be read.
    pub counts: Option<BackupCounts>,
}

/// What is in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupCounts {
    /// Projects, in the trash or not.
    pub projects: u32,
    /// Tasks, in the trash or not.
    pub tasks: u32,
    /// Time entries, in the trash or not; 0 in a backup from before they were kept.
    pub time_entries: u32,
    /// Changes that the server had not confirmed, refused ones included.
    pub unsent: u32,
}

impl Backups {
    /// Those in a directory, which need not be there.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Copies the workspace file at `source` as it stands, and removes the backups that are not kept any more: the newest of each of the last
    /// 24 hours that have one, and of each of the last 14 days that have one, stay. The copy is made by `VACUUM INTO` on a connection of its
    /// own, so it is one moment of the file, and nobody who writes waits for it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the source cannot be read whole: a damaged file never takes the place of a good backup.
    /// [`StoreError::Busy`] when it took longer than `limit`. [`StoreError::DiskFull`] and [`StoreError::ReadOnly`] when the copy cannot be
    /// written. The earlier backups are all there after an error.
    pub fn make(&self, source: &Path, now: Timestamp, limit: Duration) -> Stored<Backup> {
        file::make_private_dir(&self.directory)?;
        let name = Offset::UTC.to_datetime(now).strftime(NAME).to_string();
        let unfinished = self.directory.join("unfinished");
        let finished = self.path(&name);
        // SQLite writes into an empty file, and leaves its mode alone.
        file::make_private(&unfinished)?.set_len(0).map_err(|error| of_io(&unfinished, &error))?;
        let made = copy(source, &unfinished, limit)
            .map_err(StoreError::from)
            .and_then(|()| sync_file(&unfinished))
            .and_then(|()| fs::rename(&unfinished, &finished).map_err(|error| of_io(&finished, &error)))
            .and_then(|()| sync_parent(&finished));
        if let Err(error) = made {
            // On a full disk half a copy is in everybody's way.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        self.rotate()?;
        self.read(name)?.ok_or_else(|| StoreError::Other("a backup is gone that was just made".to_owned()))
    }

    /// Whether the newest backup is an hour old, or there is none. One from the future, after the clock was set back, is no reason to wait.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn is_due(&self, now: Timestamp) -> Stored<bool> {
        let recent = |at: Timestamp| at <= now && now.duration_since(at) < SignedDuration::from_hours(1);
        Ok(!self.times()?.into_iter().any(|(at, _)| recent(at)))
    }

    /// All backups, newest first.
    ///
    /// # Errors
    /// When the directory cannot be read. A backup that cannot be read is listed without counts.
    pub fn list(&self) -> Stored<Vec<Backup>> {
        let mut all = Vec::new();
        for (_, name) in self.times()? {
            all.extend(self.read(name)?);
        }
        Ok(all)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}{END}"))
    }

    /// The backups' times and names, newest first. Files that are called otherwise are not ours to list, restore or remove.
    fn times(&self) -> Stored<Vec<(Timestamp, String)>> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(of_io(&self.directory, &error)),
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| of_io(&self.directory, &error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_suffix(END)) else { continue };
            if let Some(at) = time_of(name) {
                all.push((at, name.to_owned()));
            }
        }
        all.sort_by(|one, other| other.cmp(one));
        Ok(all)
    }

    fn read(&self, name: String) -> Stored<Option<Backup>> {
        let path = self.path(&name);
        let bytes = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(of_io(&path, &error)),
        };
        let Some(taken_at) = time_of(&name) else { return Ok(None) };
        Ok(Some(Backup { name, taken_at, bytes, counts: counts(&path).ok() }))
    }

    fn rotate(&self) -> Stored<()> {
        let all = self.times()?;
        let times: Vec<Timestamp> = all.iter().map(|(at, _)| *at).collect();
        let kept = rotation::kept(&times);
        for (at, name) in all {
            if !kept.contains(&at) {
                let path = self.path(&name);
                fs::remove_file(&path).map_err(|error| of_io(&path, &error))?;
            }
        }
        Ok(())
    }
}

/// The time in a backup's name, if it is one's name exactly.
fn time_of(name: &str) -> Option<Timestamp> {
    let at = DateTime::strptime(NAME, name).ok()?;
    if at.strftime(NAME).to_string() == name { Offset::UTC.to_timestamp(at).ok() } else { None }
}

/// A connection that only reads, and that gives up at a moment.
pub(crate) fn reader(path: &Path, limit: Duration) -> Held<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5).min(limit))?;
    connection.pragma_update(None, "trusted_schema", false)?;
    let begun = Instant::now();
    connection.progress_handler(BETWEEN_LOOKS, Some(move || begun.elapsed() > limit))?;
    Ok(connection)
}

fn copy(source: &Path, target: &Path, limit: Duration) -> Held<()> {
    let begun = Instant::now();
    let target_name = target.to_str().ok_or_else(|| damaged("the name of the data directory is not Unicode"))?;
    reader(source, limit)?.execute("vacuum into ?1", [target_name])?;
    // A small file is through before anybody has looked at the clock.
    if begun.elapsed() > limit {
        return Err(StoreError::Busy.into());
    }
    let copy = reader(target, limit.saturating_sub(begun.elapsed()))?;
    let verdict: String = copy.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(verdict)) }
}

fn counts(path: &Path) -> Held<BackupCounts> {
    let connection = reader(path, Duration::from_secs(5))?;
    let count = |table: &str| -> Held<u32> {
        let known = "select exists (select 1 from sqlite_schema where type = 'table' and name = ?1)";
        if !connection.query_row(known, [table], |row| row.get::<_, bool>(0))? {
            return Ok(0);
        }
        Ok(connection.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0))?)
    };
    let unsent = connection.query_row("select count(*) from outbox", [], |row| row.get(0)).map_err(Fault::from)?;
    Ok(BackupCounts {
        projects: count("projects")?,
        tasks: count("tasks")?,
        time_entries: count("time_entries")?,
        unsent,
    })
}
