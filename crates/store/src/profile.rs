//! A profile: one directory, one process, the accounts and workspaces it knows, and the small state of the windows.

use std::{
    fs::{self, File, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use cockpit_domain::{AppError, ErrorCode, TenantId};
use cockpit_sync::{StoreError, Stored};
use rusqlite::Connection;
use serde_json::Value;

use crate::{
    backup::Backups,
    fault::{Held, app_error, damaged, of_io},
    file,
    profile_accounts::AccountId,
    schema::PROFILE,
};

/// An open profile. While it lives, no other process can open it.
#[derive(Debug)]
pub struct Profile {
    pub(crate) connection: Connection,
    directory: PathBuf,
    /// Freed by the operating system however the process ends.
    _lock: File,
}

/// Why a profile cannot be opened.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// Another process has it open.
    #[error("another process of Cockpit uses the profile in {}", directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The process, where it can be read.
        process: Option<u32>,
    },
    /// Its directory or file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Profile {
    /// Opens the profile in `directory`, making both when they are not there.
    ///
    /// # Errors
    /// [`ProfileError::InUse`] while another process has it; otherwise as [`crate::SqliteStore::open`].
    pub fn open(directory: &Path) -> Result<Self, ProfileError> {
        file::make_private_dir(directory)?;
        let lock_path = directory.join("profile.lock");
        let mut lock = file::make_private(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // Only for the message, and where the holder's file cannot be read (Windows locks its content too) it goes without.
                let process = fs::read_to_string(&lock_path).ok().and_then(|text| text.trim().parse().ok());
                return Err(ProfileError::InUse { directory: directory.to_owned(), process });
            }
            Err(TryLockError::Error(error)) => return Err(of_io(&lock_path, &error).into()),
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|error| of_io(&lock_path, &error))?;
        let connection = file::open(&directory.join("profile.sqlite3"), &PROFILE).map_err(StoreError::from)?;
        Ok(Self { connection, directory: directory.to_owned(), _lock: lock })
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where a workspace's file lies; its directory is made when it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn workspace_path(&self, account: AccountId, tenant: TenantId) -> Stored<PathBuf> {
        let directory = self.directory.join(account.0.to_string());
        file::make_private_dir(&directory)?;
        Ok(directory.join(format!("{tenant}.sqlite3")))
    }

    /// The backups of a workspace, kept apart by account: two people on one machine have two copies of the same workspace.
    pub fn backups(&self, account: AccountId, tenant: TenantId) -> Backups {
        Backups::new(self.directory.join("backups").join(account.0.to_string()).join(tenant.to_string()))
    }

    /// Takes everything of an account's workspaces off this machine: their files, what was put aside, what was rescued, and the backups.
    ///
    /// # Errors
    /// When something cannot be removed; more may be left then.
    pub fn remove_files(&self, account: AccountId) -> Stored<()> {
        let name = account.0.to_string();
        for directory in [self.directory.join(&name), self.directory.join("backups").join(&name)] {
            match fs::remove_dir_all(&directory) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(of_io(&directory, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// All preferences, by key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn preferences(&self) -> Stored<Vec<(String, Value)>> {
        Ok(preferences(&self.connection)?)
    }

    /// Sets a preference; null removes it. The limits on key and value are the caller's.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_preference(&self, key: &str, value: &Value) -> Stored<()> {
        Ok(set_preference(&self.connection, key, value)?)
    }
}

impl From<ProfileError> for AppError {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::InUse { directory, process } => {
                let who = process.map(|process| format!(" (process {process})")).unwrap_or_default();
                AppError::retryable(
                    ErrorCode::ProfileInUse,
                    format!(
                        "Another Cockpit{who} already uses the data in {}. Use that one, close it and start again, or name another folder with --profile.",
                        directory.display()
                    ),
                )
                .with_details(serde_json::json!({ "directory": directory.display().to_string(), "process": process }))
            }
            ProfileError::Store(error) => app_error(&error),
        }
    }
}

fn preferences(connection: &Connection) -> Held<Vec<(String, Value)>> {
    let mut statement = connection.prepare_cached("select key, value from preference order by key")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, value): (String, String) = (row.get(0)?, row.get(1)?);
        let value = serde_json::from_str(&value).map_err(|error| damaged(format!("the preference {key}: {error}")))?;
        all.push((key, value));
    }
    Ok(all)
}

fn set_preference(connection: &Connection, key: &str, value: &Value) -> Held<()> {
    if value.is_null() {
        connection.prepare_cached("delete from preference where key = ?1")?.execute([key])?;
    } else {
        connection
            .prepare_cached("insert or replace into preference (key, value) values (?1, ?2)")?
            .execute((key, value.to_string()))?;
    }
    Ok(())
}
