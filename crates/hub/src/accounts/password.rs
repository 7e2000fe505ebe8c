//! Passwords: what is asked of them, and their bcrypt hashes.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{AccountError, internal};
use crate::error::HubError;

/// The cost GoTrue uses: about 50 ms a check.
const BCRYPT_COST: u32 = 10;
/// The hash of a random text nobody kept, checked when the address is unknown, so that both answers take the same work.
const DECOY: &str = "$2a$10$fseiRZuF8RpuJ/AwBKMIJeJGEzMr4FnFb70DzOKdIpEXNZ5tF9/Gu";
/// bcrypt ignores what is beyond; GoTrue and the hub refuse it instead.
pub(crate) const MAX_BYTES: usize = 72;
pub(crate) const MIN_CHARS: usize = 6;
/// Checks at one time. More would let a flood of sign-ins take every core from the people who are already in.
const PARALLEL_CHECKS: usize = 2;

/// Hashes and compares passwords, a few at a time and never on the threads that serve requests.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(PARALLEL_CHECKS)) }
    }

    /// The hash of a password that [`fits`].
    pub(crate) async fn hash(&self, password: &str) -> Result<String, HubError> {
        let _turn = self.turns.acquire().await.map_err(internal)?;
        let password = password.to_owned();
        let hash = tokio::task::spawn_blocking(move || bcrypt::hash(password, BCRYPT_COST));
        hash.await.map_err(internal)?.map_err(internal)
    }

    /// Whether it is the password of this hash. No hash is compared with a decoy, and takes as long.
    pub(crate) async fn matches(&self, password: &str, hash: Option<String>) -> Result<bool, HubError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DECOY.to_owned());
        let _turn = self.turns.acquire().await.map_err(internal)?;
        let password = password.to_owned();
        let compared = tokio::task::spawn_blocking(move || {
            // What bcrypt cannot tell apart is no password of anybody; the prefix keeps the work the same.
            let text: &[u8] = password.as_bytes().get(..MAX_BYTES).unwrap_or(password.as_bytes());
            bcrypt::verify(text, &hash).unwrap_or(false) && password.len() <= MAX_BYTES
        });
        Ok(compared.await.map_err(internal)? && known)
    }
}

/// Whether a new password does.
pub(crate) fn fits(password: &str) -> Result<(), AccountError> {
    if password.chars().count() < MIN_CHARS {
        Err(AccountError::PasswordShort)
    } else if password.len() > MAX_BYTES {
        Err(AccountError::PasswordLong)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_decoy_takes_the_work_of_a_real_hash() {
        let parts: bcrypt::HashParts = super::DECOY.parse().unwrap();
        assert_eq!(parts.get_cost(), super::BCRYPT_COST);
    }

    #[test]
    fn a_password_has_six_characters_and_at_most_72_bytes() {
        for good in ["sechsö", "ääääää", &"x".repeat(72)] {
            super::fits(good).unwrap();
        }
        for bad in ["", "short", &"x".repeat(73), &"ä".repeat(37)] {
            super::fits(bad).unwrap_err();
        }
    }
}
