//! Everything that can reach the engine's thread.

use cockpit_domain::{AppError, Command, Reply, SessionState};
use cockpit_store::AccountId;
use cockpit_supabase::Error;
use cockpit_sync::Event;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    WindowLabel,
    session::{Connection, Membership},
    workspace::Heard,
};

/// Where a command's answer goes.
pub(crate) type Answer = oneshot::Sender<Result<Reply, AppError>>;

/// Everything that can reach the engine's thread.
pub(crate) enum Message {
    /// A page of a window begins. Answers the epoch of its frames.
    Attach { window: WindowLabel, nonce: Uuid, answer: oneshot::Sender<u64> },
    /// A window is gone, or only its attachment of that epoch.
    Detach { window: WindowLabel, epoch: Option<u64> },
    /// A page shows everything up to a revision.
    Ack { window: WindowLabel, epoch: u64, rev: u64 },
    /// A window, or the program itself, asks for something.
    Command { window: Option<WindowLabel>, command: Command, answer: Answer },
    /// Where the app stands, once the kept session was looked for.
    Session { answer: oneshot::Sender<SessionState> },
    /// How much is held.
    Census { answer: oneshot::Sender<Census> },
    /// A sign-in came to its end.
    SignedIn { outcome: Result<(Connection, Vec<Membership>), AppError>, answer: Answer },
    /// The kept session was looked for.
    Restored { account: AccountId, outcome: Result<bool, Error> },
    /// The server was asked for the account's workspaces. With an answer, the first or the named one is to be opened.
    Memberships {
        account: AccountId,
        outcome: Result<Vec<Membership>, AppError>,
        open: Option<(cockpit_domain::TenantId, Answer)>,
    },
    /// The server was told of the sign-out, or could not be.
    SignedOut { answer: Answer },
    /// Something happened to the sync of an opening of a workspace.
    Sync { opening: u64, event: Event },
    /// Realtime told an opening of a workspace who is here.
    Heard { opening: u64, heard: Heard },
    /// The program ends.
    Shutdown { answer: oneshot::Sender<()> },
}

/// How much the engine holds for windows: for tests that look for leaks, and for diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Attached windows.
    pub windows: usize,
    /// Different views that are open in any of them.
    pub views: usize,
}
