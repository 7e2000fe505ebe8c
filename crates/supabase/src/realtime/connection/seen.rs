//! Which messages have been told already.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// As many as a replay can bring, many times over.
const REMEMBERED: usize = 512;
/// The database gives UUIDs; what is longer than this is not worth its place.
const LONGEST: usize = 128;

/// The ids of the latest messages, a bounded number of them.
#[derive(Default)]
pub(super) struct Seen {
    known: HashSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
}

impl Seen {
    /// Whether this is the first time; it is remembered.
    pub(super) fn is_new(&mut self, id: &str) -> bool {
        if id.len() > LONGEST {
            return true;
        }
        let id: Arc<str> = id.into();
        if !self.known.insert(Arc::clone(&id)) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, REMEMBERED, Seen};

    #[test]
    fn each_is_new_once() {
        let mut seen = Seen::default();
        assert!(seen.is_new("a") && seen.is_new("b"));
        assert!(!seen.is_new("a") && !seen.is_new("b"));
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_the_newest() {
        let mut seen = Seen::default();
        for number in 0..REMEMBERED * 3 {
            assert!(seen.is_new(&number.to_string()));
        }
        assert_eq!((seen.known.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!seen.is_new(&(REMEMBERED * 2).to_string()), "the newest are known");
        assert!(seen.is_new("0"), "the oldest are forgotten");
        let long = "x".repeat(LONGEST + 1);
        assert!(seen.is_new(&long) && seen.is_new(&long), "an id that is none takes no place");
    }
}
