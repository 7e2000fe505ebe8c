//! Everybody who is here: devices as Realtime tells of them, folded into people.

use std::collections::BTreeMap;

use cockpit_domain::{Activity, MemberId, Place, Present};
use serde::{Deserialize, Serialize};

/// Without a connection nobody knows who is here; a short interruption does not empty the screen.
const GRACE_MS: i64 = 3_000;
/// A device that has not renewed what it says for this long is a ghost. Living ones do every [`super::announcement::RENEW_MS`].
const STALE_MS: i64 = 75_000;
/// More devices than any workspace has; what comes above it is not shown.
const DEVICES_MAX: usize = 1_000;

/// What a device says of itself, as it crosses the channel: five of the ten keys that a presence may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Who, by their own word.
    pub member: MemberId,
    /// What they do.
    pub activity: Activity,
    /// Where.
    pub place: Place,
    /// Raised with every renewal, so that a living device is told from what a dead one left behind.
    pub beat: u64,
}

/// The devices on the presence channel. The client of Realtime holds back a leave that is followed by a join, so that what comes here does not flicker.
#[derive(Debug, Default)]
pub struct Roster {
    devices: BTreeMap<String, Device>,
    /// Since when there is no connection.
    unknown_ms: Option<i64>,
}

#[derive(Debug)]
struct Device {
    announced: Announced,
    renewed_ms: i64,
}

impl Roster {
    /// Everybody who is on the channel now, by device.
    pub fn set(&mut self, everybody: impl IntoIterator<Item = (String, Announced)>, now_ms: i64) {
        self.unknown_ms = None;
        let mut before = std::mem::take(&mut self.devices);
        for (key, announced) in everybody.into_iter().take(DEVICES_MAX) {
            // The server repeats what a dead device said last; only a new beat is a sign of life.
            let alive = before.remove(&key).filter(|device| device.announced.beat == announced.beat);
            let renewed_ms = alive.map_or(now_ms, |device| device.renewed_ms);
            self.devices.insert(key, Device { announced, renewed_ms });
        }
    }

    /// The connection is gone, and with it all knowledge of who is here. After a grace of three seconds nobody is shown.
    pub fn unknown(&mut self, now_ms: i64) {
        self.unknown_ms.get_or_insert(now_ms);
    }

    /// Forgets who is gone for good. Answers whether anybody was.
    pub fn expire(&mut self, now_ms: i64) -> bool {
        let before = self.devices.len();
        let ends_ms = self.ends_ms();
        self.devices.retain(|_, device| ends_ms(device) > now_ms);
        before != self.devices.len()
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub fn due_ms(&self) -> Option<i64> {
        self.devices.values().map(self.ends_ms()).min()
    }

    /// People by id, each with all devices folded together. `is_member` says whether somebody of that id is in the workspace.
    pub fn people(&self, is_member: impl Fn(MemberId) -> bool) -> Vec<Present> {
        let mut people: BTreeMap<MemberId, Present> = BTreeMap::new();
        for Device { announced, .. } in self.devices.values().filter(|device| is_member(device.announced.member)) {
            let one = people.entry(announced.member).or_insert_with(|| Present {
                member: announced.member,
                activity: announced.activity,
                places: Vec::new(),
                devices: 0,
            });
            one.devices += 1;
            // Somebody who works at one machine is not idle because another is.
            if announced.activity > one.activity {
                one.activity = announced.activity;
                one.places.clear();
            }
            if announced.activity == one.activity && !one.places.contains(&announced.place) {
                one.places.push(announced.place.clone());
            }
        }
        people.into_values().collect()
    }

    /// How many people are here, which is what the budget of cursors depends on.
    pub fn count(&self) -> usize {
        let mut members: Vec<MemberId> = self.devices.values().map(|device| device.announced.member).collect();
        members.sort_unstable();
        members.dedup();
        members.len()
    }

    fn ends_ms(&self) -> impl Fn(&Device) -> i64 + use<> {
        let lost = self.unknown_ms.map_or(i64::MAX, |since| since.saturating_add(GRACE_MS));
        move |device| device.renewed_ms.saturating_add(STALE_MS).min(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn member(number: u128) -> MemberId {
        MemberId(Uuid::from_u128(number))
    }

    fn device(key: &str, who: u128, activity: Activity, module: &str, beat: u64) -> (String, Announced) {
        let place = Place { module: module.into(), record: None };
        (key.to_owned(), Announced { member: member(who), activity, place, beat })
    }

    fn members(roster: &Roster) -> Vec<MemberId> {
        roster.people(|_| true).into_iter().map(|one| one.member).collect()
    }

    #[test]
    fn devices_of_one_person_are_one_person_at_their_liveliest() {
        let mut roster = Roster::default();
        let everybody = [
            device("laptop", 1, Activity::Idle, "tasks", 1),
            device("desk", 1, Activity::Editing, "time", 1),
            device("phone", 2, Activity::Viewing, "tasks", 1),
        ];
        roster.set(everybody, 0);
        let people = roster.people(|_| true);
        assert_eq!(people.len(), 2);
        assert_eq!((people[0].activity, people[0].devices), (Activity::Editing, 2));
        assert_eq!(people[0].places, [Place { module: "time".into(), record: None }]);
        assert_eq!(roster.people(|id| id == member(2)).len(), 1, "who is no member is not shown");
        assert_eq!(roster.count(), 2);
    }

    #[test]
    fn who_left_is_gone_and_who_stays_is_not_touched() {
        let mut roster = Roster::default();
        roster.set([device("a", 1, Activity::Viewing, "tasks", 1), device("b", 2, Activity::Viewing, "tasks", 1)], 0);
        roster.set([device("b", 2, Activity::Viewing, "tasks", 1)], 10);
        assert_eq!(members(&roster), [member(2)]);
    }

    #[test]
    fn a_ghost_that_nobody_renews_goes_after_75_seconds() {
        let mut roster = Roster::default();
        for (beat, at) in [(1, 0), (2, 30_000), (3, 60_000)] {
            let ghost = device("ghost", 1, Activity::Editing, "tasks", 7);
            roster.set([ghost, device("living", 2, Activity::Editing, "tasks", beat)], at);
        }
        assert_eq!(roster.due_ms(), Some(75_000));
        assert!(!roster.expire(74_999));
        assert!(roster.expire(75_000));
        assert_eq!(members(&roster), [member(2)]);
    }

    #[test]
    fn a_short_interruption_empties_nothing_and_a_long_one_everything() {
        let mut roster = Roster::default();
        let ada = || device("a", 1, Activity::Viewing, "tasks", 1);
        roster.set([ada()], 0);
        roster.unknown(100);
        roster.unknown(2_000);
        assert!(!roster.expire(3_099));
        roster.set([ada()], 3_099);
        assert!(!roster.expire(10_000), "the connection came back in time");
        roster.unknown(10_000);
        assert!(roster.expire(13_000));
        assert_eq!(members(&roster), []);
    }
}
