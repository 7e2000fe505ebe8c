//! The hub's data directory: who serves it, the signing secret, and `hub.json`, which tells other programs how to reach the hub.
//!
//! `DIR/hub.lock` is held (flock) by the one hub that serves the directory, and freed by the kernel however the process ends;
//! `DIR/jwt-secret` and `DIR/hub.json` are readable by their owner only; `DIR/pg` belongs to PostgreSQL.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::error::HubError;

const SECRET_BYTES: usize = 48;

/// A data directory that exists and is writable.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    root: PathBuf,
}

/// Held while a hub serves the directory.
#[derive(Debug)]
pub(crate) struct ServeLock {
    _lock: Flock<File>,
}

/// What `DIR/hub.json` says while a hub runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct HubFile {
    /// The address to type into a client, such as `http://127.0.0.1:54500`.
    pub url: String,
    /// The anonymous key, which every request carries.
    pub anon_key: String,
    /// The hub's process id.
    pub pid: u32,
    /// The address that links in its mails begin with.
    #[serde(default)]
    pub public_url: Option<String>,
}

impl DataDir {
    pub(crate) fn open(root: &Path) -> Result<Self, HubError> {
        let fail = |source| HubError::DataDirectory { path: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(fail)?;
        Ok(Self { root: root.canonicalize().map_err(fail)? })
    }

    /// Where PostgreSQL keeps its cluster.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.root.join("pg")
    }

    /// Takes the right to serve this directory.
    pub(crate) fn lock(&self) -> Result<ServeLock, HubError> {
        let path = self.root.join("hub.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(|source| HubError::DataDirectory { path: path.clone(), source })?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(ServeLock { _lock: lock }),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
                Err(HubError::AlreadyServed { data: self.root.clone(), pid: self.read_hub_file().map(|file| file.pid) })
            }
            Err((_, errno)) => Err(HubError::DataDirectory { path, source: errno.into() }),
        }
    }

    /// The signing secret, made at the first start.
    pub(crate) fn signing_secret(&self) -> Result<Vec<u8>, HubError> {
        let path = self.root.join("jwt-secret");
        let fail = |source| HubError::DataDirectory { path: path.clone(), source };
        let mut text = String::new();
        match File::open(&path) {
            Ok(mut file) => {
                file.read_to_string(&mut text).map_err(fail)?;
                match BASE64_STANDARD.decode(text.trim()) {
                    Ok(secret) if secret.len() >= SECRET_BYTES => Ok(secret),
                    _ => Err(HubError::SigningKey(path)),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret: [u8; SECRET_BYTES] = rand::random();
                write_private(&path, BASE64_STANDARD.encode(secret).as_bytes()).map_err(fail)?;
                Ok(secret.to_vec())
            }
            Err(source) => Err(fail(source)),
        }
    }

    pub(crate) fn write_hub_file(&self, file: &HubFile) -> Result<(), HubError> {
        let path = self.root.join("hub.json");
        let json = serde_json::to_vec_pretty(file).map_err(|error| HubError::Internal(error.to_string()))?;
        write_private(&path, &json).map_err(|source| HubError::DataDirectory { path, source })
    }

    /// The file of the hub that runs, or that ran last and was killed.
    pub(crate) fn read_hub_file(&self) -> Option<HubFile> {
        serde_json::from_slice(&std::fs::read(self.root.join("hub.json")).ok()?).ok()
    }

    /// A missing file says that no hub runs.
    pub(crate) fn remove_hub_file(&self) {
        let path = self.root.join("hub.json");
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "hub.json could not be removed");
        }
    }
}

/// Writes a file that only its owner may read, whole or not at all: a crash leaves the old one.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&next)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&next, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let first = data.signing_secret().unwrap();
        assert_eq!(first, data.signing_secret().unwrap());
        let mode = std::fs::metadata(folder.path().join("jwt-secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.path().join("jwt-secret"), "short").unwrap();
        assert_eq!(data.signing_secret().unwrap_err().code(), "signing_key");
    }

    #[test]
    fn a_directory_is_served_by_one_hub_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let lock = data.lock().unwrap();
        assert_eq!(data.lock().unwrap_err().code(), "already_served");
        drop(lock);
        data.lock().unwrap();
    }
}
