//! Keeps a session alive: refreshes it in time, once for everybody, and never loses a rotated token.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::watch;

use super::session::unix_now;
use super::{Session, SessionStorage, SignOutScope};
use crate::{Client, Error};

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
    signed_out: Option<String>,
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
            }),
        }
    }

    /// Takes the stored session up again, without asking the server.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn restore(&self) -> Result<Option<Session>, Error> {
        let stored = self.inner.storage.load().await?;
        if let Some(session) = &stored {
            self.inner.replace(session.clone(), None);
        }
        Ok(stored)
    }

    /// Signs in and stores the session before it is used.
    ///
    /// # Errors
    /// As [`Auth::sign_in_with_password`](crate::Auth::sign_in_with_password), and [`Error::Storage`].
    pub async fn sign_in_with_password(&self, email: &str, password: &str) -> Result<Session, Error> {
        let session = self.inner.client.auth().sign_in_with_password(email, password).await?;
        self.set_session(session.clone()).await?;
        Ok(session)
    }

    /// Takes over a session that was obtained otherwise, storing it first.
    ///
    /// # Errors
    /// [`Error::Storage`]; the session is then not taken over.
    pub async fn set_session(&self, session: Session) -> Result<(), Error> {
        let _storing = self.inner.storing.lock().await;
        self.inner.storage.save(&session).await?;
        let lifetime = lifetime(&session);
        self.inner.replace(session, Some(lifetime));
        Ok(())
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
            self.inner.forget("you signed out");
            self.inner.storage.clear().await
        };
        let told = match token {
            Some(token) => self.inner.client.auth().sign_out(&token, scope).await,
            None => Ok(()),
        };
        forgotten.and(told)
    }

    async fn fresh_session(&self) -> Result<Session, Error> {
        let (refresh, fallback) = {
            let mut state = self.inner.state();
            let Some(session) = state.session.clone() else {
                return Err(signed_out(&state));
            };
            let left = session.expires_at.saturating_sub(unix_now());
            let margin = self.inner.margin(&state);
            if left > margin && !state.rejected {
                return Ok(session);
            }
            // Worth giving out while the server cannot be reached: a second or two is spent on the way.
            let usable = left > 2 && !state.rejected && state.unsaved.is_none();
            let resting = state.last_failure.is_some_and(|at| at.elapsed() < self.inner.options.retry_after);
            if usable && resting && state.refresh.is_none() {
                return Ok(session);
            }
            let refresh = match &state.refresh {
                Some(running) => running.clone(),
                None => {
                    let begun = Inner::start(Arc::clone(&self.inner), state.generation);
                    state.refresh.insert(begun).clone()
                }
            };
            (refresh, usable.then_some(session))
        };
        match (refresh.await, fallback) {
            (Err(error), Some(session)) if !matches!(error, Error::SignedOut { .. }) => {
                tracing::debug!(%error, "refresh failed, the present token still holds");
                Ok(session)
            }
            (outcome, _) => outcome,
        }
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

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and each assignment leaves a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The margin in seconds. A server may issue tokens that live shorter than it: those are used for most of their life,
    /// because otherwise every call would refresh.
    fn margin(&self, state: &State) -> i64 {
        let margin = i64::try_from(self.options.margin.as_secs()).unwrap_or(i64::MAX);
        state.lifetime.map_or(margin, |lifetime| margin.min(lifetime.max(0) / 4))
    }

    fn replace(&self, session: Session, lifetime: Option<i64>) {
        let mut state = self.state();
        let generation = state.generation + 1;
        *state = State { session: Some(session), lifetime, generation, ..State::default() };
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }

    fn forget(&self, reason: &str) {
        let mut state = self.state();
        let generation = state.generation + 1;
        *state = State { signed_out: Some(reason.to_owned()), generation, ..State::default() };
        drop(state);
        self.changes.send_modify(|count| *count += 1);
    }

    fn start(self: Arc<Self>, generation: u64) -> Refresh {
        let task = tokio::spawn(async move {
            let outcome = self.refresh(generation).await;
            let mut state = self.state();
            if state.generation == generation {
                state.refresh = None;
                state.last_failure = outcome.is_err().then(Instant::now);
            }
            outcome
        });
        // The task neither panics nor is it aborted; at the runtime's end nobody is left to ask.
        async move { task.await.unwrap_or(Err(Error::Closed)) }.boxed().shared()
    }

    async fn refresh(&self, generation: u64) -> Result<Session, Error> {
        let (unsaved, spent) = {
            let state = self.state();
            let Some(session) = &state.session else { return Err(signed_out(&state)) };
            (state.unsaved.clone(), session.refresh_token.clone())
        };
        let rotated = match unsaved {
            Some(rotated) => rotated,
            None => match self.client.auth().refresh(&spent).await {
                Ok(rotated) => rotated,
                Err(error) => return Err(self.refused(error, generation).await),
            },
        };
        let _storing = self.storing.lock().await;
        {
            let mut state = self.state();
            if state.generation != generation {
                // Somebody signed in or out meanwhile, and theirs is the last word.
                return state.session.clone().ok_or_else(|| signed_out(&state));
            }
            state.unsaved = Some(rotated.clone());
        }
        self.storage.save(&rotated).await?;
        let mut state = self.state();
        state.session = Some(rotated.clone());
        state.lifetime = Some(lifetime(&rotated));
        state.unsaved = None;
        state.rejected = false;
        drop(state);
        self.changes.send_modify(|count| *count += 1);
        Ok(rotated)
    }

    /// Tells an explicit refusal from everything else, and ends the session only for the former.
    async fn refused(&self, error: Error, generation: u64) -> Error {
        let Error::Auth { status: 400 | 401 | 403, code, message } = &error else { return error };
        if code.is_empty() {
            // A gateway's answer, not the auth server's: a mistyped key must not cost anybody the session.
            return error;
        }
        let reason = message.clone();
        tracing::info!(code, "the server ended the session");
        let _storing = self.storing.lock().await;
        if self.state().generation == generation {
            self.forget(&reason);
            if let Err(error) = self.storage.clear().await {
                tracing::warn!(%error, "the ended session could not be removed from storage");
            }
        }
        Error::SignedOut { reason }
    }
}

/// Seconds left of a session that has just come.
fn lifetime(session: &Session) -> i64 {
    session.expires_at.saturating_sub(unix_now())
}

fn signed_out(state: &State) -> Error {
    Error::SignedOut { reason: state.signed_out.clone().unwrap_or_else(|| "nobody has signed in".to_owned()) }
}
