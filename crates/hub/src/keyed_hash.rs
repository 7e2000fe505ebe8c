//! Hashes of what a person types or receives, with a key that is not in the database: a six-digit code would otherwise be found by
//! trying all million of them, and an address by trying a list of addresses.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::error::HubError;

/// HMAC-SHA-256 under the hub's signing secret. `Debug` never shows the key.
#[derive(Clone)]
pub(crate) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// The hash under the hub's secret.
    ///
    /// # Errors
    /// Not for a key of any length that a hub makes.
    pub(crate) fn new(secret: &[u8]) -> Result<Self, HubError> {
        let hash = Hmac::new_from_slice(secret).map_err(|error| HubError::Internal(error.to_string()))?;
        Ok(Self(hash))
    }

    /// The hash of `parts` for one `purpose`, in the alphabet of URLs. Parts are told apart by their lengths, so that no two lists of
    /// parts give the same input.
    pub(crate) fn of(&self, purpose: &str, parts: &[&str]) -> String {
        let mut hash = self.0.clone();
        for part in std::iter::once(&purpose).chain(parts) {
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        BASE64_URL_SAFE_NO_PAD.encode(hash.finalize().into_bytes())
    }
}

impl std::fmt::Debug for KeyedHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeyedHash").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::KeyedHash;

    #[test]
    fn purpose_parts_and_key_all_count() {
        let hash = KeyedHash::new(b"secret").unwrap();
        assert_eq!(hash.of("code", &["ada", "1"]), hash.of("code", &["ada", "1"]));
        assert_ne!(hash.of("code", &["ada", "1"]), hash.of("code", &["ada1"]));
        assert_ne!(hash.of("code", &["ada", "1"]), hash.of("link", &["ada", "1"]));
        assert_ne!(hash.of("code", &["ada"]), KeyedHash::new(b"other").unwrap().of("code", &["ada"]));
    }
}
