//! What goes into the core and what comes out of it.

use cockpit_domain::{AppError, DeviceId, MutationId, RecordId, ScopeId, SyncStatus, Table};
use uuid::Uuid;

use crate::{
    locks::{
        LockRow,
        wire::{HeartbeatAnswer, LockAnswer, LockName, UnlockAnswer},
    },
    store::RecordKey,
    wire::{Cursor, FeedMessage, Fields, PageAnswer, PullAnswer, PushAnswer, ScopeInfo, WireMutation},
};

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Event {
    /// A session exists, and calls can be made with it. `scopes` is what `my_workspaces` said of this workspace, when it was asked.
    SignedIn {
        /// The scopes the person sees; empty when unknown.
        scopes: Vec<ScopeInfo>,
    },
    /// The session ended for good; calls stop until the next [`Event::SignedIn`].
    SignedOut,
    /// The answer to [`Effect::Pull`].
    Pulled {
        /// The request it answers; a stale one is ignored.
        request: u64,
        /// The answer, or why there is none.
        answer: Result<PullAnswer, CallError>,
    },
    /// The answer to [`Effect::Page`].
    Paged {
        /// The request it answers; a stale one is ignored.
        request: u64,
        /// The answer, or why there is none.
        answer: Result<PageAnswer, CallError>,
    },
    /// The answer to [`Effect::Push`].
    Pushed {
        /// The request it answers; a stale one is ignored.
        request: u64,
        /// The answer, or why there is none.
        answer: Result<PushAnswer, CallError>,
    },
    /// The realtime socket is open or gone.
    Socket {
        /// Whether it is open.
        open: bool,
    },
    /// A feed channel is confirmed, or is not any more.
    Channel {
        /// The topic, as given in [`Effect::Channels`].
        topic: String,
        /// Whether messages arrive on it.
        joined: bool,
    },
    /// A window begins to change a form: it wants the lock on it. Nothing happens for a record that has none, or that it has already.
    LockBegin {
        /// The record.
        key: RecordKey,
        /// The window's label.
        window: String,
    },
    /// A window wants the lock on a form even if somebody has it; the server decides whether it may.
    LockTakeOver {
        /// The record.
        key: RecordKey,
        /// The window's label.
        window: String,
    },
    /// A window has finished with a form. The lock goes when what was written under it has arrived.
    LockEnd {
        /// The record.
        key: RecordKey,
        /// The window's label.
        window: String,
    },
    /// A window is gone or was loaded anew; or, without a label, the app quits or signs out: then all locks are released at once, as far as
    /// somebody is there to carry the calls out.
    LocksEnd {
        /// The window's label; `None` for all windows.
        window: Option<String>,
    },
    /// The answer to [`Effect::Lock`].
    Locked {
        /// The request it answers; a stale one is ignored.
        request: u64,
        /// The answer, or why there is none.
        answer: Result<LockAnswer, CallError>,
    },
    /// The answer to [`Effect::Unlock`].
    Unlocked {
        /// The request it answers; a stale one is ignored.
        request: u64,
        /// The answer, or why there is none.
        answer: Result<UnlockAnswer, CallError>,
    },
    /// The answer to [`Effect::Heartbeat`].
    Beaten {
        /// The request it answers; a stale one is ignored.
        request: u64,
        /// The answer, or why there is none.
        answer: Result<HeartbeatAnswer, CallError>,
    },
    /// A `locks` message of the feed, or a broadcast of another client: a reason to pull, and nothing else.
    Hint,
    /// A `changes` or `moved` message of the feed.
    Feed(FeedMessage),
    /// The time of [`Effect::WakeAt`] has come.
    Tick,
    /// A person asks for it, or the machine woke, or the network changed: retry everything now.
    Nudge,
}

/// Why a call gave no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum CallError {
    /// No answer, or one that says "later" (network, 5xx, 429, deadlock, time-out): the same call again is right.
    Later(AppError),
    /// The session is not accepted any more.
    SignInNeeded,
    /// App and server do not fit together: the function or the shape is not what this app needs.
    Mismatch(AppError),
}

/// Something to do outside, after the step was committed.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Call `sync_pull`.
    Pull {
        /// To be named in [`Event::Pulled`].
        request: u64,
        /// One per scope.
        cursors: Vec<Cursor>,
    },
    /// Call `sync_page`.
    Page {
        /// To be named in [`Event::Paged`].
        request: u64,
        /// The scope.
        scope: ScopeId,
        /// The table.
        table: Table,
        /// The last row read.
        after: Option<Uuid>,
    },
    /// Call `apply_mutations`.
    Push {
        /// To be named in [`Event::Pushed`].
        request: u64,
        /// The device whose numbers the batch carries.
        device: DeviceId,
        /// At most [`crate::wire::MAX_BATCH`].
        batch: Vec<WireMutation>,
    },
    /// Call `lock_record`.
    Lock {
        /// To be named in [`Event::Locked`].
        request: u64,
        /// This device.
        device: DeviceId,
        /// The window that wants it.
        window: String,
        /// The kind of form.
        record_type: &'static str,
        /// The record.
        record: RecordId,
        /// How long it lasts unless it is renewed.
        seconds: i64,
        /// Whether to take it from whoever has it.
        take_over: bool,
    },
    /// Call `unlock_record`.
    Unlock {
        /// To be named in [`Event::Unlocked`].
        request: u64,
        /// This device.
        device: DeviceId,
        /// The window that had it.
        window: String,
        /// The kind of form.
        record_type: &'static str,
        /// The record.
        record: RecordId,
    },
    /// Call `lock_heartbeat`.
    Heartbeat {
        /// To be named in [`Event::Beaten`].
        request: u64,
        /// This device.
        device: DeviceId,
        /// All locks of the device, in order.
        locks: Vec<LockName>,
        /// How long they last from then on.
        seconds: i64,
    },
    /// The locks that windows show are now these, in place of the former.
    Locks {
        /// This device's own first.
        rows: Vec<LockRow>,
    },
    /// The set of private feed channels that should be joined, in place of the former.
    Channels {
        /// Topics without the `realtime:` prefix.
        topics: Vec<String>,
    },
    /// Send [`Event::Tick`] at this moment of the monotonic clock; replaces the former.
    WakeAt {
        /// Milliseconds of [`crate::Now::mono_ms`].
        mono_ms: i64,
    },
    /// The visible rows of these records changed, appeared or vanished, or their pending or failed state did. One transaction.
    Changed {
        /// Sorted, without repetition.
        keys: Vec<RecordKey>,
    },
    /// The status is now this.
    Status(SyncStatus),
    /// A person must hear of this once: a change was refused.
    Notice {
        /// What and what to do.
        error: AppError,
        /// The record it concerns.
        key: Option<RecordKey>,
    },
    /// What is known of the server's clock has changed.
    ServerClock {
        /// The server's clock minus [`crate::Now::mono_ms`], in milliseconds.
        offset_ms: i64,
    },
    /// The person is no longer in the workspace; its rows are gone from the store, the outbox is kept.
    Removed,
}

/// A change of a person on this device. Ids are passed in, so that a step stays deterministic.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// A new record. A task without a rank goes to the top of the list.
    Create {
        /// Which; the id is new.
        key: RecordKey,
        /// Its values; what is not given gets its default.
        set: Fields,
    },
    /// New values.
    Change {
        /// Which record.
        key: RecordKey,
        /// The values.
        set: Fields,
    },
    /// To the trash.
    Delete {
        /// Which record.
        key: RecordKey,
    },
    /// Back from the trash.
    Restore {
        /// Which record.
        key: RecordKey,
    },
    /// Take back the newest change.
    Undo,
    /// Do again what was taken back last.
    Redo,
    /// Send a parked change again on top of what the record is now.
    ParkedRetry {
        /// Which change.
        mutation: MutationId,
    },
    /// Give a parked change up.
    ParkedDiscard {
        /// Which change.
        mutation: MutationId,
    },
}

/// What an edit did.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// To be performed after the commit.
    pub effects: Vec<Effect>,
    /// For undo and redo: the record, the word for the change and the record's name.
    pub undone: Option<Undone>,
    /// Why an undo or redo did not happen. The entry is forgotten, so that the next one is about the change before it; commit and answer this error.
    pub refused: Option<AppError>,
}

/// What was taken back or done again.
#[derive(Clone, Debug, PartialEq)]
pub struct Undone {
    /// The record.
    pub record: RecordId,
    /// `create`, `edit`, `complete`, `delete`, `restore`.
    pub what: String,
    /// The record's name.
    pub name: String,
}

/// Why an edit did not happen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The values or the moment do not allow it.
    #[error("{0}")]
    Refused(AppError),
    /// The store failed; the step is rolled back.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
