//! A lock as a window shows it.

use cockpit_domain::{DeviceId, MemberId, RecordId};

/// One lock, or the wish for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockRow {
    /// `task`, `project`, `client`, `economics` or `time`.
    pub record_type: String,
    /// The record.
    pub record: RecordId,
    /// The window that has it, or wants it.
    pub window: String,
    /// The device of that window.
    pub device: DeviceId,
    /// Whose it is; `None` for this device's own before the server has named the member.
    pub member: Option<MemberId>,
    /// Whether it belongs to this device.
    pub mine: bool,
    /// Where it stands. Another's is always [`LockState::Held`].
    pub state: LockState,
    /// Since when it is held, RFC 3339; `None` while it is not.
    pub since: Option<String>,
}

/// Where a lock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockState {
    /// The server has been asked and has not answered.
    Asked,
    /// It is held: what is written carries its fence.
    Held,
    /// Somebody else holds it.
    Refused {
        /// Who.
        holder: MemberId,
    },
    /// It was held and is not any more. The draft is the window's, and nothing of it is thrown away.
    Lost(LostReason),
    /// The server cannot be asked, or has to be asked again: writing goes on without a lock, and what is written carries no fence.
    Unknown,
}

/// How a lock was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostReason {
    /// Somebody took it over, or took it after it had expired.
    TakenOver {
        /// Who.
        by: MemberId,
    },
}
