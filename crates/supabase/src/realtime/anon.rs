//! The token of those who are not signed in.

use async_trait::async_trait;

use crate::secret::Secret;
use crate::{Error, TokenSource};

/// Joins channels as the anonymous user, on purpose. There is no other way to do that: without a token nothing is joined, so that nobody
/// becomes anonymous by accident, as happens to clients that join before their token is there.
#[derive(Debug, Clone)]
pub struct AnonKey(Secret);

impl AnonKey {
    /// With the project's anonymous or publishable key.
    pub fn new(key: impl Into<Secret>) -> Self {
        Self(key.into())
    }
}

#[async_trait]
impl TokenSource for AnonKey {
    async fn access_token(&self) -> Result<String, Error> {
        Ok(self.0.expose().to_owned())
    }
}
