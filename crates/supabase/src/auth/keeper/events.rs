//! What happens to a session, for those who show it.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::User;

/// Events that wait for a listener. Who falls further behind is told how many are gone.
pub(super) const KEPT: usize = 64;

/// What happened to a [`SessionKeeper`](crate::SessionKeeper)'s session. The state has changed before the event is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthEvent {
    /// A stored session was taken up.
    Restored {
        /// Whose.
        user: User,
    },
    /// Somebody signed in, in whichever way, also in place of somebody else.
    SignedIn {
        /// Who.
        user: User,
    },
    /// The tokens were replaced.
    Refreshed,
    /// The account was changed or asked for again.
    UserUpdated {
        /// As it is now.
        user: User,
    },
    /// There is no session any more.
    SignedOut {
        /// Why.
        reason: SignOutReason,
    },
    /// This listener was too slow: look at [`SessionKeeper::session`](crate::SessionKeeper::session).
    Missed {
        /// How many events it did not hear.
        count: u64,
    },
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignOutReason {
    /// [`SessionKeeper::sign_out`](crate::SessionKeeper::sign_out) was called.
    Asked,
    /// The auth server refused to continue it.
    Refused {
        /// The server's code, `refresh_token_already_used` for instance.
        code: String,
        /// The server's message.
        message: String,
    },
}

/// Hears the events from the moment it was made. Any number may listen.
#[derive(Debug)]
pub struct AuthEvents {
    receiver: broadcast::Receiver<AuthEvent>,
}

impl AuthEvents {
    pub(super) fn new(receiver: broadcast::Receiver<AuthEvent>) -> Self {
        Self { receiver }
    }

    /// The next event; none when the last handle of the keeper is gone. Giving up on it loses nothing.
    pub async fn next(&mut self) -> Option<AuthEvent> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(count)) => Some(AuthEvent::Missed { count }),
            Err(RecvError::Closed) => None,
        }
    }
}
