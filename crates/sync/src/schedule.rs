//! When to call: one lane per kind of call, each with at most one call in flight and a jittered backoff without an end.

use cockpit_domain::AppError;

use crate::time::Now;

/// One kind of call.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The request in flight.
    in_flight: Option<u64>,
    /// When the last request began.
    begun: Option<Now>,
    /// The earliest moment of the next call; `None` when there is no reason for one.
    due_ms: Option<i64>,
    /// A reason came up while a call was in flight.
    again: bool,
    /// Calls that failed in a row.
    failures: u32,
    /// Why the last one failed; `None` after a success.
    problem: Option<Problem>,
}

/// Why a lane does not get through.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) error: AppError,
    /// Whether app and server do not fit together, so that trying soon is pointless.
    pub(crate) mismatch: bool,
}

/// The first pause after a failure.
const RETRY_FIRST_MS: i64 = 500;

impl Lane {
    pub(crate) fn new() -> Self {
        Self { in_flight: None, begun: None, due_ms: None, again: false, failures: 0, problem: None }
    }

    /// A reason to call at `at`, or sooner if there was one already.
    pub(crate) fn ask(&mut self, at_ms: i64) {
        if self.in_flight.is_some() {
            self.again = true;
        }
        self.due_ms = Some(self.due_ms.map_or(at_ms, |due| due.min(at_ms)));
    }

    /// A reason to call that respects the pause after a failure.
    pub(crate) fn ask_unless_backing_off(&mut self, at_ms: i64) {
        if self.failures == 0 || self.due_ms.is_none() {
            self.ask(at_ms);
        }
    }

    /// Whether a call should begin now; if so it is in flight as `request`.
    pub(crate) fn begin(&mut self, now: Now, request: u64) -> bool {
        if self.in_flight.is_some() || self.due_ms.is_none_or(|due| due > now.mono_ms) {
            return false;
        }
        self.in_flight = Some(request);
        self.begun = Some(now);
        self.due_ms = None;
        self.again = false;
        true
    }

    /// Whether `request` is the one in flight; then it is not any more.
    pub(crate) fn end(&mut self, request: u64) -> bool {
        let ours = self.in_flight == Some(request) || crate::planted!("stale-answer-taken") && self.in_flight.is_some();
        if ours {
            self.in_flight = None;
        }
        ours
    }

    /// The call succeeded. A reason that came up meanwhile becomes due at once.
    pub(crate) fn succeeded(&mut self, now_ms: i64) {
        self.failures = 0;
        self.problem = None;
        self.due_ms = self.again.then_some(now_ms);
        self.again = false;
    }

    /// The call failed: the next one after a pause that grows to `max_ms`, or is that at once when app and server do not fit.
    pub(crate) fn failed(&mut self, problem: Problem, now_ms: i64, max_ms: i64, rng: &mut fastrand::Rng) {
        let growing = (RETRY_FIRST_MS << self.failures.min(16)).min(max_ms);
        let ceiling = if problem.mismatch { max_ms } else { growing };
        self.failures = self.failures.saturating_add(1);
        self.problem = Some(problem);
        // Half of the pause is fixed, so that jitter never turns into an immediate retry loop.
        self.due_ms = Some(now_ms + ceiling / 2 + rng.i64(0..=ceiling / 2));
        if crate::planted!("failed-lane-stops") {
            self.due_ms = None;
        }
        self.again = false;
    }

    /// Forgets the pause and any call in flight: its answer will be stale.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    /// When the request that was last in flight began.
    pub(crate) fn begun(&self) -> Option<Now> {
        self.begun
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    pub(crate) fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    pub(crate) fn is_mismatched(&self) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.mismatch)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_none()
    }

    /// When the lane wants to be looked at again.
    pub(crate) fn wake_ms(&self) -> Option<i64> {
        if self.in_flight.is_some() { None } else { self.due_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: i64) -> Now {
        Now { wall_ms: 0, mono_ms }
    }

    #[test]
    fn one_call_at_a_time_and_a_reason_meanwhile_is_not_lost() {
        let mut lane = Lane::new();
        lane.ask(0);
        assert!(lane.begin(at(0), 1));
        lane.ask(0);
        assert!(!lane.begin(at(0), 2), "a second call began while the first was in flight");
        assert!(lane.end(1));
        lane.succeeded(5);
        assert!(lane.begin(at(5), 3), "the reason that came up meanwhile was lost");
        assert!(!lane.end(1), "a stale answer was taken for the one in flight");
    }

    #[test]
    fn pauses_grow_to_the_ceiling_and_never_end() {
        let mut lane = Lane::new();
        let mut rng = fastrand::Rng::with_seed(1);
        for round in 0..200 {
            lane.ask(0);
            assert!(lane.begin(at(i64::MAX), round));
            lane.end(round);
            let error = AppError::retryable(cockpit_domain::ErrorCode::ServerUnreachable, "No answer.");
            lane.failed(Problem { error, mismatch: false }, 0, 60_000, &mut rng);
            let pause = lane.wake_ms().unwrap();
            assert!((250..=60_000).contains(&pause), "pause of {pause} ms");
        }
        assert!(lane.wake_ms().unwrap() >= 30_000);
    }
}
