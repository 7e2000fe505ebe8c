//! The folder of a private PostgreSQL: `data` (the cluster), `run` (its socket), `postgres.log`, all three the server's, and
//! `password`, which only its owner reads. And the account that the server runs under.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{Read, Write},
    os::unix::{
        fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use nix::unistd::{Uid, User};

use super::error::PostgresError;

/// A socket's path is at most 107 bytes on Linux and 103 on macOS; this much of it is the file's name.
const SOCKET_NAME: usize = "/.s.PGSQL.65535.lock".len();
const SOCKET_PATH_MAX: usize = 103;

/// Who runs the server: this user, or for root an unprivileged one.
#[derive(Clone, Debug)]
pub(super) struct Account {
    name: String,
    /// Nothing when it is this process's own user.
    ids: Option<(u32, u32)>,
}

impl Account {
    fn find() -> Result<Self, PostgresError> {
        if !Uid::effective().is_root() {
            let user = User::from_uid(Uid::effective()).ok().flatten();
            return Ok(Self { name: user.map_or_else(|| Uid::effective().to_string(), |user| user.name), ids: None });
        }
        for name in ["postgres", "nobody"] {
            if let Ok(Some(user)) = User::from_name(name) {
                return Ok(Self { name: user.name, ids: Some((user.uid.as_raw(), user.gid.as_raw())) });
            }
        }
        Err(PostgresError::NoUser)
    }

    /// Makes a command run as this account, away from the caller's environment and folder, which may not be its own to see.
    pub(super) fn run_as(&self, command: &mut Command) {
        if let Some((uid, gid)) = self.ids {
            command.uid(uid).gid(gid).current_dir("/");
        }
        // Messages are matched by their English text, and nobody's PGDATA or PGHOST shall lead the programs astray.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// The folder, ready to hold a cluster.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
    account: Account,
}

impl Folder {
    pub(super) fn open(root: &Path) -> Result<Self, PostgresError> {
        fs::create_dir_all(root).map_err(|source| PostgresError::io(root, source))?;
        let root = root.canonicalize().map_err(|source| PostgresError::io(root, source))?;
        let folder = Self { root, account: Account::find()? };
        for name in ["data", "run"] {
            folder.give(&folder.root.join(name))?;
        }
        folder.let_in()?;
        Ok(folder)
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// Where the socket goes, if its path is not too long for the system.
    pub(super) fn socket_folder(&self) -> Option<PathBuf> {
        let folder = self.root.join("run");
        (folder.as_os_str().len() + SOCKET_NAME <= SOCKET_PATH_MAX).then_some(folder)
    }

    /// The major version of the cluster, or nothing when none was finished.
    pub(super) fn cluster_version(&self) -> Result<Option<u32>, PostgresError> {
        // `made` is written after initdb: a cluster that a crash left half made is made again.
        if !self.root.join("made").exists() {
            return Ok(None);
        }
        let path = self.cluster().join("PG_VERSION");
        let text = fs::read_to_string(&path).map_err(|source| PostgresError::io(&path, source))?;
        let version = text.trim().parse().map_err(|_| PostgresError::Folder {
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, "it names no version"),
            path,
        })?;
        Ok(Some(version))
    }

    /// Throws away what a crashed initdb left, so that it can begin again.
    pub(super) fn clear_unfinished(&self) -> Result<(), PostgresError> {
        let cluster = self.cluster();
        fs::remove_dir_all(&cluster).map_err(|source| PostgresError::io(&cluster, source))?;
        self.give(&cluster)
    }

    pub(super) fn mark_made(&self) -> Result<(), PostgresError> {
        let path = self.root.join("made");
        fs::write(&path, "The cluster in data is complete.\n").map_err(|source| PostgresError::io(path, source))
    }

    /// The password of every login role, made at the first start.
    pub(super) fn password(&self) -> Result<String, PostgresError> {
        let path = self.root.join("password");
        let fail = |source| PostgresError::io(&path, source);
        match fs::File::open(&path) {
            Ok(mut file) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(fail)?;
                Ok(text.trim().to_owned())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let password: String = rand::random::<[u8; 24]>().iter().map(|byte| format!("{byte:02x}")).collect();
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(fail)?;
                file.write_all(password.as_bytes()).and_then(|()| file.sync_all()).map_err(fail)?;
                Ok(password)
            }
            Err(error) => Err(fail(error)),
        }
    }

    /// The log, opened to be written at its end by the server.
    pub(super) fn open_log(&self) -> Result<fs::File, PostgresError> {
        let path = self.log();
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        file.map_err(|source| PostgresError::io(path, source))
    }

    /// A private file for the account, such as initdb's password file.
    pub(super) fn write_for_account(&self, name: &str, text: &str) -> Result<PathBuf, PostgresError> {
        let path = self.root.join(name);
        let fail = |source| PostgresError::io(&path, source);
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(fail)?;
        file.write_all(text.as_bytes()).map_err(fail)?;
        self.chown(&path)?;
        Ok(path)
    }

    fn give(&self, path: &Path) -> Result<(), PostgresError> {
        fs::create_dir_all(path).map_err(|source| PostgresError::io(path, source))?;
        self.chown(path)?;
        let mode = if path.ends_with("run") { 0o755 } else { 0o700 };
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|source| PostgresError::io(path, source))
    }

    fn chown(&self, path: &Path) -> Result<(), PostgresError> {
        match self.account.ids {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)).map_err(|source| PostgresError::io(path, source)),
            None => Ok(()),
        }
    }

    /// Started by root, the server must be able to walk to its folder: the search bit, and no more, is added to root's folders on the
    /// way. Their names still cannot be listed. Another user's folder is not touched, and named in the error.
    fn let_in(&self) -> Result<(), PostgresError> {
        let Some((uid, gid)) = self.account.ids else { return Ok(()) };
        for ancestor in self.root.ancestors() {
            let fail = |source| PostgresError::io(ancestor, source);
            let meta = fs::metadata(ancestor).map_err(fail)?;
            let may_search = match (meta.uid() == uid, meta.gid() == gid) {
                (true, _) => meta.mode() & 0o100 != 0,
                (_, true) => meta.mode() & 0o010 != 0,
                _ => meta.mode() & 0o001 != 0,
            };
            if may_search {
                continue;
            } else if meta.uid() != 0 {
                return Err(PostgresError::Permission { path: ancestor.to_owned(), user: self.account.name.clone() });
            }
            tracing::info!(path = %ancestor.display(), user = self.account.name, "opened for passing through");
            fs::set_permissions(ancestor, Permissions::from_mode(meta.mode() & 0o7777 | 0o011)).map_err(fail)?;
        }
        Ok(())
    }
}
