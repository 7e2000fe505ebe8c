//! Records whose changes wait, because somebody else holds a lock on them.
//!
//! A change that the server answers with `waiting` is held back with every later one of the same record, so that their order stays; everything
//! else goes on. When the pause is over they are tried behind all that never waited: a batch ends at the first change that waits, and so no
//! number of locked records keeps a free one from being sent. Those that waited take turns, and one place of every batch is theirs, so that they
//! are not starved either. This lives in memory only: after a restart a change is tried once more and waits again.

use std::collections::{BTreeMap, BTreeSet};

use cockpit_domain::WaitingFor;

use crate::{store::RecordKey, time::Now};

#[derive(Debug)]
struct Wait {
    /// By the monotonic clock; afterwards it may be tried again.
    until_ms: i64,
    /// Who the server said is editing.
    holder: Option<WaitingFor>,
}

/// The records that wait, held back or due.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    of: BTreeMap<RecordKey, Wait>,
}

impl Waits {
    /// The server said that a record is locked by another.
    pub(crate) fn hold(&mut self, key: RecordKey, holder: Option<WaitingFor>, until_ms: i64) {
        self.of.insert(key, Wait { until_ms, holder });
    }

    /// A change of the record was let through, or it has none any more.
    pub(crate) fn clear(&mut self, key: RecordKey) {
        self.of.remove(&key);
    }

    /// Whether changes of the record have waited and none was let through since.
    pub(crate) fn contains(&self, key: RecordKey) -> bool {
        self.of.contains_key(&key)
    }

    /// The records that may be tried again, those that have waited longest since their last try first.
    pub(crate) fn due(&self, now: Now) -> Vec<RecordKey> {
        let mut due: Vec<_> = self.of.iter().filter(|(_, wait)| wait.until_ms <= now.mono_ms).collect();
        due.sort_by_key(|(_, wait)| wait.until_ms);
        due.into_iter().map(|(key, _)| *key).collect()
    }

    /// When the next record may be tried again.
    pub(crate) fn next_ms(&self) -> Option<i64> {
        self.of.values().map(|wait| wait.until_ms).min()
    }

    /// Makes those due that nobody locks any more, as far as `is_locked` knows; answers whether there are any.
    pub(crate) fn release(&mut self, is_locked: impl Fn(RecordKey) -> bool, now: Now) -> bool {
        let mut any = false;
        for (_, wait) in self.of.iter_mut().filter(|(key, wait)| wait.until_ms > now.mono_ms && !is_locked(**key)) {
            wait.until_ms = now.mono_ms;
            any = true;
        }
        any
    }

    /// Who a record waits for, as far as the server told.
    pub(crate) fn holder(&self, key: RecordKey) -> Option<&WaitingFor> {
        self.of.get(&key)?.holder.as_ref()
    }

    /// Forgets all; answers which there were.
    pub(crate) fn take(&mut self) -> BTreeSet<RecordKey> {
        std::mem::take(&mut self.of).into_keys().collect()
    }
}
