//! Everybody who is here: devices as Realtime tells of them, folded into people.

use std::collections::BTreeMap;

use cockpit_domain::{Activity, MemberId, Place, Present};
use serde::{Deserialize, Serialize};

/// Who leaves and comes back within this time has not left: reconnections and renewals do not flicker.
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

/// The devices on the presence channel.
#[derive(Debug, Default)]
pub struct Roster {
    devices: BTreeMap<String, Device>,
}

#[derive(Debug)]
struct Device {
    announced: Announced,
    renewed_ms: i64,
    left_ms: Option<i64>,
}

impl Roster {
    /// A device came, or says something new of itself. `key` is the device.
    pub fn seen(&mut self, key: &str, announced: Announced, now_ms: i64) {
        if let Some(device) = self.devices.get_mut(key) {
            if device.announced.beat != announced.beat || device.left_ms.is_some() {
                device.renewed_ms = now_ms;
            }
            device.announced = announced;
            device.left_ms = None;
        } else if self.devices.len() < DEVICES_MAX {
            self.devices.insert(key.to_owned(), Device { announced, renewed_ms: now_ms, left_ms: None });
        }
    }

    /// A device went. It is shown for a grace of three seconds in case it comes back.
    pub fn left(&mut self, key: &str, now_ms: i64) {
        if let Some(device) = self.devices.get_mut(key) {
            device.left_ms.get_or_insert(now_ms);
        }
    }

    /// The connection is gone, and with it all knowledge of who is here. After the grace nobody is shown.
    pub fn unknown(&mut self, now_ms: i64) {
        for device in self.devices.values_mut() {
            device.left_ms.get_or_insert(now_ms);
        }
    }

    /// Forgets who is gone for good. Answers whether anybody was.
    pub fn expire(&mut self, now_ms: i64) -> bool {
        let before = self.devices.len();
        self.devices.retain(|_, device| device.ends_ms() > now_ms);
        before != self.devices.len()
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub fn due_ms(&self) -> Option<i64> {
        self.devices.values().map(Device::ends_ms).min()
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
}

impl Device {
    fn ends_ms(&self) -> i64 {
        let stale = self.renewed_ms.saturating_add(STALE_MS);
        self.left_ms.map_or(stale, |left| stale.min(left.saturating_add(GRACE_MS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn member(number: u128) -> MemberId {
        MemberId(Uuid::from_u128(number))
    }

    fn announced(who: u128, activity: Activity, module: &str, beat: u64) -> Announced {
        Announced { member: member(who), activity, place: Place { module: module.into(), record: None }, beat }
    }

    #[test]
    fn devices_of_one_person_are_one_person_at_their_liveliest() {
        let mut roster = Roster::default();
        roster.seen("laptop", announced(1, Activity::Idle, "tasks", 1), 0);
        roster.seen("desk", announced(1, Activity::Editing, "time", 1), 0);
        roster.seen("phone", announced(2, Activity::Viewing, "tasks", 1), 0);
        let people = roster.people(|_| true);
        assert_eq!(people.len(), 2);
        assert_eq!((people[0].activity, people[0].devices), (Activity::Editing, 2));
        assert_eq!(people[0].places, [Place { module: "time".into(), record: None }]);
        assert_eq!(roster.people(|id| id == member(2)).len(), 1, "who is no member is not shown");
    }

    #[test]
    fn who_comes_back_within_the_grace_never_left() {
        let mut roster = Roster::default();
        roster.seen("a", announced(1, Activity::Viewing, "tasks", 1), 0);
        roster.left("a", 1_000);
        assert_eq!(roster.due_ms(), Some(4_000));
        assert!(!roster.expire(3_999));
        roster.seen("a", announced(1, Activity::Viewing, "tasks", 1), 3_999);
        assert!(!roster.expire(10_000), "the leave was forgotten when it came back");
        roster.left("a", 10_000);
        assert!(roster.expire(13_000));
        assert_eq!(roster.people(|_| true), []);
    }

    #[test]
    fn a_ghost_that_nobody_renews_goes_after_75_seconds() {
        let mut roster = Roster::default();
        for at in [0, 30_000, 60_000] {
            // The server repeats what the dead device said last.
            roster.seen("ghost", announced(1, Activity::Editing, "tasks", 7), at);
            roster.seen("living", announced(2, Activity::Editing, "tasks", at as u64), at);
        }
        assert!(roster.expire(75_000));
        assert_eq!(roster.people(|_| true).iter().map(|one| one.member).collect::<Vec<_>>(), [member(2)]);
    }

    #[test]
    fn a_lost_connection_shows_nobody_after_the_grace() {
        let mut roster = Roster::default();
        roster.seen("a", announced(1, Activity::Viewing, "tasks", 1), 0);
        roster.unknown(100);
        assert!(!roster.expire(3_000));
        assert!(roster.expire(3_100));
    }

    proptest! {
        /// Whatever order joins, leaves and repetitions have: nobody is shown longer than their last sign of life allows, and nobody who lives is dropped.
        #[test]
        fn no_ghosts_and_no_flicker(steps in proptest::collection::vec((0u8..3, 0u8..4, 0i64..20_000), 1..80)) {
            let mut roster = Roster::default();
            let mut alive: BTreeMap<u8, (i64, Option<i64>, u64)> = BTreeMap::new();
            let mut now = 0;
            for (act, who, pause) in steps {
                now += pause;
                roster.expire(now);
                alive.retain(|_, (renewed, left, _)| now < *renewed + STALE_MS && left.is_none_or(|left| now < left + GRACE_MS));
                let key = who.to_string();
                match act {
                    0 => {
                        let beat = alive.get(&who).map_or(1, |(_, _, beat)| beat + 1);
                        roster.seen(&key, announced(u128::from(who), Activity::Viewing, "tasks", beat), now);
                        alive.insert(who, (now, None, beat));
                    }
                    1 => {
                        roster.left(&key, now);
                        if let Some((_, left, _)) = alive.get_mut(&who) {
                            left.get_or_insert(now);
                        }
                    }
                    _ => {}
                }
                let shown: Vec<MemberId> = roster.people(|_| true).into_iter().map(|one| one.member).collect();
                let expected: Vec<MemberId> = alive.keys().map(|who| member(u128::from(*who))).collect();
                prop_assert_eq!(shown, expected);
            }
        }
    }
}
