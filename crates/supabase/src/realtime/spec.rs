//! What a channel is asked to be.

use super::protocol::{Binding, JoinConfig, PresenceConfig, Replay};

/// A channel that shall be joined, and what it shall carry. The same specification again changes nothing; a changed one is left and
/// joined anew.
///
/// ```
/// use cockpit_supabase::ChannelSpec;
/// use cockpit_supabase::realtime::protocol::Binding;
///
/// let simple = ChannelSpec::private("room");
/// let rich = ChannelSpec::private("room")
///     .acknowledged()
///     .presence("ada")
///     .changes(Binding::table("public", "tasks"));
/// assert_ne!(simple, rich);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSpec {
    /// The topic without `realtime:`.
    pub topic: String,
    /// What the join asks for. Equal bindings are sent once. A binding that the server does not accept cancels all of the channel's:
    /// what may be refused deserves a channel of its own.
    pub config: JoinConfig,
}

impl ChannelSpec {
    /// A channel whose readers and writers the database's policies decide on.
    pub fn private(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), config: JoinConfig { private: true, ..JoinConfig::default() } }
    }

    /// A channel that anybody with the key can read and write. The server keeps it apart from a private one of the same topic; one
    /// connection can have one of them.
    pub fn public(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), config: JoinConfig::default() }
    }

    /// Has the server confirm each broadcast: that it accepted it, not that anybody got it.
    #[must_use]
    pub fn acknowledged(mut self) -> Self {
        self.config.broadcast.ack = true;
        self
    }

    /// Has one's own broadcasts come back.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.config.broadcast.own = true;
        self
    }

    /// Has the server say when broadcasts from the database are delivered:
    /// [`RealtimeEvent::Ready`](crate::RealtimeEvent::Ready) with
    /// [`Extension::DatabaseBroadcasts`](crate::realtime::Extension::DatabaseBroadcasts).
    #[must_use]
    pub fn replication_ready(mut self) -> Self {
        self.config.broadcast.replication_ready = true;
        self
    }

    /// Asks at each join for the newest `limit` (at most 25) broadcasts of the database since that moment, in milliseconds since 1970
    /// by the server's clock. What was told before is not told twice. Private channels only.
    #[must_use]
    pub fn replay(mut self, since: i64, limit: u32) -> Self {
        self.config.broadcast.replay = Some(Replay { since, limit: Some(limit) });
        self
    }

    /// Follows who is here, and appears under this key when [tracked](crate::Realtime::track). Several connections can share a key;
    /// for an empty one the server makes one up at each join and does not tell which.
    #[must_use]
    pub fn presence(mut self, key: impl Into<String>) -> Self {
        self.config.presence = PresenceConfig { enabled: true, key: key.into() };
        self
    }

    /// Adds a wish for changes of a table.
    #[must_use]
    pub fn changes(mut self, binding: Binding) -> Self {
        self.config.postgres_changes.push(binding);
        self
    }

    /// Whether there is anything whose delivery is confirmed only after the join.
    pub(crate) fn has_changes(&self) -> bool {
        !self.config.postgres_changes.is_empty()
    }

    /// The same with each binding once, in the order of first appearance: what is sent.
    pub(crate) fn distinct(&self) -> JoinConfig {
        let postgres_changes = self.distinct_changes().into_iter().cloned().collect();
        JoinConfig { postgres_changes, ..self.config.clone() }
    }

    /// For each binding its place among the distinct ones.
    pub(crate) fn places(&self) -> Vec<usize> {
        let distinct = self.distinct_changes();
        let place = |binding: &Binding| distinct.iter().position(|other| *other == binding);
        self.config.postgres_changes.iter().filter_map(place).collect()
    }

    fn distinct_changes(&self) -> Vec<&Binding> {
        let mut distinct = Vec::new();
        for binding in &self.config.postgres_changes {
            if !distinct.contains(&binding) {
                distinct.push(binding);
            }
        }
        distinct
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ChannelSpec;
    use crate::realtime::protocol::{Binding, BindingEvent};

    #[test]
    fn the_simplest_channel_asks_for_nothing_more() {
        let expected = json!({
            "broadcast": { "ack": false, "self": false },
            "presence": { "key": "", "enabled": false },
            "postgres_changes": [],
            "private": true,
        });
        assert_eq!(json!(ChannelSpec::private("room").config), expected);
    }

    #[test]
    fn a_rich_channel_in_the_servers_words() {
        let spec = ChannelSpec::public("room")
            .acknowledged()
            .echo()
            .replication_ready()
            .replay(1_795_405_757_626, 25)
            .presence("ada")
            .changes(Binding::table("public", "t").event(BindingEvent::Update).select(["id"]))
            .changes(Binding::schema("public"));
        let expected = json!({
            "broadcast": {
                "ack": true,
                "self": true,
                "replication_ready": true,
                "replay": { "since": 1_795_405_757_626i64, "limit": 25 },
            },
            "presence": { "key": "ada", "enabled": true },
            "postgres_changes": [
                { "event": "UPDATE", "schema": "public", "table": "t", "select": ["id"] },
                { "event": "*", "schema": "public" },
            ],
            "private": false,
        });
        assert_eq!(json!(spec.config), expected);
    }

    #[test]
    fn equal_bindings_are_sent_once_and_each_keeps_its_place() {
        let (a, b) = (Binding::table("public", "a"), Binding::table("public", "b"));
        let spec = ChannelSpec::public("t").changes(a.clone()).changes(b.clone()).changes(a.clone());
        assert_eq!(spec.distinct().postgres_changes, [a, b]);
        assert_eq!(spec.places(), [0, 1, 0]);
    }
}
