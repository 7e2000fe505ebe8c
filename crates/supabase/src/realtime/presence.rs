//! Who is on a channel, as the server reports it.

use crate::realtime::protocol::Json;

/// One presence of a key: one tracked connection. A person with two windows has two under one key.
#[derive(Debug, Clone, PartialEq)]
pub struct Presence {
    /// The server's reference of this very `track`, unique.
    pub reference: String,
    /// The reference that this one replaces, when a connection has tracked again.
    pub previous: Option<String>,
    /// What was tracked: an object, without the server's references.
    pub payload: Json,
}

/// Presences by key, in the server's order. A key that comes twice means both lists.
pub type PresenceMap = Vec<(String, Vec<Presence>)>;
