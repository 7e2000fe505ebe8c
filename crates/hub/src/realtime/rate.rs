//! How often something happens in the whole hub, as the real server counts it: the average of the last 60 full ticks, or of as many
//! as there were. What happens within a tick counts when it is over, so a short burst passes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const TICKS: usize = 60;

/// One rate and its limit.
#[derive(Debug)]
pub(super) struct Rate {
    limit: u32,
    // A plain mutex: it is held for a few additions, never across an await.
    window: Mutex<Window>,
}

impl Rate {
    pub(super) fn new(limit: u32, tick: Duration) -> Self {
        Self { limit, window: Mutex::new(Window::new(tick, Instant::now())) }
    }

    /// Counts `events` more.
    pub(super) fn add(&self, events: usize) {
        self.window().add(events, Instant::now());
    }

    /// Whether the limit is reached.
    pub(super) fn is_over(&self) -> bool {
        self.limit != u32::MAX && self.average() >= f64::from(self.limit)
    }

    /// Events per tick.
    pub(super) fn average(&self) -> f64 {
        self.window().average(Instant::now())
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the memory of [`TICKS`] numbers, however much is counted.
#[derive(Debug)]
struct Window {
    tick: Duration,
    /// When the tick began that is counted now.
    began: Instant,
    current: u64,
    full: VecDeque<u64>,
}

impl Window {
    fn new(tick: Duration, now: Instant) -> Self {
        // The real counter's first tick is over at once.
        Self { tick: tick.max(Duration::from_millis(1)), began: now, current: 0, full: VecDeque::from([0]) }
    }

    fn add(&mut self, events: usize, now: Instant) {
        self.roll(now);
        self.current = self.current.saturating_add(events as u64);
    }

    fn average(&mut self, now: Instant) -> f64 {
        self.roll(now);
        let sum = self.full.iter().fold(0_u64, |sum, counted| sum.saturating_add(*counted));
        // A rate loses digits only where it is far above every limit.
        sum as f64 / self.full.len().max(1) as f64
    }

    fn roll(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.began).as_nanos() / self.tick.as_nanos().max(1);
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.began = self.began.checked_add(self.tick.saturating_mul(passed)).unwrap_or(now);
        // Of a long silence only the last ticks matter.
        for _ in 0..(passed as usize).min(TICKS + 1) {
            self.full.push_back(std::mem::take(&mut self.current));
            if self.full.len() > TICKS {
                self.full.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_counts_when_its_tick_is_over_and_is_forgotten_after_sixty() {
        let start = Instant::now();
        let mut window = Window::new(TICK, start);
        window.add(12_000, start);
        assert_eq!(window.average(start), 0.0, "the tick is not over");
        assert_eq!(window.average(start + TICK), 6_000.0, "of two ticks there were");
        assert_eq!(window.average(start + 60 * TICK), 200.0);
        assert_eq!(window.average(start + 61 * TICK), 0.0);
        assert_eq!(window.full.len(), TICKS);
    }

    #[test]
    fn a_steady_rate_is_its_own_average_and_reaches_the_limit_at_it() {
        let mut now = Instant::now();
        let mut window = Window::new(TICK, now);
        for _ in 0..70 {
            window.add(100, now);
            now += TICK;
        }
        assert_eq!(window.average(now), 100.0);
        for (limit, over) in [(100, true), (101, false), (u32::MAX, false)] {
            let rate = Rate::new(limit, Duration::from_secs(3600));
            rate.window().full = VecDeque::from([100]);
            assert_eq!(rate.is_over(), over, "{limit}");
        }
    }

    #[test]
    fn no_gap_however_long_costs_more_than_sixty_steps_and_no_count_overflows() {
        let now = Instant::now();
        let mut window = Window::new(Duration::ZERO, now);
        window.add(usize::MAX, now);
        window.add(usize::MAX, now);
        assert!(window.average(now + Duration::from_millis(1)) > 0.0);
        assert_eq!(window.average(now + Duration::from_secs(4_000 * 86_400)), 0.0);
    }
}
