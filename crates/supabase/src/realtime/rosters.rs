//! Who is where, for those who ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::presence::PresenceMap;

/// Written by the connection's task and read by handles. The lock is never held while anything is waited for.
#[derive(Default)]
pub(super) struct Rosters(Mutex<HashMap<String, Arc<PresenceMap>>>);

impl Rosters {
    pub(super) fn get(&self, topic: &str) -> Arc<PresenceMap> {
        self.lock().get(topic).cloned().unwrap_or_default()
    }

    /// None forgets the channel.
    pub(super) fn set(&self, topic: String, everybody: Option<PresenceMap>) {
        match everybody {
            Some(everybody) => drop(self.lock().insert(topic, Arc::new(everybody))),
            None => drop(self.lock().remove(&topic)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<PresenceMap>>> {
        // A map that is replaced entry by entry is whole even if somebody panicked meanwhile.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
