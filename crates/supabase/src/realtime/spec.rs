//! What a channel is asked to be.

use serde_json::{Map, Value, json};

/// A channel that shall be joined, and what it shall carry. Two specifications that are equal are one channel; a changed one is left
/// and joined again.
///
/// ```
/// use cockpit_supabase::{ChangeBinding, ChannelSpec};
///
/// let simple = ChannelSpec::private("room");
/// let rich = ChannelSpec::private("room")
///     .acknowledged()
///     .presence("ada")
///     .changes(ChangeBinding::table("public", "tasks").filter("tenant_id=eq.7"));
/// assert_ne!(simple, rich);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSpec {
    /// The topic without `realtime:`.
    pub topic: String,
    /// Whether the database's policies decide who may read and write. A private and a public channel of one topic are two at the
    /// server; one connection can have one of them.
    pub private: bool,
    /// How broadcasts are to be treated.
    pub broadcast: BroadcastSpec,
    /// Whether it is followed who is here, and under which key one appears oneself.
    pub presence: PresenceSpec,
    /// The changes of tables that shall be reported. Equal bindings are sent once. A binding that the server does not accept cancels
    /// all of the channel's: what may be refused deserves a channel of its own.
    pub changes: Vec<ChangeBinding>,
}

/// How a channel treats broadcasts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BroadcastSpec {
    /// Whether the server confirms that it has accepted a broadcast (not that anybody got it).
    pub acknowledge: bool,
    /// Whether one's own broadcasts come back.
    pub echo: bool,
    /// Whether the server shall say when broadcasts from the database are delivered:
    /// [`RealtimeEvent::Ready`](crate::RealtimeEvent::Ready) with
    /// [`Extension::DatabaseBroadcasts`](crate::realtime::Extension::DatabaseBroadcasts).
    pub replication_ready: bool,
    /// Messages of the past that are wanted at each join. Private channels only.
    pub replay: Option<Replay>,
}

/// Broadcasts from the database that shall be told again. What was told before is not told twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// The oldest wanted, in milliseconds since 1970 by the server's clock.
    pub since: u64,
    /// How many of the newest; the server gives [`Replay::MOST`] at most.
    pub limit: u8,
}

impl Replay {
    /// What the server gives at most (Realtime 2.129.8).
    pub const MOST: u8 = 25;
}

/// The presence of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PresenceSpec {
    /// Whether the server shall say who is here. Without it, [`Realtime::track`](crate::Realtime::track) is refused.
    pub enabled: bool,
    /// The key under which one's own presence appears; several connections can share one. When it is empty the server makes one up
    /// at each join and does not tell which.
    pub key: String,
}

/// One wish for changes of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeBinding {
    /// Which changes.
    pub event: ChangeEvent,
    /// The schema.
    pub schema: String,
    /// The table; none means every published table of the schema.
    pub table: Option<String>,
    /// The server's filter text, `tenant_id=eq.7`. Deletions pass it only if it is about the replica identity (usually the primary
    /// key).
    pub filter: Option<String>,
    /// The columns wanted; empty means all. Only with a table.
    pub columns: Vec<String>,
}

/// Which changes a binding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChangeEvent {
    /// Every change.
    #[default]
    All,
    /// New rows.
    Insert,
    /// Changed rows.
    Update,
    /// Deleted rows. Anybody subscribed hears of every deletion, whatever row policies say.
    Delete,
}

impl ChannelSpec {
    /// A channel whose readers and writers the database's policies decide on.
    pub fn private(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            private: true,
            broadcast: BroadcastSpec::default(),
            presence: PresenceSpec::default(),
            changes: Vec::new(),
        }
    }

    /// A channel that anybody with the key can read and write.
    pub fn public(topic: impl Into<String>) -> Self {
        Self { private: false, ..Self::private(topic) }
    }

    /// Has the server confirm each broadcast.
    #[must_use]
    pub fn acknowledged(mut self) -> Self {
        self.broadcast.acknowledge = true;
        self
    }

    /// Has one's own broadcasts come back.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.broadcast.echo = true;
        self
    }

    /// Has the server say when broadcasts from the database are delivered.
    #[must_use]
    pub fn replication_ready(mut self) -> Self {
        self.broadcast.replication_ready = true;
        self
    }

    /// Asks at each join for the newest `limit` broadcasts of the database since that moment (milliseconds since 1970).
    #[must_use]
    pub fn replay(mut self, since: u64, limit: u8) -> Self {
        self.broadcast.replay = Some(Replay { since, limit });
        self
    }

    /// Follows who is here, and appears under this key when [tracked](crate::Realtime::track).
    #[must_use]
    pub fn presence(mut self, key: impl Into<String>) -> Self {
        self.presence = PresenceSpec { enabled: true, key: key.into() };
        self
    }

    /// Adds a wish for changes of a table.
    #[must_use]
    pub fn changes(mut self, binding: ChangeBinding) -> Self {
        self.changes.push(binding);
        self
    }

    /// The bindings without repetitions, in the order of their first appearance: what is sent.
    pub(crate) fn distinct_changes(&self) -> Vec<&ChangeBinding> {
        let mut distinct = Vec::new();
        for binding in &self.changes {
            if !distinct.contains(&binding) {
                distinct.push(binding);
            }
        }
        distinct
    }

    /// For each binding its place among the distinct ones.
    pub(crate) fn places(&self) -> Vec<usize> {
        let distinct = self.distinct_changes();
        self.changes.iter().filter_map(|binding| distinct.iter().position(|other| *other == binding)).collect()
    }

    /// Whether the server is to say later that more than broadcasts of other clients are delivered.
    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The `config` of a join, the same in both versions of the protocol.
    pub(crate) fn config(&self) -> Value {
        let mut broadcast = json!({ "ack": self.broadcast.acknowledge, "self": self.broadcast.echo });
        if let Some(object) = broadcast.as_object_mut() {
            if self.broadcast.replication_ready {
                object.insert("replication_ready".to_owned(), Value::Bool(true));
            }
            if let Some(Replay { since, limit }) = self.broadcast.replay {
                object.insert("replay".to_owned(), json!({ "since": since, "limit": limit.min(Replay::MOST) }));
            }
        }
        let changes: Vec<Value> = self.distinct_changes().into_iter().map(ChangeBinding::config).collect();
        json!({
            "broadcast": broadcast,
            "presence": { "key": self.presence.key, "enabled": self.presence.enabled },
            "postgres_changes": changes,
            "private": self.private,
        })
    }
}

impl ChangeBinding {
    /// Every change of a table.
    pub fn table(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { table: Some(table.into()), ..Self::schema(schema) }
    }

    /// Every change of every published table of a schema.
    pub fn schema(schema: impl Into<String>) -> Self {
        Self { event: ChangeEvent::All, schema: schema.into(), table: None, filter: None, columns: Vec::new() }
    }

    /// Only these changes.
    #[must_use]
    pub fn on(mut self, event: ChangeEvent) -> Self {
        self.event = event;
        self
    }

    /// Only rows that pass the server's filter: `id=eq.5`, `state=in.(open,done)`, several joined by commas.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }

    /// Only these columns.
    #[must_use]
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.columns = columns.into_iter().map(Into::into).collect();
        self
    }

    fn config(&self) -> Value {
        let mut config = Map::new();
        config.insert("event".to_owned(), json!(self.event.as_str()));
        config.insert("schema".to_owned(), json!(self.schema));
        if let Some(table) = &self.table {
            config.insert("table".to_owned(), json!(table));
        }
        if let Some(filter) = &self.filter {
            config.insert("filter".to_owned(), json!(filter));
        }
        if !self.columns.is_empty() {
            config.insert("select".to_owned(), json!(self.columns));
        }
        Value::Object(config)
    }
}

impl ChangeEvent {
    /// The server's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "*",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ChangeBinding, ChangeEvent, ChannelSpec};

    #[test]
    fn the_simplest_channel_asks_for_nothing_more() {
        let expected = json!({
            "broadcast": { "ack": false, "self": false },
            "presence": { "key": "", "enabled": false },
            "postgres_changes": [],
            "private": true,
        });
        assert_eq!(ChannelSpec::private("room").config(), expected);
    }

    #[test]
    fn a_rich_channel_in_the_servers_words() {
        let spec = ChannelSpec::public("room")
            .acknowledged()
            .echo()
            .replication_ready()
            .replay(1_795_405_757_626, 99)
            .presence("ada")
            .changes(ChangeBinding::table("public", "t").on(ChangeEvent::Update).filter("id=gt.10").columns(["id"]))
            .changes(ChangeBinding::schema("public"));
        let expected = json!({
            "broadcast": {
                "ack": true,
                "self": true,
                "replication_ready": true,
                "replay": { "since": 1_795_405_757_626u64, "limit": 25 },
            },
            "presence": { "key": "ada", "enabled": true },
            "postgres_changes": [
                { "event": "UPDATE", "schema": "public", "table": "t", "filter": "id=gt.10", "select": ["id"] },
                { "event": "*", "schema": "public" },
            ],
            "private": false,
        });
        assert_eq!(spec.config(), expected);
    }

    #[test]
    fn equal_bindings_are_sent_once_and_each_keeps_its_place() {
        let (a, b) = (ChangeBinding::table("public", "a"), ChangeBinding::table("public", "b"));
        let spec = ChannelSpec::public("t").changes(a.clone()).changes(b.clone()).changes(a.clone());
        assert_eq!(spec.distinct_changes(), [&a, &b]);
        assert_eq!(spec.places(), [0, 1, 0]);
    }
}
