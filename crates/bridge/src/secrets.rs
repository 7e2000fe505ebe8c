//! Secrets in a file that only its owner can read. A desktop has a keyring; a test machine has none, and must stay signed in across a
//! restart all the same.

use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Write},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use cockpit_engine::{SecretError, SecretStore};

/// Secrets in a file.
pub(crate) struct FileSecrets {
    path: PathBuf,
    // Held from reading to writing, so that two changes do not undo each other.
    writing: Mutex<()>,
}

impl FileSecrets {
    /// Secrets in `path`; its folder need not exist yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, writing: Mutex::new(()) }
    }

    fn read(&self) -> Result<BTreeMap<String, String>, SecretError> {
        match fs::read(&self.path) {
            Ok(text) => serde_json::from_slice(&text).map_err(failed),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(failed(error)),
        }
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, String>)) -> Result<(), SecretError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut secrets = self.read()?;
        change(&mut secrets);
        let text = serde_json::to_vec(&secrets).map_err(failed)?;
        // Through a second name, so that a crash leaves the old file or the new one.
        let unfinished = self.path.with_extension("new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written =
            options.open(&unfinished).and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&unfinished, &self.path)).map_err(failed)
    }
}

impl SecretStore for FileSecrets {
    fn get(&self, key: &str) -> Result<Option<String>, SecretError> {
        Ok(self.read()?.get(key).cloned())
    }

    fn set(&self, key: &str, secret: &str) -> Result<(), SecretError> {
        self.change(|secrets| drop(secrets.insert(key.to_owned(), secret.to_owned())))
    }

    fn remove(&self, key: &str) -> Result<(), SecretError> {
        self.change(|secrets| drop(secrets.remove(key)))
    }
}

fn failed(error: impl std::fmt::Display) -> SecretError {
    SecretError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_outlive_the_process_and_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        FileSecrets::new(path.clone()).set("a", "1").unwrap();
        let again = FileSecrets::new(path.clone());
        assert_eq!(again.get("a").unwrap().as_deref(), Some("1"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        again.remove("a").unwrap();
        assert_eq!(again.get("a").unwrap(), None);
    }
}
