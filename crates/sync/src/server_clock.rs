//! The server's clock, estimated from answers: of all samples the one counts whose call took the shortest time.
//!
//! An answer names the server's time at some moment between the beginning of its call and its end, so half of the round trip is the
//! largest error of taking the middle (Cristian's algorithm).

use crate::time::Now;

/// Quartz drifts by less than 100 millionths: an estimate loses a millisecond of certainty in so many.
const DRIFT: i64 = 10_000;
/// Wall clock and monotonic clock that disagree by more than this about how long a call took mean that the machine slept meanwhile, or
/// that its clock was set. The monotonic clock stands still in sleep on some systems, so such a call looks far shorter than it was.
const SLEPT_MS: i64 = 250;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServerClock {
    best: Option<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// The server's clock minus the monotonic one.
    offset_ms: i64,
    /// By how much it may be wrong, when it was taken.
    error_ms: i64,
    taken_ms: i64,
}

impl ServerClock {
    /// Takes the time that an answer named; answers the new offset if this sample is better than what was known.
    pub(crate) fn observe(&mut self, server_ms: i64, begun: Now, ended: Now) -> Option<i64> {
        let took = ended.mono_ms.saturating_sub(begun.mono_ms).max(0);
        if ended.wall_ms.saturating_sub(begun.wall_ms).saturating_sub(took).abs() > SLEPT_MS {
            return None;
        }
        // Rounded up, and one for the clocks' own grain.
        let error_ms = took / 2 + 1;
        let known = self.best.map(|best| {
            best.error_ms.saturating_add(ended.mono_ms.saturating_sub(best.taken_ms).saturating_add(DRIFT - 1) / DRIFT)
        });
        if known.is_some_and(|known| known < error_ms) {
            return None;
        }
        let offset_ms = server_ms.saturating_sub(begun.mono_ms.saturating_add(took / 2));
        let news = self.best.is_none_or(|best| best.offset_ms != offset_ms);
        self.best = Some(Sample { offset_ms, error_ms, taken_ms: ended.mono_ms });
        news.then_some(offset_ms)
    }

    /// The machine may have slept: whatever the next answer says is better than what is known.
    pub(crate) fn doubt(&mut self) {
        if let Some(best) = &mut self.best {
            best.error_ms = i64::MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Now {
        Now { wall_ms: 1_000_000 + ms, mono_ms: ms }
    }

    #[test]
    fn the_shortest_round_trip_counts() {
        let mut clock = ServerClock::default();
        // The server's clock is 5,000 ahead of the monotonic one; the answers were held up on the way back.
        assert_eq!(clock.observe(5_100, at(0), at(2_000)), Some(4_100), "the first sample is all there is");
        assert_eq!(clock.observe(7_010, at(2_000), at(2_030)), Some(4_995));
        assert_eq!(clock.observe(8_100, at(3_000), at(4_000)), None, "a slower call says less");
        assert_eq!(clock.observe(9_002, at(4_000), at(4_004)), Some(5_000));
    }

    #[test]
    fn an_old_estimate_gives_way_to_a_slightly_slower_call() {
        let mut clock = ServerClock::default();
        clock.observe(5_005, at(0), at(10));
        assert_eq!(clock.observe(65_050, at(60_000), at(60_040)), None, "a minute of drift is 6 ms");
        // Ten minutes: up to 60 ms.
        assert_eq!(clock.observe(605_030, at(600_000), at(600_040)), Some(5_010));
    }

    #[test]
    fn a_call_during_which_the_machine_slept_says_nothing() {
        let mut clock = ServerClock::default();
        clock.observe(5_500, at(0), at(1_000));
        let woken = Now { wall_ms: 1_000_000 + 3_600_000, mono_ms: 1_050 };
        assert_eq!(clock.observe(6_000, at(1_000), woken), None);
    }

    #[test]
    fn after_a_doubt_the_next_answer_counts_whatever_it_took() {
        let mut clock = ServerClock::default();
        clock.observe(5_001, at(0), at(2));
        clock.doubt();
        assert_eq!(clock.observe(100_000, at(10), at(3_010)), Some(98_490));
    }
}
