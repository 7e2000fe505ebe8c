//! What the server says.

use bytes::Bytes;

use super::Json;
use crate::realtime::change::PostgresChange;
use crate::realtime::presence::PresenceMap;

/// A frame of the server. Topics are as on the wire, with their `realtime:`.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    /// The answer to one of the client's frames.
    Reply {
        /// The topic it was sent to.
        topic: String,
        /// The `ref` of the frame it answers.
        reference: Option<String>,
        /// What was accepted, or the reason why not.
        outcome: Result<Accepted, String>,
    },
    /// The server has ended a channel.
    Closed {
        /// The channel's topic.
        topic: String,
        /// Which join it ends: a channel that was joined again keeps living.
        join_ref: Option<String>,
    },
    /// A channel has crashed at the server.
    Errored {
        /// The channel's topic.
        topic: String,
        /// Which join it ends.
        join_ref: Option<String>,
    },
    /// The server says something about a channel.
    System {
        /// The channel's topic.
        topic: String,
        /// `ok` or `error`.
        status: String,
        /// For people, although clients have to look at it too.
        message: String,
        /// The part of the server it comes from: `postgres_changes`, `broadcast`, `system`.
        extension: Option<String>,
    },
    /// A broadcast, from another client or from the database.
    Broadcast {
        /// The channel's topic.
        topic: String,
        /// The name the sender gave it.
        event: String,
        /// What was sent.
        payload: BroadcastPayload,
        /// Given by the database, for de-duplication.
        id: Option<String>,
        /// Whether it was asked for again at the join.
        replayed: bool,
    },
    /// A change of a table.
    PostgresChange {
        /// The channel's topic.
        topic: String,
        /// The bindings it matches, as the reply to the join numbered them; unordered, and one may be named twice.
        ids: Vec<u64>,
        /// The change.
        change: Box<PostgresChange>,
    },
    /// Everybody who is on a channel, sent after a join that asked for presence.
    PresenceState {
        /// The channel's topic.
        topic: String,
        /// Which join it answers; version 1 does not say.
        join_ref: Option<String>,
        /// All presences.
        presences: PresenceMap,
    },
    /// Who came and went.
    PresenceDiff {
        /// The channel's topic.
        topic: String,
        /// New presences; one that replaces another names it.
        joins: PresenceMap,
        /// Presences that are gone.
        leaves: PresenceMap,
    },
    /// An event that this version does not know.
    Other {
        /// The topic.
        topic: String,
        /// The event.
        event: String,
    },
}

/// What a reply accepts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// The numbers of the join's bindings to Postgres changes, in the order in which they were asked for. Equal bindings have
    /// equal numbers.
    pub bindings: Vec<u64>,
}

/// What a broadcast carries.
#[derive(Debug, Clone, PartialEq)]
pub enum BroadcastPayload {
    /// JSON, untouched.
    Json(Json),
    /// Bytes, which only protocol 2.0.0 can carry.
    Binary(Bytes),
}
