//! Putting another file in the place of a workspace's file, so that a crash at any moment leaves the one or the other whole.
//!
//! The new file is made under a name of its own. From the moment it is called `<name>.prepared` it counts: whoever opens the workspace next
//! first finishes the exchange, which can be begun anew as often as needed. The file that was there is kept as `<name>.aside-<milliseconds>`
//! with its `-wal`, so that SQLite and [`crate::recover`] can still read it.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use cockpit_sync::{StoreError, Stored};

use crate::fault::of_io;

/// What belongs to a database: the file, and what SQLite keeps beside it.
pub(crate) const ENDS: [&str; 3] = ["", "-wal", "-shm"];

/// The path with something appended to its name.
pub(crate) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Where the next file is made. What an earlier try left there is removed.
pub(crate) fn begin(path: &Path) -> Stored<PathBuf> {
    let unfinished = with_end(path, ".unfinished");
    remove(&unfinished)?;
    Ok(unfinished)
}

/// Puts the closed file that was made at [`begin`]'s path in the place of the one at `path`; answers where that one is kept now.
pub(crate) fn commit(path: &Path) -> Stored<Option<PathBuf>> {
    let unfinished = with_end(path, ".unfinished");
    sync_file(&unfinished)?;
    // A closed file has none, and a stray one would be taken for the new file's.
    for end in ["-wal", "-shm"] {
        remove_one(&with_end(&unfinished, end))?;
    }
    let prepared = prepared(path);
    fs::rename(&unfinished, &prepared).map_err(|error| of_io(&prepared, &error))?;
    sync_parent(path)?;
    finish(path)
}

/// Finishes an exchange that was committed and not carried out. Answers where the file is that was there before.
pub(crate) fn finish(path: &Path) -> Stored<Option<PathBuf>> {
    let prepared = prepared(path);
    let made = match fs::metadata(&prepared) {
        Ok(metadata) => metadata.modified().map_err(|error| of_io(&prepared, &error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(of_io(&prepared, &error)),
    };
    // The same name at every try: the parts of the file that was there must not end up under different ones.
    let millis = made.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let aside = with_end(path, &format!(".aside-{millis}"));
    for end in ENDS {
        match fs::rename(with_end(path, end), with_end(&aside, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(of_io(&aside, &error)),
            _ => {}
        }
    }
    fs::rename(&prepared, path).map_err(|error| of_io(path, &error))?;
    sync_parent(path)?;
    Ok(aside.exists().then_some(aside))
}

/// Whether an exchange was committed and not carried out.
pub(crate) fn is_committed(path: &Path) -> bool {
    prepared(path).exists()
}

/// Removes a database; that it is not there is fine.
pub(crate) fn remove(path: &Path) -> Stored<()> {
    ENDS.iter().try_for_each(|end| remove_one(&with_end(path, end)))
}

/// Makes sure that a file's content is on the disk.
pub(crate) fn sync_file(path: &Path) -> Stored<()> {
    // Windows flushes only what may be written.
    let sync = || File::options().read(true).write(true).open(path)?.sync_all();
    sync().map_err(|error| of_io(path, &error))
}

/// Makes sure that a new name in a directory is on the disk. Only Unix has a way to say so.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        File::open(directory).and_then(|handle| handle.sync_all()).map_err(|error| of_io(directory, &error))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn prepared(path: &Path) -> PathBuf {
    with_end(path, ".prepared")
}

fn remove_one(path: &Path) -> Stored<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(of_io(path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    /// A crash between any two renames leaves some of the parts moved; opening again moves the rest to the same place.
    #[test]
    fn an_exchange_that_was_cut_off_is_finished_as_it_began() {
        for moved in 0..=3 {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("w.sqlite3");
            for (end, text) in [("", "old"), ("-wal", "old wal"), ("-shm", "old shm"), (".prepared", "new")] {
                fs::write(with_end(&path, end), text).unwrap();
            }
            let made = fs::metadata(prepared(&path)).unwrap().modified().unwrap();
            let aside = with_end(&path, &format!(".aside-{}", made.duration_since(UNIX_EPOCH).unwrap().as_millis()));
            for end in ENDS.iter().take(moved) {
                fs::rename(with_end(&path, end), with_end(&aside, end)).unwrap();
            }
            assert_eq!(finish(&path).unwrap().as_ref(), Some(&aside));
            assert_eq!(
                (read(&path), read(&aside), read(&with_end(&aside, "-wal"))),
                ("new".into(), "old".into(), "old wal".into())
            );
            assert!(!with_end(&path, "-wal").exists() && !prepared(&path).exists());
            assert_eq!(finish(&path).unwrap(), None);
        }
    }
}
