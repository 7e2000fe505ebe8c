//! Finding that the machine has slept.

use std::time::{Duration, Instant, SystemTime};

/// How often to look. Seldom enough to cost nothing.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Clocks are set by less than this while a machine runs, and a task waits for less than this.
const TOLERANCE: Duration = Duration::from_secs(10);

/// The two clocks at the last look. On most systems the monotonic one stands still during sleep and the wall clock does not; where both
/// run on, the look itself comes late.
pub(super) struct SleepWatch {
    wall: SystemTime,
    steady: Instant,
}

impl SleepWatch {
    pub(super) fn new(wall: SystemTime, steady: Instant) -> Self {
        Self { wall, steady }
    }

    /// Whether the machine has slept since the last look. A wall clock that somebody sets forward looks the same, and does no harm.
    pub(super) fn slept(&mut self, wall: SystemTime, steady: Instant) -> bool {
        // A wall clock that was set back says nothing.
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let by_steady = steady.saturating_duration_since(self.steady);
        (self.wall, self.steady) = (wall, steady);
        by_wall > by_steady + TOLERANCE || by_steady > LOOK_EVERY + TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use super::SleepWatch;
    use rstest::rstest;
    use std::time::{Duration, Instant, SystemTime};

    #[rstest]
    #[case::nothing(5, 5, false)]
    #[case::busy(12, 12, false)]
    #[case::clock_corrected(7, 5, false)]
    #[case::clock_set_back(-3600, 5, false)]
    #[case::slept_with_a_clock_that_stood_still(3600, 5, true)]
    #[case::slept_shortly(30, 5, true)]
    #[case::slept_with_a_clock_that_ran_on(3600, 3600, true)]
    fn sleep_is_where_the_clocks_disagree(#[case] wall: i64, #[case] steady: u64, #[case] slept: bool) {
        let (wall_then, then) = (SystemTime::now(), Instant::now());
        let by = Duration::from_secs(wall.unsigned_abs());
        let wall_now = if wall < 0 { wall_then - by } else { wall_then + by };
        let now = then + Duration::from_secs(steady);
        let mut watch = SleepWatch::new(wall_then, then);
        assert_eq!(watch.slept(wall_now, now), slept);
        let later = Duration::from_secs(5);
        assert!(!watch.slept(wall_now + later, now + later), "it is said once");
    }
}
