//! One joined topic of one socket.

use std::time::{Duration, Instant};

use super::{authorise::Rights, config::JoinConfig, frame::Ref, subscription::Subscription};
use crate::database::Caller;

/// A joined channel. Dropping it leaves the topic.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) join_ref: Option<Ref>,
    /// The topic without `realtime:`.
    pub(super) name: String,
    pub(super) config: JoinConfig,
    /// What it is present under.
    pub(super) presence_key: String,
    pub(super) presence_calls: PresenceCalls,
    pub(super) rights: Rights,
    /// Whose policies decide; public channels ask none.
    pub(super) caller: Option<Caller>,
    /// The token it was joined with, to notice a new one.
    pub(super) token: String,
    /// Unix seconds at which the channel closes.
    pub(super) exp: i64,
    /// Whether it asked for changes of tables, which it is told there are none of.
    pub(super) wants_tables: bool,
    pub(super) subscription: Subscription,
    /// Which time of listening it was told of, if it asked.
    pub(super) told: Option<u64>,
}

/// How often a channel has spoken of its presence since its window began. Calls that were refused do not count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PresenceCalls {
    calls: u32,
    since: Option<Instant>,
}

impl PresenceCalls {
    /// Whether one more call is allowed at `now`.
    pub(super) fn allow(&self, most: u32, window: Duration, now: Instant) -> bool {
        self.is_new(window, now) || self.calls < most
    }

    /// Counts a call.
    pub(super) fn count(&mut self, window: Duration, now: Instant) {
        if self.is_new(window, now) {
            *self = Self { calls: 0, since: Some(now) };
        }
        self.calls = self.calls.saturating_add(1);
    }

    fn is_new(&self, window: Duration, now: Instant) -> bool {
        self.since.is_none_or(|since| now.saturating_duration_since(since) > window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_calls_in_thirty_seconds_are_allowed_and_then_five_more() {
        let (window, mut now) = (Duration::from_secs(30), Instant::now());
        let mut calls = PresenceCalls::default();
        for _ in 0..5 {
            assert!(calls.allow(5, window, now));
            calls.count(window, now);
            now += Duration::from_secs(6);
        }
        assert!(!calls.allow(5, window, now), "thirty seconds are not over");
        now += Duration::from_millis(1);
        assert!(calls.allow(5, window, now));
        calls.count(window, now);
        assert_eq!(calls.calls, 1);
    }
}
