//! Keeps a session alive: refreshes it in time, once for everybody, and never loses a rotated token.

mod events;
mod refresh;
mod sign_in;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{broadcast, watch};

pub use events::{AuthEvent, AuthEvents, SignOutReason};

use super::{Session, SessionStorage, SignOutScope, TokenSource};
use crate::{Client, Error};

/// How a [`SessionKeeper`] behaves.
#[derive(Debug, Clone, Copy)]
pub struct KeeperOptions {
    /// A token is replaced when it has less than this left. It must be longer than Realtime's heartbeat interval, because live
    /// channels pick the new token up on that beat.
    pub margin: Duration,
    /// After a failed refresh the still valid token is given out for this long before the server is asked again.
    pub retry_after: Duration,
}

impl Default for KeeperOptions {
    fn default() -> Self {
        Self { margin: Duration::from_secs(90), retry_after: Duration::from_secs(5) }
    }
}

/// Holds one account's session. Cloning shares it.
///
/// - At most one refresh is under way; everybody who asks meanwhile gets its outcome.
/// - A refresh runs in a task of its own, bounded by the client's time-out: a caller that gives up does not tear it down between
///   the server's rotation and the storing of the new token.
/// - A rotated session is stored before any of its tokens is used. When storing fails the session stays in memory, unused, and
///   the next call tries to store it again; the spent token is never sent a second time.
/// - Only an explicit refusal of the server signs out.
#[derive(Clone)]
pub struct SessionKeeper {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    storage: Arc<dyn SessionStorage>,
    options: KeeperOptions,
    // A plain mutex: it is held for a few assignments and never over an await.
    state: Mutex<State>,
    // An async one: held over a storage write and the change of state that belongs to it, so that a refresh and a sign-in or
    // sign-out never leave storage and memory with different sessions.
    storing: tokio::sync::Mutex<()>,
    changes: watch::Sender<u64>,
    events: broadcast::Sender<AuthEvent>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// How many seconds the access token had when it came; unknown for a restored one.
    lifetime: Option<i64>,
    /// Rotated by the server but not stored yet.
    unsaved: Option<Session>,
    /// The access token was refused by a server although it has not expired.
    rejected: bool,
    last_failure: Option<Instant>,
    /// Raised by sign-in and sign-out: a refresh that began before must not overwrite what came after.
    generation: u64,
    refresh: Option<Refresh>,
    /// Why there is no session.
    signed_out: Option<SignOutReason>,
}

type Refresh = Shared<BoxFuture<'static, Result<Session, Error>>>;

impl fmt::Debug for SessionKeeper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SessionKeeper").field("client", &self.inner.client).finish_non_exhaustive()
    }
}

impl SessionKeeper {
    /// A keeper without a session yet: [`restore`](Self::restore) or sign in.
    pub fn new(client: Client, storage: Arc<dyn SessionStorage>, options: KeeperOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                storage,
                options,
                state: Mutex::default(),
                storing: tokio::sync::Mutex::default(),
                changes: watch::Sender::new(0),
                events: broadcast::Sender::new(events::KEPT),
            }),
        }
    }

    /// What happens to the session from now on.
    pub fn events(&self) -> AuthEvents {
        AuthEvents::new(self.inner.events.subscribe())
    }

    /// The session as it is now, possibly expired.
    pub fn session(&self) -> Option<Session> {
        self.inner.state().session.clone()
    }

    /// Signs out here in any case, and at the server when it can be reached: the local session is gone also after an error.
    ///
    /// # Errors
    /// [`Error::Storage`] when the stored session could not be removed; otherwise what the server or the transport said.
    pub async fn sign_out(&self, scope: SignOutScope) -> Result<(), Error> {
        // A fresh token, or else the server refuses; when none is to be had the old one is tried.
        let token = match self.access_token().await {
            Ok(token) => Some(token),
            Err(_) => self.session().map(|session| session.access_token.expose().to_owned()),
        };
        let forgotten = if scope == SignOutScope::Others {
            Ok(())
        } else {
            let _storing = self.inner.storing.lock().await;
            self.inner.forget(SignOutReason::Asked);
            self.inner.storage.clear().await
        };
        let told = match token {
            Some(token) => self.inner.client.auth().sign_out(&token, scope).await,
            None => Ok(()),
        };
        forgotten.and(told)
    }
}

#[async_trait]
impl TokenSource for SessionKeeper {
    async fn access_token(&self) -> Result<String, Error> {
        Ok(self.fresh_session().await?.access_token.expose().to_owned())
    }

    fn reject(&self, access_token: &str) {
        let mut state = self.inner.state();
        if state.session.as_ref().is_some_and(|session| session.access_token.expose() == access_token) {
            state.rejected = true;
        }
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        Some(self.inner.changes.subscribe())
    }
}
