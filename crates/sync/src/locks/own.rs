//! One lock that a window of this device has or wants.

use cockpit_domain::MemberId;

use crate::{
    locks::{LockState, LostReason, wire::LockInfo},
    time::Now,
};

/// How long before its end a lock is not believed any more: more than clocks drift apart in a lease, and time for a write to arrive.
const MARGIN_MS: i64 = 5_000;
/// As in the server's clock: clocks that disagree by more about a span mean sleep, or a clock that was set.
const SLEPT_MS: i64 = 250;

/// A lease that the server confirmed.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) fence: i64,
    pub(crate) member: MemberId,
    pub(crate) since: String,
    /// Until then it is believed, by the monotonic clock.
    pub(crate) until_ms: i64,
    /// Wall clock minus monotonic clock when the call began that confirmed it.
    skew_ms: i64,
}

impl Lease {
    /// `begun` is when the call began whose answer named the lock.
    pub(crate) fn new(lock: &LockInfo, begun: Now) -> Self {
        Self {
            fence: lock.fence,
            member: lock.member,
            since: lock.locked_at.clone(),
            until_ms: begun.mono_ms.saturating_add(lock.expires_in_ms).saturating_sub(MARGIN_MS),
            skew_ms: begun.wall_ms.saturating_sub(begun.mono_ms),
        }
    }

    pub(crate) fn is_believed(&self, now: Now) -> bool {
        let skew_ms = now.wall_ms.saturating_sub(now.mono_ms);
        now.mono_ms < self.until_ms && skew_ms.saturating_sub(self.skew_ms).abs() <= SLEPT_MS
    }
}

#[derive(Clone, Debug)]
pub(crate) enum State {
    /// The server is to be asked, or is being asked.
    Wanted,
    /// Confirmed.
    Held(Lease),
    /// It was confirmed once, under this fence, and has to be again.
    Unsure(i64),
    Refused(MemberId),
    Lost(LostReason),
}

#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) state: State,
    /// Whether it is to be taken from whoever holds it.
    pub(crate) take_over: bool,
    /// The window does not want it any more. It is released when what was written under it has arrived, at this moment at the latest: by then
    /// a lock that cannot be renewed has ended by itself.
    pub(crate) ending_ms: Option<i64>,
    /// Calls for it that got no answer.
    pub(crate) tries: u32,
    /// Whether the person was told that somebody else holds it.
    pub(crate) refusal_told: bool,
}

impl Own {
    pub(crate) fn wanted() -> Self {
        Self { state: State::Wanted, take_over: false, ending_ms: None, tries: 0, refusal_told: false }
    }

    /// The fence under which the server may still have it.
    pub(crate) fn fence(&self) -> Option<i64> {
        match &self.state {
            State::Held(lease) => Some(lease.fence),
            State::Unsure(fence) => Some(*fence),
            State::Wanted | State::Refused(_) | State::Lost(_) => None,
        }
    }

    /// Whether the server certainly has no lock for it.
    pub(crate) fn is_nothing(&self) -> bool {
        match self.state {
            State::Wanted => self.tries == 0,
            State::Refused(_) | State::Lost(_) => true,
            State::Held(_) | State::Unsure(_) => false,
        }
    }

    pub(crate) fn shown(&self) -> LockState {
        match &self.state {
            State::Wanted if self.tries == 0 => LockState::Asked,
            State::Wanted | State::Unsure(_) => LockState::Unknown,
            State::Held(_) => LockState::Held,
            State::Refused(holder) => LockState::Refused { holder: *holder },
            State::Lost(reason) => LockState::Lost(*reason),
        }
    }
}
