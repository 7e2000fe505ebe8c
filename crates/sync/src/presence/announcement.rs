//! What this device says of itself, and when: folded over its windows, renewed while it lives, and never more often than the server takes.

use std::collections::{BTreeMap, VecDeque};

use cockpit_domain::{Activity, MemberId, Place};

use super::Announced;

/// Without a sign of the person for this long they are idle.
const IDLE_MS: i64 = 45_000;
/// A device repeats itself this often, so that the others tell it from a ghost.
pub(super) const RENEW_MS: i64 = 30_000;
/// The real server closes the channel of who tracks more than five times in thirty seconds; one is kept in reserve for its own clock.
const TRACKS: usize = 4;
const TRACKS_IN_MS: i64 = 30_000;

/// What the windows of this device are at.
#[derive(Debug)]
pub struct Announcement {
    member: MemberId,
    windows: BTreeMap<String, Window>,
    beat: u64,
    told: Option<(Activity, Place)>,
    /// When something was told, oldest first; at most [`TRACKS`].
    tracked: VecDeque<i64>,
}

#[derive(Debug)]
struct Window {
    place: Place,
    editing: bool,
    touched_ms: i64,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Track this now.
    Track(Announced),
    /// No window is open any more: untrack.
    Leave,
    /// Nothing before this moment; none when nothing will change by time alone.
    Wait(Option<i64>),
}

impl Announcement {
    /// Of a device of `member`, which has told nothing yet.
    pub fn new(member: MemberId) -> Self {
        Self { member, windows: BTreeMap::new(), beat: 0, told: None, tracked: VecDeque::new() }
    }

    /// A window shows `place`, and the person has just done something in it.
    pub fn touched(&mut self, window: &str, place: Place, editing: bool, now_ms: i64) {
        self.windows.insert(window.to_owned(), Window { place, editing, touched_ms: now_ms });
    }

    /// A window is closed or hidden.
    pub fn closed(&mut self, window: &str) {
        self.windows.remove(window);
    }

    /// The channel was joined anew: nobody knows of this device.
    pub fn forgotten(&mut self) {
        self.told = None;
    }

    /// Answers what to do now. Ask after every change and at the moment it names.
    pub fn next(&mut self, now_ms: i64) -> Told {
        let Some((state, idle_at)) = self.state(now_ms) else {
            return if self.told.take().is_some() { Told::Leave } else { Told::Wait(None) };
        };
        while self.tracked.front().is_some_and(|at| at.saturating_add(TRACKS_IN_MS) <= now_ms) {
            self.tracked.pop_front();
        }
        let renew_at = self.tracked.back().map_or(now_ms, |last| last.saturating_add(RENEW_MS));
        let is_new = self.told.as_ref() != Some(&state);
        if !is_new && renew_at > now_ms {
            return Told::Wait(Some(idle_at.map_or(renew_at, |idle| idle.min(renew_at))));
        }
        match self.tracked.front() {
            Some(first) if self.tracked.len() >= TRACKS => Told::Wait(Some(first.saturating_add(TRACKS_IN_MS))),
            _ => {
                self.tracked.push_back(now_ms);
                self.beat += 1;
                let (activity, place) = state.clone();
                self.told = Some(state);
                Told::Track(Announced { member: self.member, activity, place, beat: self.beat })
            }
        }
    }

    /// What the window that was touched last says, and when that turns idle.
    fn state(&self, now_ms: i64) -> Option<((Activity, Place), Option<i64>)> {
        let last = self.windows.values().max_by_key(|window| window.touched_ms)?;
        let idle_at = last.touched_ms.saturating_add(IDLE_MS);
        let activity = match (idle_at <= now_ms, last.editing) {
            (true, _) => Activity::Idle,
            (false, true) => Activity::Editing,
            (false, false) => Activity::Viewing,
        };
        Some(((activity, last.place.clone()), (idle_at > now_ms).then_some(idle_at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn place(module: &str) -> Place {
        Place { module: module.into(), record: None }
    }

    fn announcement() -> Announcement {
        Announcement::new(MemberId(Uuid::from_u128(1)))
    }

    fn tracked(told: Told) -> (Activity, String) {
        match told {
            Told::Track(announced) => (announced.activity, announced.place.module),
            other => panic!("nothing was tracked: {other:?}"),
        }
    }

    #[test]
    fn idle_after_45_seconds_and_back_with_the_first_touch() {
        let mut own = announcement();
        own.touched("main", place("tasks"), true, 0);
        assert_eq!(tracked(own.next(0)), (Activity::Editing, "tasks".into()));
        assert_eq!(own.next(1), Told::Wait(Some(30_000)));
        assert_eq!(tracked(own.next(30_000)).0, Activity::Editing, "a living device repeats itself");
        assert_eq!(own.next(30_001), Told::Wait(Some(45_000)));
        assert_eq!(tracked(own.next(45_000)).0, Activity::Idle);
        own.touched("main", place("tasks"), false, 50_000);
        assert_eq!(tracked(own.next(50_000)).0, Activity::Viewing);
    }

    #[test]
    fn the_window_touched_last_speaks_for_the_device() {
        let mut own = announcement();
        own.touched("main", place("tasks"), false, 0);
        own.touched("record-1", place("projects"), true, 10);
        assert_eq!(tracked(own.next(10)), (Activity::Editing, "projects".into()));
        own.closed("record-1");
        assert_eq!(tracked(own.next(20)), (Activity::Viewing, "tasks".into()));
        own.closed("main");
        assert_eq!(own.next(30), Told::Leave);
        assert_eq!(own.next(40), Told::Wait(None));
    }

    #[test]
    fn after_a_new_join_everything_is_told_again() {
        let mut own = announcement();
        own.touched("main", place("tasks"), false, 0);
        tracked(own.next(0));
        own.forgotten();
        tracked(own.next(5));
    }

    proptest! {
        /// However wildly somebody moves about: never more than four tracks in any thirty seconds, and the last state is always told in the end.
        #[test]
        fn the_server_is_never_asked_too_often(steps in proptest::collection::vec((0u8..5, 0i64..4_000), 1..200)) {
            let mut own = announcement();
            let (mut now, mut tracks, mut last) = (0, Vec::new(), None);
            let mut ask = |own: &mut Announcement, now: i64| {
                if let Told::Track(announced) = own.next(now) {
                    tracks.push(now);
                    last = Some(announced.place.module);
                }
                (tracks.clone(), last.clone())
            };
            let mut wanted = String::new();
            for (module, pause) in steps {
                now += pause;
                wanted = module.to_string();
                own.touched("main", place(&wanted), false, now);
                ask(&mut own, now);
            }
            let (tracks, last) = ask(&mut own, now + TRACKS_IN_MS);
            prop_assert_eq!(last, Some(wanted));
            for window in tracks.windows(TRACKS + 1) {
                prop_assert!(window[TRACKS] - window[0] >= TRACKS_IN_MS);
            }
        }
    }
}
