//! A profile: one data directory, used by one process at a time.
//!
//! Two processes on one directory would each believe that they are the same device and number their mutations twice,
//! so the directory is locked for as long as a [`Profile`] lives. The operating system frees the lock when the
//! process ends in whatever way, so a crash leaves nothing to clean up.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use thiserror::Error;

/// Why a profile cannot be used. Every message says what to do.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// The operating system names no home for the current user.
    #[error("no home directory is known for this user; name a folder with --profile DIR")]
    NoHome,
    /// Another process holds the directory.
    #[error(
        "another Cockpit{process} already uses {}; close it first, or start this one with --profile and another folder",
        directory.display()
    )]
    InUse {
        /// The directory in question.
        directory: PathBuf,
        /// `" (process 123)"` when the holder is known, else empty.
        process: String,
    },
    /// The directory cannot be made or written.
    #[error(
        "{} cannot be written ({source}); check its owner and rights and the free space, or name another folder with --profile",
        directory.display()
    )]
    NotWritable {
        /// The directory in question.
        directory: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// An opened and locked data directory.
#[derive(Debug)]
pub struct Profile {
    directory: PathBuf,
    /// Held open for its lock only.
    _lock: File,
}

impl Profile {
    /// Opens the directory, makes it if it is absent, and takes its lock. `None` means the place the operating system
    /// gives to application data.
    pub fn open(directory: Option<PathBuf>) -> Result<Self, ProfileError> {
        let directory = match directory {
            Some(directory) => directory,
            None => default_directory().ok_or(ProfileError::NoHome)?,
        };
        let not_writable = |source| ProfileError::NotWritable { directory: directory.clone(), source };
        create_private(&directory).map_err(not_writable)?;
        let directory = directory.canonicalize().map_err(not_writable)?;
        let lock = take_lock(&directory)?;
        Ok(Self { directory, _lock: lock })
    }

    /// The absolute path of the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the web view keeps its caches. Nothing of value is ever stored there.
    pub fn webview_directory(&self) -> PathBuf {
        self.directory.join("webview")
    }
}

fn default_directory() -> Option<PathBuf> {
    ProjectDirs::from("dev", "cockpit", "Cockpit").map(|dirs| dirs.data_dir().to_path_buf())
}

/// Makes the directory readable for its owner only, because it holds the rows of every workspace.
fn create_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn take_lock(directory: &Path) -> Result<File, ProfileError> {
    let not_writable = |source| ProfileError::NotWritable { directory: directory.to_path_buf(), source };
    let path = directory.join("cockpit.lock");
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(not_writable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(ProfileError::InUse { directory: directory.to_path_buf(), process: holder(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(not_writable(source)),
    }
    write_holder(&mut file).map_err(not_writable)?;
    Ok(file)
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// The process that holds the lock, for the message only: it may be unreadable (Windows locks the content too).
fn holder(file: &mut File) -> String {
    let mut content = String::new();
    match file.read_to_string(&mut content) {
        Ok(_) if !content.trim().is_empty() => format!(" (process {})", content.trim()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opening_is_refused_and_names_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = Profile::open(Some(folder.path().join("p"))).unwrap();
        let refusal = Profile::open(Some(folder.path().join("p"))).unwrap_err().to_string();
        assert!(refusal.contains(&format!("process {}", std::process::id())), "{refusal}");
        drop(first);
        Profile::open(Some(folder.path().join("p"))).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told_with_its_path_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let refusal = Profile::open(Some(file.join("below"))).unwrap_err().to_string();
        assert!(refusal.contains("below") && refusal.contains("--profile"), "{refusal}");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_a_new_profile() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(folder.path().join("p"))).unwrap();
        assert_eq!(fs::metadata(profile.directory()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
