//! What the auth server tells about itself.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;

use super::Auth;
use crate::Error;

/// Which ways of signing in the project offers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct AuthSettings {
    /// By provider (`email`, `github`, `anonymous_users` and so on), whether it is switched on.
    pub external: BTreeMap<String, bool>,
    /// Whether accounts can be made only by invitation.
    pub disable_signup: bool,
    /// Whether mail addresses are taken as confirmed without a mail.
    pub mailer_autoconfirm: bool,
}

impl AuthSettings {
    /// Whether the provider is switched on.
    pub fn offers(&self, provider: &str) -> bool {
        self.external.get(provider).copied().unwrap_or(false)
    }
}

/// Who answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct AuthHealth {
    /// `GoTrue`, or what stands in its place.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A sentence.
    pub description: String,
}

impl Auth<'_> {
    /// Which ways of signing in the project offers. Needs no session.
    ///
    /// # Errors
    /// The transport's errors, and [`Error::Auth`] when the key is refused.
    pub async fn settings(&self) -> Result<AuthSettings, Error> {
        self.ask(self.request(Method::GET, "settings", &[], None), "settings").await
    }

    /// Whether the auth server is there, and which.
    ///
    /// # Errors
    /// The transport's errors, and [`Error::Auth`] when the key is refused.
    pub async fn health(&self) -> Result<AuthHealth, Error> {
        self.ask(self.request(Method::GET, "health", &[], None), "health").await
    }
}
