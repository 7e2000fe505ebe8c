//! What a window knows of the account, the workspace and the state of sync.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{AppError, MemberId, Role, TenantId};

/// Where the app stands between start and an open workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
#[ts(export)]
pub enum SessionState {
    /// The cache is being opened.
    Starting,
    /// Nobody is signed in on this profile.
    SignedOut {
        /// The server used last, to prefill the form.
        address: Option<String>,
        /// The e-mail used last.
        email: Option<String>,
        /// Why the session ended, when the person did not end it.
        reason: Option<AppError>,
    },
    /// Signed in; no workspace is open yet.
    Choosing {
        /// Who is signed in.
        email: String,
        /// The server.
        address: String,
        /// The workspaces the person belongs to; may be empty.
        workspaces: Vec<WorkspaceBrief>,
    },
    /// A workspace is open. It stays so offline and when the session has ended.
    Open {
        /// Who is signed in.
        email: String,
        /// The server.
        address: String,
        /// The open workspace.
        workspace: WorkspaceBrief,
        /// The other workspaces of the account.
        others: Vec<WorkspaceBrief>,
        /// Whether the server wants a new sign-in; work goes on locally meanwhile.
        sign_in_needed: bool,
    },
    /// The local data cannot be opened; nothing else works until that is mended.
    Broken {
        /// What is wrong and what to do.
        error: AppError,
    },
}

/// A workspace as a switcher shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct WorkspaceBrief {
    /// The workspace.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// Who the signed-in person is in it.
    pub member: MemberId,
    /// What they may do.
    pub role: Role,
    /// Whether they may see money, where the role leaves it open.
    pub finance_right: bool,
}

/// The state of sync, true to the second it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SyncStatus {
    /// What the engine is doing.
    pub phase: SyncPhase,
    /// Changes of this device that the server has not confirmed.
    pub pending: u32,
    /// Changes the server refused and that wait for a person.
    pub parked: u32,
    /// When the last complete pull ended, Unix milliseconds by this machine's clock.
    #[ts(type = "number | null")]
    pub last_synced_ms: Option<i64>,
    /// What keeps sync from working, if something does.
    pub problem: Option<AppError>,
}

/// What the engine is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "phase", rename_all = "snake_case")]
#[ts(export)]
pub enum SyncPhase {
    /// The first copy of the workspace is being fetched.
    Bootstrap {
        /// Rows fetched so far.
        rows: u32,
    },
    /// Missed changes are being fetched.
    CatchingUp,
    /// Everything known is applied and changes arrive as they happen.
    Live,
    /// Everything known is applied; without live messages the engine asks every few seconds.
    Polling,
    /// The server does not answer; work is kept here.
    Offline,
    /// The server wants a new sign-in; work is kept here.
    SignInNeeded,
    /// The person is no longer in the workspace.
    Removed,
    /// App and server do not fit together; work is kept here.
    UpdateRequired,
}
