//! Patches: what a window is told, as ordered frames over one channel.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::{
    AppError, Client, Member, Pointer, Present, Project, RecordId, SessionState, SyncStatus, TaskRow, Tenant, ViewId,
};

/// One frame: whole transactions, applied at once. A window applies a frame only when its own revision is `base_rev`; a frame whose first
/// operation is [`Op::Reset`] is a snapshot and fits every window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Frame {
    /// Raised with every attachment of the window; acknowledgements of an older one are ignored.
    #[ts(type = "number")]
    pub epoch: u64,
    /// The window's revision before this frame.
    #[ts(type = "number")]
    pub base_rev: u64,
    /// The window's revision after it.
    #[ts(type = "number")]
    pub rev: u64,
    /// What changed, in order.
    pub ops: Vec<Op>,
    /// The server's clock in Unix milliseconds as the engine estimates it; null before the first contact.
    #[ts(type = "number | null")]
    pub server_now: Option<i64>,
}

/// One change to what a window holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "op", rename_all = "snake_case")]
#[ts(export)]
pub enum Op {
    /// Forget everything: a snapshot follows.
    Reset,
    /// The session is now so.
    Session {
        /// The state.
        session: SessionState,
    },
    /// Sync is now so.
    Sync {
        /// The state.
        status: SyncStatus,
    },
    /// A row of a mirrored store is new or changed.
    Put {
        /// The row.
        row: StoreRow,
    },
    /// A row of a mirrored store is gone.
    Remove {
        /// The store.
        store: StoreName,
        /// The row's id.
        id: RecordId,
    },
    /// A view's count or slice changed.
    View {
        /// Which view.
        view: ViewId,
        /// How many rows the view has in all.
        count: u32,
        /// Position of the first id of the slice.
        from: u32,
        /// The slice's ids in order; null when order and extent are unchanged.
        ids: Option<Vec<RecordId>>,
        /// Rows of the slice that the window does not have in this state.
        rows: Vec<TaskRow>,
    },
    /// Small UI state that is now so; keys not named are unchanged, null means removed.
    Preferences {
        /// By key.
        #[ts(type = "Record<string, unknown>")]
        values: BTreeMap<String, Value>,
    },
    /// Who is here, whole: it takes the place of what was told before.
    Presence {
        /// By id.
        people: Vec<Present>,
    },
    /// The cursors of the others, whole.
    Pointers {
        /// One per device.
        pointers: Vec<Pointer>,
    },
    /// Something a person must hear of, once: a change was refused, a lock was lost.
    Notice {
        /// What and what to do.
        error: AppError,
        /// The record it concerns.
        record: Option<RecordId>,
    },
}

/// A row of a store that a window mirrors whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "store", content = "row", rename_all = "snake_case")]
#[ts(export)]
pub enum StoreRow {
    /// The workspace.
    Tenants(Tenant),
    /// A person.
    TenantMembers(Member),
    /// A client.
    Clients(Client),
    /// A project.
    Projects(Project),
}

/// The stores that a window mirrors whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum StoreName {
    /// The workspace.
    Tenants,
    /// People.
    TenantMembers,
    /// Clients.
    Clients,
    /// Projects.
    Projects,
}
