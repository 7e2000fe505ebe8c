//! Who is here, in the open workspace. Nothing of it is stored.

use cockpit_domain::{MemberId, Place, Pointer, Present};
use cockpit_sync::presence::{Announced, Announcement, PointerBudget, Pointers, Roster, Told};

/// The longest name of a module and of a field; longer ones are no names.
const NAME_MAX: usize = 64;

/// Presence of the open workspace.
pub(crate) struct Presence {
    member: MemberId,
    announcement: Announcement,
    roster: Roster,
    pointers: Pointers,
    budget: PointerBudget,
    announce_at_ms: Option<i64>,
}

/// What to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Send {
    /// Tell this of oneself.
    Track(Announced),
    /// Say nothing of oneself any more.
    Untrack,
    /// Tell of one's pointer.
    Pointer(Pointer),
}

impl Presence {
    /// Of a workspace in which the person is `member`.
    pub(crate) fn new(member: MemberId) -> Self {
        Self {
            member,
            announcement: Announcement::new(member),
            roster: Roster::default(),
            pointers: Pointers::default(),
            budget: PointerBudget::default(),
            announce_at_ms: None,
        }
    }

    /// The person did something in a window.
    pub(crate) fn touched(&mut self, window: &str, place: Place, editing: bool, now_ms: i64) {
        self.announcement.touched(window, place, editing, now_ms);
        self.announce_at_ms = Some(now_ms);
    }

    /// A window is gone.
    pub(crate) fn closed(&mut self, window: &str, now_ms: i64) {
        self.announcement.closed(window);
        self.announce_at_ms = Some(now_ms);
    }

    /// One's own pointer moved.
    pub(crate) fn moved(&mut self, pointer: Pointer) {
        self.budget.moved(pointer);
    }

    /// There is a connection, and nobody on it knows of this device yet.
    pub(crate) fn connected(&mut self, now_ms: i64) {
        self.announcement.forgotten();
        self.announce_at_ms = Some(now_ms);
    }

    /// There is none any more.
    pub(crate) fn disconnected(&mut self, now_ms: i64) {
        self.roster.unknown(now_ms);
    }

    /// Everybody on the channel.
    pub(crate) fn everybody(&mut self, everybody: Vec<(String, Announced)>, now_ms: i64) {
        self.roster.set(everybody.into_iter().filter(|(_, one)| one.place.module.len() <= NAME_MAX), now_ms);
    }

    /// Somebody's pointer moved.
    pub(crate) fn heard(&mut self, device: &str, pointer: Pointer, now_ms: i64) {
        if pointer.field.len() <= NAME_MAX {
            self.pointers.moved(device, pointer, now_ms);
        }
    }

    /// What is due by time: what to send, and whether what is shown has changed.
    pub(crate) fn tick(&mut self, now_ms: i64) -> (Vec<Send>, bool) {
        let mut send = Vec::new();
        if self.announce_at_ms.is_some_and(|at| at <= now_ms) {
            self.announce_at_ms = None;
            match self.announcement.next(now_ms) {
                Told::Track(announced) => {
                    send.push(Send::Track(announced));
                    // What follows by time alone: the renewal, or turning idle.
                    if let Told::Wait(next) = self.announcement.next(now_ms) {
                        self.announce_at_ms = next;
                    }
                }
                Told::Leave => send.push(Send::Untrack),
                Told::Wait(next) => self.announce_at_ms = next,
            }
        }
        send.extend(self.budget.next(self.roster.count(), now_ms).map(Send::Pointer));
        let people = self.roster.expire(now_ms);
        let pointers = self.pointers.expire(now_ms);
        (send, people || pointers)
    }

    /// When [`tick`](Self::tick) is due.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        let own = self.budget.due_ms(self.roster.count());
        [self.announce_at_ms, own, self.roster.due_ms(), self.pointers.due_ms()].into_iter().flatten().min()
    }

    /// Who is here, oneself among them.
    pub(crate) fn people(&self, is_member: impl Fn(MemberId) -> bool) -> Vec<Present> {
        self.roster.people(is_member)
    }

    /// The pointers of the others.
    pub(crate) fn pointers(&self) -> Vec<Pointer> {
        self.pointers.iter().filter(|pointer| pointer.member != self.member).cloned().collect()
    }
}
