//! One wanted channel.

use std::time::Instant;

use super::roster::Roster;
use super::seen::Seen;
use super::tracking::Tracking;
use crate::realtime::system::SystemMessage;
use crate::realtime::{ChannelSpec, bare_topic};
use crate::secret::Secret;

pub(super) struct Channel {
    /// As it was asked for, with a bare topic.
    pub(super) spec: ChannelSpec,
    pub(super) state: ChannelState,
    /// Refusals and closes since it was last stable.
    pub(super) failures: u32,
    /// What the server complained about last, which is why it closes the channel next.
    pub(super) complaint: Option<SystemMessage>,
    /// Messages that were told, over all joins.
    pub(super) seen: Seen,
    /// Who is here, over all joins.
    pub(super) roster: Roster,
    /// What is wanted of one's own presence, over all joins.
    pub(super) tracking: Tracking,
}

pub(super) enum ChannelState {
    /// Joined as soon as it is its turn.
    Idle,
    Joining {
        reference: String,
        deadline: Instant,
        token: Secret,
    },
    Joined {
        join_ref: String,
        since: Instant,
        token: Secret,
        live: Live,
    },
    /// Tried again by itself.
    Delayed {
        until: Instant,
    },
    /// Tried again when it is set again, or after a reconnect.
    Refused {
        at: Instant,
    },
}

/// What a join has brought, and what is still expected of it.
#[derive(Default)]
pub(super) struct Live {
    /// The server's number of each binding of the specification.
    pub(super) numbers: Vec<u64>,
    /// Until when the server has to say that changes are delivered.
    pub(super) confirm_by: Option<Instant>,
    /// When the bindings were refused.
    pub(super) bindings_refused: Option<Instant>,
    /// When it is time to read again.
    pub(super) read_again: Option<Instant>,
    /// When the channel is to be left and joined anew.
    pub(super) renew: Option<Instant>,
}

impl Channel {
    pub(super) fn new(spec: ChannelSpec) -> Self {
        Self {
            spec,
            state: ChannelState::Idle,
            failures: 0,
            complaint: None,
            seen: Seen::default(),
            roster: Roster::default(),
            tracking: Tracking::default(),
        }
    }

    /// The reference of the join that made it, or is to make it, live.
    pub(super) fn join_ref(&self) -> Option<&str> {
        match &self.state {
            ChannelState::Joining { reference, .. } => Some(reference),
            ChannelState::Joined { join_ref, .. } => Some(join_ref),
            _ => None,
        }
    }

    /// What the join has brought, if it is live.
    pub(super) fn live(&mut self) -> Option<&mut Live> {
        match &mut self.state {
            ChannelState::Joined { live, .. } => Some(live),
            _ => None,
        }
    }

    /// Whether this topic, as on the wire, is the channel's.
    pub(super) fn is(&self, wire_topic: &str) -> bool {
        self.spec.topic == bare_topic(wire_topic)
    }
}

impl ChannelState {
    /// Whether frames of this channel can be meant for us. A broadcast may overtake the reply to the join.
    pub(super) fn is_on_the_server(&self) -> bool {
        matches!(self, Self::Joining { .. } | Self::Joined { .. })
    }
}

impl Live {
    /// The next moment at which it needs attention.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.confirm_by, self.read_again, self.renew].into_iter().flatten().min()
    }
}
