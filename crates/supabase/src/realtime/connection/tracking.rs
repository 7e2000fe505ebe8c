//! One's own presence: what shall be known of oneself, and what the server has been told.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::realtime::protocol::Json;

/// The real server closes the channel at the sixth call within [`WINDOW`] (5 in 30 s are allowed); one is left as a reserve, because
/// its clock is not ours.
pub(super) const MOST_CALLS: usize = 4;
/// See [`MOST_CALLS`].
pub(super) const WINDOW: Duration = Duration::from_secs(30);

/// Wanted and told are compared at each step, so that only the last of many wishes is sent, and nothing twice.
#[derive(Default)]
pub(super) struct Tracking {
    wanted: Option<Json>,
    /// What the present join was told.
    told: Option<Json>,
    /// The reference of the latest call, while it can be refused.
    call: Option<String>,
    /// When the latest calls were made. They count across joins: whether the server forgets them is not known.
    calls: VecDeque<Instant>,
}

/// What to tell the server.
pub(super) enum Call {
    Track(Json),
    Untrack,
}

impl Tracking {
    pub(super) fn want(&mut self, payload: Option<Json>) {
        self.wanted = payload;
    }

    /// The join is over; the next one has to be told anew.
    pub(super) fn forget(&mut self) {
        self.told = None;
        self.call = None;
    }

    /// The call that is due, if there is one; it is made under this reference.
    pub(super) fn due(&mut self, now: Instant) -> Option<Call> {
        if self.wanted == self.told || self.deadline().is_some_and(|at| now < at) {
            return None;
        }
        self.calls.push_back(now);
        if self.calls.len() > MOST_CALLS {
            self.calls.pop_front();
        }
        self.told = self.wanted.clone();
        Some(self.wanted.clone().map_or(Call::Untrack, Call::Track))
    }

    pub(super) fn called(&mut self, reference: String) {
        self.call = Some(reference);
    }

    /// Whether this is the answer to the latest call.
    pub(super) fn answered(&mut self, reference: &str) -> bool {
        self.call.take_if(|call| call == reference).is_some()
    }

    /// From when on the call that is wanted can be made; none when nothing is wanted, or it can be made at once.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let oldest = self.calls.front().filter(|_| self.calls.len() >= MOST_CALLS)?;
        (self.wanted != self.told).then(|| *oldest + WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, MOST_CALLS, Tracking, WINDOW};
    use crate::realtime::protocol::Json;
    use serde_json::json;
    use std::time::{Duration, Instant};

    fn payload(n: u64) -> Option<Json> {
        Some(json!({ "n": n }).into())
    }

    #[test]
    fn the_last_wish_wins_and_the_rate_is_kept() {
        let start = Instant::now();
        let mut tracking = Tracking::default();
        let mut calls: Vec<(Instant, Json)> = Vec::new();
        for step in 0..2000u64 {
            let now = start + Duration::from_millis(100) * u32::try_from(step).unwrap();
            if step < 1000 {
                tracking.want(payload(step));
            }
            if let Some(Call::Track(payload)) = tracking.due(now) {
                calls.push((now, payload));
            }
        }
        assert_eq!(Some(calls.last().unwrap().1.clone()), payload(999));
        for window in calls.windows(MOST_CALLS + 1) {
            assert!(window[MOST_CALLS].0 - window[0].0 >= WINDOW, "more than {MOST_CALLS} calls in {WINDOW:?}");
        }
        assert!(calls.len() > 10, "{}", calls.len());
    }

    #[test]
    fn the_same_again_is_no_call_and_a_new_join_is_told_anew() {
        let now = Instant::now();
        let mut tracking = Tracking::default();
        assert!(tracking.due(now).is_none(), "nothing wanted, nothing told");
        tracking.want(payload(1));
        assert!(matches!(tracking.due(now), Some(Call::Track(_))));
        tracking.want(payload(1));
        assert!(tracking.due(now).is_none());
        tracking.forget();
        assert!(matches!(tracking.due(now), Some(Call::Track(_))));
        tracking.want(None);
        assert!(matches!(tracking.due(now), Some(Call::Untrack)));
        tracking.forget();
        assert!(tracking.due(now).is_none(), "a new join knows nothing of us anyway");
    }
}
