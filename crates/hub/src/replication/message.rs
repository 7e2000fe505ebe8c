//! A row of `realtime.messages` as a message.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::pgoutput::{Relation, Row};

/// A broadcast from the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) id: Uuid,
    /// Without `realtime:`.
    pub(crate) topic: &'a str,
    /// Empty when the row has none.
    pub(crate) event: &'a str,
    /// As PostgreSQL writes it: numbers keep all their digits.
    pub(crate) payload: &'a RawValue,
    pub(crate) private: bool,
}

/// Where the columns of the table are. Its columns can be in any order: a data folder may be older than this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) relation: u32,
    id: usize,
    topic: usize,
    event: usize,
    payload: usize,
    private: usize,
}

impl Columns {
    /// Nothing when this is another table.
    pub(super) fn of(relation: &Relation<'_>) -> Option<Self> {
        if (relation.schema, relation.name) != ("realtime", "messages") {
            return None;
        }
        let column = |name: &str| relation.columns.iter().position(|known| *known == name);
        Some(Self {
            relation: relation.number,
            id: column("id")?,
            topic: column("topic")?,
            event: column("event")?,
            payload: column("payload")?,
            private: column("private")?,
        })
    }

    /// Nothing when the row cannot be a message, which the table's types and constraints do not let happen.
    pub(super) fn message<'a>(&self, row: &Row<'a>) -> Option<Message<'a>> {
        Some(Message {
            id: Uuid::parse_str(row.value(self.id)?).ok()?,
            topic: row.value(self.topic)?,
            event: row.value(self.event).unwrap_or_default(),
            payload: serde_json::from_str(row.value(self.payload).unwrap_or("null")).ok()?,
            private: row.value(self.private) == Some("t"),
        })
    }
}
