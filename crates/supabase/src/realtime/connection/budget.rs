//! How many broadcasts may go out.

use std::time::{Duration, Instant};

/// A budget per second that can be saved up for one second.
pub(super) struct Budget {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Budget {
    /// A full one. A rate of zero counts as one per second: a budget that never gives anything is a mistake.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second.max(1));
        Self { per_second, left: per_second, at: now }
    }

    /// Takes one, or says after what time there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * self.per_second).min(self.per_second);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.left) / self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use std::time::{Duration, Instant};

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut now = Instant::now();
        let mut budget = Budget::new(10, now);
        assert!((0..10).all(|_| budget.take(now).is_ok()));
        let rest = budget.take(now).unwrap_err();
        assert!(rest <= Duration::from_millis(101) && rest >= Duration::from_millis(99), "{rest:?}");
        let mut sent = 0;
        for _ in 0..10_000 {
            now += Duration::from_millis(1);
            sent += u32::from(budget.take(now).is_ok());
        }
        assert!((99..=101).contains(&sent), "{sent} in ten seconds");
    }

    #[test]
    fn time_that_stands_still_or_a_rate_of_nothing_do_no_harm() {
        let now = Instant::now();
        let mut budget = Budget::new(0, now);
        assert!(budget.take(now).is_ok());
        assert!(budget.take(now).is_err());
        assert!(budget.take(now + Duration::from_secs(2)).is_ok());
    }
}
