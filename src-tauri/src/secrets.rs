//! Where refresh tokens are kept: in the keyring of the operating system, or only until the process ends.
//!
//! A keyring may be absent (a bare window manager), locked, or out of order, and some of these show only when something
//! is written. So the first use writes, reads and removes a probe. If that fails, secrets live in memory and the person
//! is told that they will have to sign in again; they are never written to a file instead.

use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cockpit_engine::{MemorySecrets, SecretError, SecretStore};
use keyring::{Entry, Error};

/// The name under which the keyring shows our entries to its owner.
const SERVICE: &str = "dev.cockpit.desktop";

/// How long the keyring may take to answer the probe. Long, because it may ask the person for a password first.
const PATIENCE: Duration = Duration::from_secs(60);

/// The secrets of one profile.
#[derive(Debug)]
pub struct SystemSecrets {
    keyring: Keyring,
    /// Decided at the first use, because asking a keyring can take seconds and no window may wait for it.
    place: OnceLock<Place>,
}

#[derive(Debug)]
enum Place {
    Keyring,
    Memory { secrets: MemorySecrets, reason: String },
}

impl SystemSecrets {
    /// The secrets of the profile in this directory. Two profiles of one person share a keyring but no entry, because
    /// each is a device of its own with its own tokens.
    pub fn new(profile: &Path) -> Arc<Self> {
        Arc::new(Self { keyring: Keyring { profile: profile.display().to_string() }, place: OnceLock::new() })
    }

    /// Why secrets end with this process, in the system's own words; `None` when they are kept. Blocks at its first call
    /// until the keyring has answered.
    pub fn lost_at_exit(&self) -> Option<&str> {
        match self.place() {
            Place::Keyring => None,
            Place::Memory { reason, .. } => Some(reason),
        }
    }

    fn place(&self) -> &Place {
        self.place.get_or_init(|| match self.keyring.probe_with_patience() {
            Ok(()) => Place::Keyring,
            Err(SecretError(reason)) => {
                tracing::warn!(%reason, "no usable keyring; this session's sign-in ends with the process");
                Place::Memory { secrets: MemorySecrets::default(), reason }
            }
        })
    }

    fn store(&self) -> &dyn SecretStore {
        match self.place() {
            Place::Keyring => &self.keyring,
            Place::Memory { secrets, .. } => secrets,
        }
    }
}

impl SecretStore for SystemSecrets {
    fn get(&self, key: &str) -> Result<Option<String>, SecretError> {
        self.store().get(key)
    }

    fn set(&self, key: &str, secret: &str) -> Result<(), SecretError> {
        self.store().set(key, secret)
    }

    fn remove(&self, key: &str) -> Result<(), SecretError> {
        self.store().remove(key)
    }
}

/// The operating system's keyring, trusted without a probe.
#[derive(Debug, Clone)]
struct Keyring {
    profile: String,
}

impl Keyring {
    fn entry(&self, key: &str) -> Result<Entry, SecretError> {
        Entry::new(SERVICE, &format!("{key} ({})", self.profile)).map_err(told)
    }

    /// Writes, reads and removes. Reading alone proves nothing: a locked keyring answers as if it were empty.
    fn probe(&self) -> Result<(), SecretError> {
        let key = format!("probe {}", uuid::Uuid::now_v7());
        self.set(&key, "probe")?;
        let read = self.entry(&key)?.get_password().map_err(told)?;
        self.remove(&key)?;
        if read == "probe" { Ok(()) } else { Err(SecretError("the keyring answers other than it was told".to_owned())) }
    }

    /// The probe on a thread of its own, which is left behind when the keyring does not answer.
    fn probe_with_patience(&self) -> Result<(), SecretError> {
        let (sender, receiver) = channel();
        let keyring = self.clone();
        std::thread::spawn(move || {
            // Nobody listens any more after the patience has ended.
            sender.send(keyring.probe()).ok();
        });
        receiver
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| Err(SecretError(format!("the keyring did not answer in {} s", PATIENCE.as_secs()))))
    }
}

impl SecretStore for Keyring {
    fn get(&self, key: &str) -> Result<Option<String>, SecretError> {
        match self.entry(key)?.get_password() {
            Ok(secret) => Ok(Some(secret)),
            // Absent, or locked in the meantime: only writing can tell.
            Err(Error::NoEntry) => self.probe().map(|()| None),
            Err(error) => Err(told(error)),
        }
    }

    fn set(&self, key: &str, secret: &str) -> Result<(), SecretError> {
        self.entry(key)?.set_password(secret).map_err(told)
    }

    fn remove(&self, key: &str) -> Result<(), SecretError> {
        match self.entry(key)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(told(error)),
        }
    }
}

fn told(error: Error) -> SecretError {
    match error {
        Error::NoDefaultStore => match Entry::store_status() {
            Err(cause) => SecretError(format!("this system has no keyring: {cause}")),
            Ok(()) => SecretError("this system has no keyring".to_owned()),
        },
        // These two could quote the secret itself.
        Error::BadEncoding(_) | Error::BadDataFormat(..) => SecretError("the keyring's entry is not text".to_owned()),
        other => SecretError(other.to_string()),
    }
}
