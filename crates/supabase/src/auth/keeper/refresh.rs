//! One refresh at a time, in a task of its own, stored before it is used.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::FutureExt;

use super::{AuthEvent, Inner, Refresh, SessionKeeper, SignOutReason, State};
use crate::auth::User;
use crate::auth::session::unix_now;
use crate::{Error, Session};

impl SessionKeeper {
    pub(super) async fn fresh_session(&self) -> Result<Session, Error> {
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

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and each assignment leaves a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The margin in seconds. A server may issue tokens that live shorter than it: those are used for most of their life,
    /// because otherwise every call would refresh.
    pub(super) fn margin(&self, state: &State) -> i64 {
        let margin = i64::try_from(self.options.margin.as_secs()).unwrap_or(i64::MAX);
        state.lifetime.map_or(margin, |lifetime| margin.min(lifetime.max(0) / 4))
    }

    pub(super) fn replace(&self, session: Session, lifetime: Option<i64>, event: AuthEvent) {
        let mut state = self.state();
        let generation = state.generation + 1;
        *state = State { session: Some(session), lifetime, generation, ..State::default() };
        drop(state);
        self.tell(event);
    }

    pub(super) fn forget(&self, reason: SignOutReason) {
        let mut state = self.state();
        let generation = state.generation + 1;
        *state = State { signed_out: Some(reason.clone()), generation, ..State::default() };
        drop(state);
        self.tell(AuthEvent::SignedOut { reason });
    }

    /// Called after the state has changed, so that whoever hears it finds it so.
    fn tell(&self, event: AuthEvent) {
        // What makes live channels take another token.
        if !matches!(event, AuthEvent::UserUpdated { .. }) {
            self.changes.send_modify(|count| *count += 1);
        }
        if self.events.send(event).is_err() {
            tracing::trace!("nobody listens to the session's events");
        }
    }

    /// Takes the account as the server has just told it into the session, unless another has replaced it meanwhile.
    pub(super) async fn learn(&self, user: User, generation: u64) -> Result<(), Error> {
        let _storing = self.storing.lock().await;
        let to_store = {
            let mut state = self.state();
            if state.generation != generation {
                return Ok(());
            }
            let Some(session) = &mut state.session else { return Ok(()) };
            session.user = user.clone();
            let session = session.clone();
            match &mut state.unsaved {
                // Storing this session would be storing a spent token: the next refresh stores the rotated one.
                Some(unsaved) => {
                    unsaved.user = user.clone();
                    None
                }
                None => Some(session),
            }
        };
        let stored = match to_store {
            Some(session) => self.storage.save(&session).await,
            None => Ok(()),
        };
        self.tell(AuthEvent::UserUpdated { user });
        stored
    }

    pub(super) fn start(self: Arc<Self>, generation: u64) -> Refresh {
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
        self.tell(AuthEvent::Refreshed);
        Ok(rotated)
    }

    /// Tells an explicit refusal from everything else, and ends the session only for the former.
    async fn refused(&self, error: Error, generation: u64) -> Error {
        let Error::Auth { status: 400 | 401 | 403, code, message } = &error else { return error };
        if code.is_empty() {
            // A gateway's answer, not the auth server's: a mistyped key must not cost anybody the session.
            return error;
        }
        let (code, reason) = (code.clone(), message.clone());
        tracing::info!(code, "the server ended the session");
        let _storing = self.storing.lock().await;
        if self.state().generation == generation {
            self.forget(SignOutReason::Refused { code, message: reason.clone() });
            if let Err(error) = self.storage.clear().await {
                tracing::warn!(%error, "the ended session could not be removed from storage");
            }
        }
        Error::SignedOut { reason }
    }
}

/// Seconds left of a session that has just come.
pub(super) fn lifetime(session: &Session) -> i64 {
    session.expires_at.saturating_sub(unix_now())
}

fn signed_out(state: &State) -> Error {
    let reason = match &state.signed_out {
        Some(SignOutReason::Asked) => "you signed out".to_owned(),
        Some(SignOutReason::Refused { message, .. }) => message.clone(),
        None => "nobody has signed in".to_owned(),
    };
    Error::SignedOut { reason }
}
