//! The clocks of the machine, behind a trait so that a test can pass midnight without waiting for it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cockpit_sync::Now;
use jiff::{Timestamp, ZonedDateTime, civil::Date, tz::TimeZone};

/// Where the engine gets the time from.
pub trait Clock: Send + Sync + 'static {
    /// Both clocks at once.
    fn now(&self) -> Now;

    /// The zone that decides which civil date today is.
    fn zone(&self) -> TimeZone;

    /// The civil date of now.
    fn today(&self) -> Date {
        self.zoned().date()
    }

    /// How long today still lasts; a little more than nothing, so that waiting for it always ends on the next day.
    fn until_tomorrow(&self) -> Duration {
        let now = self.zoned();
        let left = now
            .tomorrow()
            .and_then(|tomorrow| tomorrow.start_of_day())
            .map(|midnight| midnight.timestamp().as_millisecond() - now.timestamp().as_millisecond());
        Duration::from_millis(u64::try_from(left.unwrap_or(60_000)).unwrap_or_default().saturating_add(50))
    }

    /// Now, on the wall of the zone.
    fn zoned(&self) -> ZonedDateTime {
        Timestamp::from_millisecond(self.now().wall_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned_datetime(self.zone())
    }
}

/// The real clocks, in the zone of the system or a given one.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
    zone: TimeZone,
}

impl SystemClock {
    /// The real clocks; `zone` decides which civil date today is.
    pub fn new(zone: TimeZone) -> Self {
        Self { origin: Instant::now(), zone }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new(TimeZone::system())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { wall_ms: millis(wall), mono_ms: millis(self.origin.elapsed()) }
    }

    fn zone(&self) -> TimeZone {
        self.zone.clone()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(&'static str);

    impl Clock for Fixed {
        fn now(&self) -> Now {
            Now { wall_ms: self.0.parse::<Timestamp>().unwrap().as_millisecond(), mono_ms: 0 }
        }

        fn zone(&self) -> TimeZone {
            TimeZone::get("Europe/Berlin").unwrap()
        }
    }

    #[test]
    fn today_is_the_date_of_the_zone_and_not_of_utc() {
        assert_eq!(Fixed("2026-07-01T22:30:00Z").today().to_string(), "2026-07-02");
    }

    #[test]
    fn the_day_on_which_clocks_change_is_as_long_as_it_is() {
        // 25 October 2026 has 25 hours in Berlin.
        let left = Fixed("2026-10-24T22:00:00Z").until_tomorrow();
        assert_eq!(left.as_secs(), 25 * 3600);
    }
}
