//! What crosses the network, exactly as `docs/sync-protocol.md` states it.

use cockpit_domain::{DeviceId, MutationId, RecordId, ScopeId, ScopeKind, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use crate::locks::wire::LockInfo;

/// The fields of a row by column name.
pub type Fields = Map<String, Value>;

/// Everything of `scope` up to `seq` has been applied, and the log row at `seq` carried `mark`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which scope.
    pub scope: ScopeId,
    /// Which log of the scope; it changes only when the log itself is replaced.
    pub epoch: i64,
    /// Position in it; 0 is before the first change.
    pub seq: i64,
    /// Random per log row, so that a server restored from a backup is noticed; null at 0.
    pub mark: Option<Uuid>,
}

/// One line of the server's change log.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Change {
    /// Position in the scope's log.
    pub seq: i64,
    /// See [`Cursor::mark`].
    pub mark: Uuid,
    /// Name of the table; one that this app does not know is skipped.
    pub tbl: String,
    /// The record.
    pub id: RecordId,
    /// What happened; only `delete` (a purge) has no row.
    pub op: ChangeOp,
    /// The record's version after it.
    pub version: i64,
    /// The row after it.
    pub row: Option<Box<RawValue>>,
    /// The mutation that caused it, if one did.
    #[serde(default)]
    pub mutation: Option<MutationId>,
    /// The server transaction it belongs to; opaque.
    pub xid: String,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOp {
    /// It came to be.
    Insert,
    /// It changed, which includes moving to and from the trash.
    Update,
    /// It was purged.
    Delete,
}

/// Answer of `sync_pull`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PullAnswer {
    /// The server's clock, Unix milliseconds.
    pub server_ms: i64,
    /// One entry per scope asked for, and per new one.
    pub scopes: Vec<PulledScope>,
    /// The locks that were live at that moment and that the caller may see; absent when the server does not tell of locks.
    #[serde(default)]
    pub locks: Option<Vec<LockInfo>>,
}

/// What a pull says of one scope.
#[derive(Clone, Debug, Serialize)]
pub struct PulledScope {
    /// Which scope.
    pub scope: ScopeId,
    /// How the cursor fits.
    pub state: PulledState,
    /// The rest; absent when the scope is gone.
    #[serde(flatten)]
    pub body: Option<PulledBody>,
}

/// Read by hand, because a row as raw text cannot be read through a flattened field: it would be lost without an error.
impl<'de> Deserialize<'de> for PulledScope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Flat {
            scope: ScopeId,
            state: PulledState,
            tenant: Option<TenantId>,
            kind: Option<ScopeKind>,
            epoch: Option<i64>,
            head: Option<i64>,
            feed_key: Option<String>,
            #[serde(default)]
            changes: Vec<Change>,
            #[serde(default = "yes")]
            tx_complete: bool,
            #[serde(default)]
            more: bool,
        }
        let flat = Flat::deserialize(deserializer)?;
        let body = match (flat.tenant, flat.kind, flat.epoch, flat.head, flat.feed_key) {
            (Some(tenant), Some(kind), Some(epoch), Some(head), Some(feed_key)) => {
                let (changes, tx_complete, more) = (flat.changes, flat.tx_complete, flat.more);
                Some(PulledBody { tenant, kind, epoch, head, feed_key, changes, tx_complete, more })
            }
            _ if flat.state == PulledState::Gone => None,
            _ => return Err(serde::de::Error::custom("a visible scope needs tenant, kind, epoch, head and feed_key")),
        };
        Ok(Self { scope: flat.scope, state: flat.state, body })
    }
}

/// How a cursor fits the server's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PulledState {
    /// It fits.
    Ok,
    /// It does not: everything has to be fetched again.
    MustRefetch,
    /// The caller does not see the scope (any more).
    Gone,
    /// The caller sees it and did not ask for it.
    New,
}

/// The part of a pulled scope that only a visible one has.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PulledBody {
    /// The workspace.
    pub tenant: TenantId,
    /// What kind of audience it has.
    pub kind: ScopeKind,
    /// The log's epoch.
    pub epoch: i64,
    /// The log's last sequence number in this snapshot.
    pub head: i64,
    /// The part of the topics' names that rotates when somebody loses a right.
    pub feed_key: String,
    /// Changes after the cursor, in order.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Whether the last change's transaction ends within this page.
    #[serde(default = "yes")]
    pub tx_complete: bool,
    /// Whether the scope has later changes.
    #[serde(default)]
    pub more: bool,
}

/// Answer of `sync_page`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PageAnswer {
    /// The server's clock, Unix milliseconds.
    pub server_ms: i64,
    /// Which scope.
    pub scope: ScopeId,
    /// The log's epoch.
    pub epoch: i64,
    /// The log's head in this snapshot.
    pub head: i64,
    /// The mark of the log row at the head.
    pub head_mark: Option<Uuid>,
    /// Rows by primary key.
    pub rows: Vec<Box<RawValue>>,
    /// Where the next page begins; null after the last.
    pub next: Option<Uuid>,
}

/// A scope as `my_workspaces` tells of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ScopeInfo {
    /// Which scope.
    pub scope: ScopeId,
    /// What kind of audience it has.
    pub kind: ScopeKind,
    /// The rotating part of its topics' names.
    pub feed_key: String,
}

/// What a mutation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MutationOp {
    /// A new record.
    Insert,
    /// New values of some fields.
    Update,
    /// To the trash.
    Delete,
    /// Back from the trash.
    Restore,
}

impl MutationOp {
    /// The word on the wire, in SQLite and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Restore => "restore",
        }
    }
}

/// One element of the batch of `apply_mutations`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WireMutation {
    /// Its id.
    pub id: MutationId,
    /// Its number within the device, contiguous from 1.
    pub no: i64,
    /// Name of the table.
    pub tbl: String,
    /// The record.
    pub record: RecordId,
    /// What it does.
    pub op: MutationOp,
    /// The version of the record it was written on.
    pub base_version: Option<i64>,
    /// New values.
    pub set: Fields,
    /// The values the person saw when writing.
    pub base: Fields,
    /// Fencing number of the lock it was written under.
    pub fence: Option<i64>,
}

/// Answer of `apply_mutations`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PushAnswer {
    /// The server's clock, Unix milliseconds.
    pub server_ms: i64,
    /// Why nothing was done, if nothing was.
    #[serde(default)]
    pub error: Option<PushError>,
    /// The number the server expects next.
    pub expected: i64,
    /// The logs as they are after the batch.
    #[serde(default)]
    pub scopes: Vec<PushedScope>,
    /// One per mutation that was looked at.
    #[serde(default)]
    pub results: Vec<MutationResult>,
}

/// A scope's log as a push found it. It tells whether the sequence numbers of the results are of the log that the cursor is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PushedScope {
    /// Which scope.
    pub scope: ScopeId,
    /// The log's epoch.
    pub epoch: i64,
    /// The log's last sequence number.
    pub head: i64,
}

/// Why a whole batch was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PushError {
    /// The numbers were used by another copy of this device's database.
    DeviceForked,
    /// A number is missing before the first of the batch.
    OutOfOrder,
}

/// What became of one mutation.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct MutationResult {
    /// Which.
    pub id: MutationId,
    /// Its fate.
    pub status: MutationStatus,
    /// The scope it was logged in.
    #[serde(default)]
    pub scope: Option<ScopeId>,
    /// The scope's head after it.
    #[serde(default)]
    pub seq: Option<i64>,
    /// Why it was refused.
    #[serde(default)]
    pub code: Option<String>,
    /// The same for a person.
    #[serde(default)]
    pub message: Option<String>,
    /// Per field: base, mine, theirs.
    #[serde(default)]
    pub fields: Option<Fields>,
}

/// The fate of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MutationStatus {
    /// It took effect.
    Applied,
    /// It was refused for good.
    Rejected,
    /// The record is locked by somebody else; send it again later.
    Waiting,
}

/// A message of the feed: a hint that a scope's log is longer than it was.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct FeedMessage {
    /// Which scope.
    pub scope: ScopeId,
    /// Its head after the transaction; absent in `moved`.
    #[serde(default)]
    pub to: Option<i64>,
}

/// Names the caller's device and batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PushRequest {
    /// The workspace.
    pub p_tenant: TenantId,
    /// The device whose numbers the batch carries.
    pub p_device: DeviceId,
    /// At most [`MAX_BATCH`].
    pub p_batch: Vec<WireMutation>,
}

/// How many mutations a call may carry.
pub const MAX_BATCH: usize = 50;

/// How many changes or rows a call may answer.
pub const PAGE_LIMIT: usize = 1000;

fn yes() -> bool {
    true
}
