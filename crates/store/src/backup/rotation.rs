//! Which backups stay.

use std::collections::BTreeSet;

use jiff::{Timestamp, civil::DateTime, tz::Offset};

/// Of how many hours the newest backup is kept.
const HOURS: usize = 24;
/// Of how many days the newest backup is kept.
const DAYS: usize = 14;

/// Those that stay of backups given newest first. Only hours and days (UTC) that have a backup count: a machine that was off for a month keeps
/// what it had.
pub(super) fn kept(newest_first: &[Timestamp]) -> BTreeSet<Timestamp> {
    let hour = |at: DateTime| (at.date(), at.hour());
    let mut kept = newest_of_each(newest_first, HOURS, hour);
    kept.extend(newest_of_each(newest_first, DAYS, DateTime::date));
    kept
}

fn newest_of_each<K: Ord>(
    newest_first: &[Timestamp],
    limit: usize,
    key: impl Fn(DateTime) -> K,
) -> BTreeSet<Timestamp> {
    let mut seen = BTreeSet::new();
    let mut kept = BTreeSet::new();
    for at in newest_first {
        if seen.len() == limit {
            break;
        }
        if seen.insert(key(Offset::UTC.to_datetime(*at))) {
            kept.insert(*at);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, ToSpan};

    use super::*;

    fn noon() -> Timestamp {
        "2026-03-20T12:30:00Z".parse().unwrap()
    }

    #[test]
    fn a_month_of_hourly_backups_becomes_24_hours_and_14_days() {
        let mut all: Vec<Timestamp> = Vec::new();
        for hours in (0..24 * 30).rev() {
            all.insert(0, noon() - SignedDuration::from_hours(hours));
            let stay = kept(&all);
            all.retain(|at| stay.contains(at));
        }
        // 12:30 of today back to 13:30 of yesterday; then the last one (23:30) of the 12 days before yesterday.
        let hourly = (0..24).map(|hours| noon() - SignedDuration::from_hours(hours));
        let daily = (2..14).map(|days| noon() + 11.hours() - SignedDuration::from_hours(24 * days));
        assert_eq!(all, hourly.chain(daily).collect::<Vec<_>>());
    }

    #[test]
    fn of_one_hour_only_the_newest_stays_and_old_ones_stay_while_nothing_replaces_them() {
        let all = [noon(), noon() - SignedDuration::from_mins(20), noon() - SignedDuration::from_hours(24 * 400)];
        assert_eq!(kept(&all), BTreeSet::from([all[0], all[2]]));
    }
}
