//! The store as the core sees it. [`crate::Core::step`] runs inside **one transaction** of it: the driver begins before, commits after, and only
//! then performs the effects. So every method here is small, and nothing of a step is ever half visible.

use std::collections::BTreeMap;

use cockpit_domain::{AppError, DeviceId, MutationId, RecordId, ScopeId, ScopeKind, Table};
use uuid::Uuid;

use crate::wire::{Change, Cursor, Fields, MutationOp};

/// A record's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// Its table.
    pub table: Table,
    /// Its id.
    pub id: RecordId,
}

/// What is kept of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    /// The scope it was last seen in.
    pub scope: ScopeId,
    /// Version of `confirmed`; 0 while the server has not confirmed anything.
    pub version: i64,
    /// The scope's generation that last confirmed it; rows of an older one are swept after a refetch.
    pub generation: i64,
    /// The row as the server has it, as JSON text.
    pub confirmed: Option<String>,
    /// The row as this person sees it: `confirmed` with the outbox on top. Equal to `confirmed` when nothing is pending.
    pub visible: Option<String>,
}

/// What is kept of a scope.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopeRecord {
    /// What kind of audience it has.
    pub kind: ScopeKind,
    /// The rotating part of its topics' names.
    pub feed_key: String,
    /// How far it has been applied.
    pub cursor: Cursor,
    /// Raised with every bootstrap.
    pub generation: i64,
    /// The bootstrap that is under way, if one is.
    pub bootstrap: Option<Bootstrap>,
    /// The heads at which pages of the bootstrap were read and that the cursor has not reached yet, each with its mark. Rows here may be
    /// newer than the cursor until then; a log without one of these marks is another history than those rows are of.
    pub read_at: BTreeMap<i64, Uuid>,
}

/// How far a bootstrap has come. It is kept, so that a restart goes on where it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrap {
    /// The cursor to continue with, known after the first page.
    pub target: Option<Cursor>,
    /// The table that is being read.
    pub table: Table,
    /// The last row read of it.
    pub after: Option<Uuid>,
    /// Rows read so far.
    pub rows: u32,
}

/// A change of this device on its way to the server.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxEntry {
    /// Local order; raised with every entry.
    pub position: i64,
    /// Its id.
    pub mutation: MutationId,
    /// The record.
    pub key: RecordKey,
    /// What it does.
    pub op: MutationOp,
    /// New values.
    pub set: Fields,
    /// The values the person saw.
    pub base: Fields,
    /// The version the person saw; `None` when the record was not confirmed.
    pub base_version: Option<i64>,
    /// Fencing number of the lock it was written under; `None` when it was written without one.
    pub fence: Option<i64>,
    /// When it was written, Unix milliseconds by this machine's clock.
    pub at_ms: i64,
    /// Where it stands.
    pub state: OutboxState,
}

/// Where an outbox entry stands.
#[derive(Clone, Debug, PartialEq)]
pub enum OutboxState {
    /// Never sent.
    Queued,
    /// Sent at least once under this number; its fate is not known.
    Sent {
        /// The number within the device.
        no: i64,
    },
    /// Applied by the server; stays in the overlay until the cursor of `scope` reaches `seq`.
    Acknowledged {
        /// The scope it was logged in.
        scope: ScopeId,
        /// The head after it.
        seq: i64,
    },
    /// Refused, or behind a refused one; out of the overlay, and shown until a person decides.
    Parked {
        /// Why.
        error: AppError,
    },
}

/// What a person did, so that it can be taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct UndoEntry {
    /// Order; raised with every entry.
    pub position: i64,
    /// The record.
    pub key: RecordKey,
    /// `create`, `edit`, `complete`, `delete`, `restore`.
    pub what: String,
    /// What the change was.
    pub op: MutationOp,
    /// The values before it.
    pub before: Fields,
    /// The values after it.
    pub after: Fields,
    /// Whether it is taken back at the moment.
    pub undone: bool,
}

/// Counts for the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Queued, sent or acknowledged.
    pub pending: u32,
    /// Parked.
    pub parked: u32,
}

/// A failure of the store. The step is rolled back and nothing of it happened.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// No space left.
    #[error("the disk is full")]
    DiskFull,
    /// The file cannot be written.
    #[error("the data file cannot be written")]
    ReadOnly,
    /// Another program holds the file; it passes.
    #[error("the data file is held by another program")]
    Busy,
    /// The file is not what it should be.
    #[error("the data file is damaged: {0}")]
    Damaged(String),
    /// The file was written by a newer app.
    #[error("the data file was written by a newer version of Cockpit")]
    TooNew,
    /// Anything else.
    #[error("the local store failed: {0}")]
    Other(String),
}

/// Result of a store operation.
pub type Stored<T> = Result<T, StoreError>;

/// A limit that limits nothing, and that SQL can still count to.
pub(crate) const ALL: usize = 1 << 30;

/// The local truth. Every method works within the transaction that the driver holds open.
pub trait Store {
    /// This file's device id.
    fn device(&self) -> Stored<DeviceId>;
    /// Replaces the device id and begins its numbers at `next_no`.
    fn set_device(&mut self, device: DeviceId, next_no: i64) -> Stored<()>;
    /// The number the next mutation gets that is sent for the first time.
    fn next_no(&self) -> Stored<i64>;
    /// Sets that number.
    fn set_next_no(&mut self, no: i64) -> Stored<()>;

    /// All scopes.
    fn scopes(&self) -> Stored<Vec<ScopeRecord>>;
    /// Inserts or replaces a scope.
    fn put_scope(&mut self, scope: &ScopeRecord) -> Stored<()>;
    /// Forgets a scope, its staged changes and all its records; answers the records that were visible.
    fn remove_scope(&mut self, scope: ScopeId) -> Stored<Vec<RecordKey>>;

    /// One record.
    fn record(&self, key: RecordKey) -> Stored<Option<StoredRecord>>;
    /// Inserts or replaces a record. One whose `confirmed` and `visible` are both `None` is removed.
    fn put_record(&mut self, key: RecordKey, record: &StoredRecord) -> Stored<()>;
    /// The records of a scope whose generation is older than `generation`.
    fn stale_records(&self, scope: ScopeId, generation: i64) -> Stored<Vec<RecordKey>>;

    /// Keeps changes of a transaction that is not complete yet.
    fn stage(&mut self, scope: ScopeId, changes: &[Change]) -> Stored<()>;
    /// The position after the last staged change of a scope, as a cursor's seq and mark.
    fn staged_end(&self, scope: ScopeId) -> Stored<Option<(i64, Uuid)>>;
    /// Takes the staged changes of a scope, in order.
    fn take_staged(&mut self, scope: ScopeId) -> Stored<Vec<Change>>;

    /// Inserts or replaces an outbox entry. `position` 0 asks for the next one; answers the position.
    fn put_outbox(&mut self, entry: &OutboxEntry) -> Stored<i64>;
    /// Removes an entry.
    fn remove_outbox(&mut self, mutation: MutationId) -> Stored<()>;
    /// One entry.
    fn outbox_entry(&self, mutation: MutationId) -> Stored<Option<OutboxEntry>>;
    /// All entries of a record, in order.
    fn outbox_of(&self, key: RecordKey) -> Stored<Vec<OutboxEntry>>;
    /// The first queued and sent entries, in order.
    fn outbox_to_send(&self, limit: usize) -> Stored<Vec<OutboxEntry>>;
    /// All sent entries, by number. There are never more than a batch.
    fn outbox_sent(&self) -> Stored<Vec<OutboxEntry>>;
    /// Acknowledged entries of a scope whose `seq` is at most `seq`.
    fn outbox_reached(&self, scope: ScopeId, seq: i64) -> Stored<Vec<OutboxEntry>>;
    /// Entries of every state, in order.
    fn outbox(&self, limit: usize) -> Stored<Vec<OutboxEntry>>;
    /// How many there are.
    fn outbox_counts(&self) -> Stored<OutboxCounts>;

    /// The smallest rank of a living task, so that a new one can go before it.
    fn first_task_rank(&self) -> Stored<Option<String>>;

    /// Appends to the undo history and drops what was undone before it; `position` is ignored. Keeps the newest 500.
    fn push_undo(&mut self, entry: &UndoEntry) -> Stored<()>;
    /// The newest entry that is not undone.
    fn undo_top(&self) -> Stored<Option<UndoEntry>>;
    /// The oldest entry that is undone.
    fn redo_top(&self) -> Stored<Option<UndoEntry>>;
    /// Marks an entry as undone or done again.
    fn set_undone(&mut self, position: i64, undone: bool) -> Stored<()>;
    /// Forgets an entry that cannot be taken back, so that the one before it can.
    fn remove_undo(&mut self, position: i64) -> Stored<()>;
}
