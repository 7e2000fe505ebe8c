//! What a join asks for, as it stands on the wire.

use serde::Serialize;

use super::filter::Filter;

/// The `config` of a join.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct JoinConfig {
    /// About broadcasts.
    pub broadcast: BroadcastConfig,
    /// About presence.
    pub presence: PresenceConfig,
    /// The changes of tables that are wanted. The reply numbers them in this order. **One bad binding cancels all of them**: the server
    /// says so in a system message and does not try again.
    pub postgres_changes: Vec<Binding>,
    /// Whether the database's policies decide who may read and write. A private and a public channel of one topic are two.
    pub private: bool,
}

/// What a join says about broadcasts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BroadcastConfig {
    /// Whether the server confirms that it has accepted a broadcast (not that anybody got it).
    pub ack: bool,
    /// Whether one's own broadcasts come back.
    #[serde(rename = "self")]
    pub own: bool,
    /// Whether a system message shall say when broadcasts from the database are being read (`Replication connection established`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replication_ready: bool,
    /// Broadcasts from the past, on private channels only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

/// Which broadcasts of the past are wanted. They come marked as replayed, and only what the database has stored is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// The earliest, in milliseconds since 1970-01-01T00:00:00Z.
    pub since: i64,
    /// How many at most, the newest; the server gives no more than 25, and refuses 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What a join says about presence.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PresenceConfig {
    /// Under which key this client is listed. The server makes up a UUID for an empty one, and tells nobody which.
    pub key: String,
    /// Whether the server sends the state and the differences.
    pub enabled: bool,
}

/// Changes of a table that are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Binding {
    /// Which changes.
    pub event: BindingEvent,
    /// The schema; `*` for all of them.
    pub schema: String,
    /// The table; all of the schema's when none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Only rows for which this holds. A deletion is compared with what is known of the row, which is its key alone under the default
    /// replica identity: with a filter on another column it never arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// Only these columns; all when empty. Needs a table, and a key column among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub select: Vec<String>,
}

impl Binding {
    /// All changes of a table.
    pub fn table(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self {
            event: BindingEvent::All,
            schema: schema.into(),
            table: Some(table.into()),
            filter: None,
            select: Vec::new(),
        }
    }

    /// All changes of all tables of a schema.
    pub fn schema(schema: impl Into<String>) -> Self {
        Self { event: BindingEvent::All, schema: schema.into(), table: None, filter: None, select: Vec::new() }
    }

    /// Only changes of this kind.
    #[must_use]
    pub fn event(mut self, event: BindingEvent) -> Self {
        self.event = event;
        self
    }

    /// Only rows for which this holds, in place of any filter before.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Only these columns.
    #[must_use]
    pub fn select<I: IntoIterator<Item: Into<String>>>(mut self, columns: I) -> Self {
        self.select = columns.into_iter().map(Into::into).collect();
        self
    }
}

/// Which kinds of change a binding wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum BindingEvent {
    /// All of them.
    #[default]
    #[serde(rename = "*")]
    All,
    /// New rows.
    #[serde(rename = "INSERT")]
    Insert,
    /// Changed rows.
    #[serde(rename = "UPDATE")]
    Update,
    /// Rows that are gone.
    #[serde(rename = "DELETE")]
    Delete,
}
