//! What happens on the connection.

use std::time::Duration;

use super::change::PostgresChange;
use super::disconnect::{CloseReason, DisconnectReason};
use super::presence::PresenceMap;
use super::protocol::Json;
use super::refusal::JoinRefusal;
use super::system::SystemMessage;
use bytes::Bytes;

/// What happens on the connection, in order.
///
/// Realtime delivers at most once: read again after every [`Joined`](Self::Joined), [`Ready`](Self::Ready) and
/// [`ReadAgain`](Self::ReadAgain).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RealtimeEvent {
    /// The server has spoken on a new socket. The channels follow, each with its own event.
    Connected,
    /// The socket is gone, or an attempt to open one failed: no channel is joined now. Another attempt follows, without an end.
    Disconnected {
        /// Why, for a log or a tooltip.
        reason: DisconnectReason,
        /// When the next attempt begins.
        retry_in: Duration,
    },
    /// A channel is live from now on: broadcasts of other clients are delivered, and one's own can be sent. What was sent before is
    /// lost: read again. Changes of tables and broadcasts from the database are **not** promised yet, see [`Ready`](Self::Ready).
    Joined {
        /// Its topic.
        topic: String,
    },
    /// The server delivers from now on what needs its database. Between [`Joined`](Self::Joined) and this, and whenever it is said
    /// anew, anything can have been lost: read again.
    Ready {
        /// The channel's topic.
        topic: String,
        /// What is delivered.
        extension: Extension,
    },
    /// Time to read again although nothing was heard: a restart of the database is never mentioned by the server, and what was
    /// committed meanwhile never comes. See [`RealtimeOptions::read_again_every`](crate::RealtimeOptions::read_again_every).
    ReadAgain {
        /// The channel's topic.
        topic: String,
    },
    /// A join was refused. A [lasting](JoinRefusal::is_lasting) one is tried again only after
    /// [`Realtime::set_channels`](crate::Realtime::set_channels) or a reconnect, any other by itself after a while.
    Refused {
        /// Its topic.
        topic: String,
        /// The server's reason.
        reason: JoinRefusal,
    },
    /// The channel is joined, but none of its bindings to changes of tables is in force: one of them is not acceptable. They are tried
    /// again only after [`Realtime::set_channels`](crate::Realtime::set_channels) or a reconnect.
    BindingsRefused {
        /// The channel's topic.
        topic: String,
        /// The server's text.
        reason: String,
    },
    /// A joined channel has ended (an expired token, a rate limit). It is joined again by itself after a delay.
    ChannelClosed {
        /// Its topic.
        topic: String,
        /// Why.
        reason: CloseReason,
    },
    /// A broadcast with JSON.
    Broadcast {
        /// The channel's topic.
        topic: String,
        /// The name the sender gave it.
        event: String,
        /// What was sent, untouched.
        payload: Json,
        /// Given by the database. Each is told once only.
        id: Option<String>,
        /// Whether it is from the past, asked for with [`ChannelSpec::replay`](crate::ChannelSpec::replay).
        replayed: bool,
    },
    /// A broadcast with bytes.
    BinaryBroadcast {
        /// The channel's topic.
        topic: String,
        /// The name the sender gave it.
        event: String,
        /// What was sent.
        payload: Bytes,
        /// Given by the database. Each is told once only.
        id: Option<String>,
        /// Whether it is from the past, asked for with [`ChannelSpec::replay`](crate::ChannelSpec::replay).
        replayed: bool,
    },
    /// A change of a table.
    PostgresChange {
        /// The channel's topic.
        topic: String,
        /// Which bindings of the specification it matches, by their index, ascending.
        bindings: Vec<usize>,
        /// The change.
        change: Box<PostgresChange>,
    },
    /// Who is on a channel has changed; [`Realtime::presences`](crate::Realtime::presences) gives everybody.
    Presence {
        /// The channel's topic.
        topic: String,
        /// What has changed.
        change: PresenceChange,
    },
    /// The server refused what was [tracked](crate::Realtime::track); it is not tried again until something else is tracked or the
    /// channel is joined anew.
    PresenceRefused {
        /// The channel's topic.
        topic: String,
        /// The server's reason.
        reason: String,
    },
    /// The server says something about a channel that has no event of its own. Most complaints are followed by
    /// [`ChannelClosed`](Self::ChannelClosed).
    System {
        /// The channel's topic.
        topic: String,
        /// What it says.
        message: SystemMessage,
    },
}

/// A part of the server whose deliveries begin later than the join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Changes of tables.
    PostgresChanges,
    /// Broadcasts from the database. Said only when asked for with
    /// [`ChannelSpec::replication_ready`](crate::ChannelSpec::replication_ready).
    DatabaseBroadcasts,
}

/// Differences between who was here before and who is here now, by key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PresenceChange {
    /// Keys that are new, with all their presences.
    pub joined: PresenceMap,
    /// Keys that stay and whose presences are others now, with all of them.
    pub updated: PresenceMap,
    /// Keys that are gone, with their last presences. A key that comes back within
    /// [`RealtimeOptions::presence_grace`](crate::RealtimeOptions::presence_grace) is never reported gone.
    pub left: PresenceMap,
}

impl PresenceChange {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.updated.is_empty() && self.left.is_empty()
    }
}

impl RealtimeEvent {
    /// For traces, which must not hold payloads.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected { .. } => "disconnected",
            Self::Joined { .. } => "joined",
            Self::Ready { .. } => "ready",
            Self::ReadAgain { .. } => "read again",
            Self::Refused { .. } => "refused",
            Self::BindingsRefused { .. } => "bindings refused",
            Self::ChannelClosed { .. } => "channel closed",
            Self::Broadcast { .. } => "broadcast",
            Self::BinaryBroadcast { .. } => "binary broadcast",
            Self::PostgresChange { .. } => "postgres change",
            Self::Presence { .. } => "presence",
            Self::PresenceRefused { .. } => "presence refused",
            Self::System { .. } => "system",
        }
    }
}
