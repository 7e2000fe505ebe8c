//! What this device says of itself, and when: folded over its windows, and renewed while it lives. That the server takes four calls in thirty
//! seconds is the client of Realtime's concern, which lets the last one count.

use std::collections::BTreeMap;

use cockpit_domain::{Activity, MemberId, Place};

use super::Announced;

/// Without a sign of the person for this long they are idle.
const IDLE_MS: i64 = 45_000;
/// A device repeats itself this often, so that the others tell it from a ghost.
pub(super) const RENEW_MS: i64 = 30_000;
/// What the windows of this device are at.
#[derive(Debug)]
pub struct Announcement {
    member: MemberId,
    windows: BTreeMap<String, Window>,
    beat: u64,
    told: Option<(Activity, Place)>,
    told_ms: i64,
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
        Self { member, windows: BTreeMap::new(), beat: 0, told: None, told_ms: 0 }
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
        let renew_at = self.told_ms.saturating_add(RENEW_MS);
        if self.told.as_ref() == Some(&state) && renew_at > now_ms {
            return Told::Wait(Some(idle_at.map_or(renew_at, |idle| idle.min(renew_at))));
        }
        self.beat += 1;
        self.told_ms = now_ms;
        let (activity, place) = state.clone();
        self.told = Some(state);
        Told::Track(Announced { member: self.member, activity, place, beat: self.beat })
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
}
