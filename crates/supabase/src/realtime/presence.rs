//! Who is on a channel, as the server reports it.

use serde_json::{Map, Value};

/// One presence of a key: one tracked connection. A person with two windows has two under one key.
#[derive(Debug, Clone, PartialEq)]
pub struct Presence {
    /// The server's reference of this very `track`, unique.
    pub reference: String,
    /// The reference that this one replaces, when a connection has tracked again.
    pub previous: Option<String>,
    /// What was tracked.
    pub payload: Map<String, Value>,
}

/// Presences by key, in the server's order.
pub type PresenceMap = Vec<(String, Vec<Presence>)>;
