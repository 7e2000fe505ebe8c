//! Where calls and channels get their tokens.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::Error;

/// Gives out an access token that is fresh at the moment of asking.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token with some life left in it; it is not kept, but asked for again before each use.
    ///
    /// # Errors
    /// [`Error::SignedOut`] when there is no session any more, and what a refresh can run into otherwise.
    async fn access_token(&self) -> Result<String, Error>;

    /// The server refused this token although it looked fresh (a stepped clock, a revoked session): do not give it out again.
    fn reject(&self, access_token: &str) {
        let _ = access_token;
    }

    /// Changes whenever another token has replaced the one given out before, if the source can tell.
    fn changes(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}

#[async_trait]
impl<T: TokenSource + ?Sized> TokenSource for Arc<T> {
    async fn access_token(&self) -> Result<String, Error> {
        (**self).access_token().await
    }

    fn reject(&self, access_token: &str) {
        (**self).reject(access_token);
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        (**self).changes()
    }
}
