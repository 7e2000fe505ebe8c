//! Locks on the forms of records, as one device knows them. They live in memory only (decision 0022): after a restart there is none, and what a
//! crash left on the server expires there.
//!
//! **When a lock is believed.** The server counts a lease from a moment after the call for it began, so it lasts at least until that beginning
//! plus the span that the answer names. It is believed until five seconds before that, by the monotonic clock, and only while wall clock and
//! monotonic clock have moved together since: where they have not, the machine slept or its clock was set, and the lock is unsure until a
//! heartbeat has confirmed it. Who loses a lock to somebody who takes it over believes in it until the next heartbeat at the latest; the fence
//! keeps what is written in that time from taking effect.

mod book;
mod own;
mod row;
pub mod wire;

pub(crate) use book::{Call, Locks, News, What};
pub use row::{LockRow, LockState, LostReason};

use cockpit_domain::RecordId;

use crate::store::RecordKey;

/// What a lock is on. Several tables can share one: a project and its budget are one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LockKey {
    /// See [`wire::LockInfo::record_type`].
    pub(crate) record_type: &'static str,
    pub(crate) record: RecordId,
}

impl LockKey {
    /// The lock that covers a record's form, if one does.
    pub(crate) fn of(key: RecordKey) -> Option<Self> {
        Some(Self { record_type: key.table.lock_type()?, record: key.id })
    }

    pub(crate) fn is_of(self, lock: &wire::LockInfo) -> bool {
        lock.record_type == self.record_type && lock.record_id == self.record
    }
}
