//! Whose certificate a person has trusted: now, at the form, or before, for an account of this profile.

use std::collections::BTreeMap;

use cockpit_domain::{AppError, ErrorCode};
use cockpit_supabase::Fingerprint;
use url::Url;

use super::failure::internal;

/// Pinned certificates by server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// The one a person has just compared and trusted; it holds for the address at hand.
    now: Option<Fingerprint>,
    /// By the server's address in full.
    before: BTreeMap<String, Fingerprint>,
}

impl Trust {
    /// From a fingerprint as typed or shown, and from the known accounts' servers.
    ///
    /// # Errors
    /// `invalid` when the text is no fingerprint, `internal` when a stored one is none.
    pub(crate) fn new(
        typed: Option<&str>,
        known: impl IntoIterator<Item = (String, Option<String>)>,
    ) -> Result<Self, AppError> {
        let now = typed.map(str::trim).filter(|typed| !typed.is_empty()).map(str::parse).transpose().map_err(|_| {
            let message = "That is no fingerprint of a certificate. It has 32 pairs of the digits 0 to 9 and A to F.";
            AppError::new(ErrorCode::Invalid, message)
        })?;
        let mut before = BTreeMap::new();
        for (server, pinned) in known {
            if let Some(pinned) = pinned {
                before.insert(server, pinned.parse().map_err(|_| internal("the profile's trusted certificate"))?);
            }
        }
        Ok(Self { now, before })
    }

    /// The certificate to insist on at an address. None for plain addresses, which show none.
    pub(crate) fn pinned(&self, address: &Url) -> Option<Fingerprint> {
        if address.scheme() != "https" {
            return None;
        }
        self.now.or_else(|| self.before.get(address.as_str()).copied())
    }

    /// Whether a certificate was trusted there, so that a plain connection would be a step back.
    pub(crate) fn knows(&self, address: &Url) -> bool {
        self.before.contains_key(address.as_str())
    }
}
