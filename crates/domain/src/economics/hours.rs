//! Hours: whole seconds inside, decimal hours with two places outside.

use std::fmt;

use jiff::Timestamp;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ts_rs::TS;

use crate::TimeEntry;

/// A length of time in whole seconds. On the wire decimal hours as text, rounded to two places for reading; money is always reckoned from the seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, TS)]
#[ts(export, type = "string")]
pub struct Hours(i64);

/// A length of 1000 years; no entry counts more, so that sums cannot pass the limits of the type.
const MAX_SECONDS: i64 = 1000 * 366 * 86_400;

impl Hours {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// That many seconds, at most 1000 years.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.clamp(-MAX_SECONDS, MAX_SECONDS))
    }

    /// Decimal hours, to the second; at most 1000 years.
    pub fn from_decimal(hours: Decimal) -> Self {
        let seconds = hours.checked_mul(Decimal::from(3600)).and_then(|seconds| seconds.round().to_i64());
        Self::from_seconds(seconds.unwrap_or(if hours.is_sign_negative() { -MAX_SECONDS } else { MAX_SECONDS }))
    }

    /// The time an entry counts: its range less its pauses, or its duration; never below nothing. A running one counts up to `now`, and not at all
    /// without it. Instants are UTC, so that a change of the clocks neither adds nor takes an hour.
    pub fn of(entry: &TimeEntry, now: Option<Timestamp>) -> Self {
        let (Some(from), Some(to)) = (entry.started_at, entry.ended_at.or(now)) else {
            return Self::from_seconds(entry.duration_seconds.unwrap_or(0).max(0));
        };
        if entry.ended_at.is_none() && !entry.is_running() {
            return Self::from_seconds(entry.duration_seconds.unwrap_or(0).max(0));
        }
        let paused = entry.pauses.iter().fold(0_i64, |sum, pause| {
            let (begin, end) = (pause.from.clamp(from, to.max(from)), pause.to.unwrap_or(to).clamp(from, to.max(from)));
            sum.saturating_add(seconds_between(begin, end).max(0))
        });
        Self::from_seconds((seconds_between(from, to).saturating_sub(paused)).max(0))
    }

    /// The seconds.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// This less the other.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Hundredths of hours, a tie away from zero.
    fn hundredths(self) -> i64 {
        let (seconds, half) = (self.0.unsigned_abs(), 18);
        let rounded = seconds.saturating_add(half) / 36;
        i64::try_from(rounded).unwrap_or(i64::MAX).saturating_mul(self.0.signum())
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    // Whole seconds of the difference, not the difference of whole seconds: both ends may have a fraction.
    let nanoseconds = to.as_nanosecond() - from.as_nanosecond();
    i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(MAX_SECONDS)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.hundredths();
        let (sign, hundredths) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
        write!(f, "{sign}{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hours = String::deserialize(deserializer)?.parse::<Decimal>().map_err(serde::de::Error::custom)?;
        Ok(Self::from_decimal(hours))
    }
}
