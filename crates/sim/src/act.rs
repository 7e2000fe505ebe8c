//! What a person does at random.

use cockpit_domain::{RecordId, Table};
use cockpit_sync::{Edit, EditError, OutboxState, RecordKey, StoreError};
use serde_json::{Value, json};

use crate::{client::Client, world::World};

/// The tables that people work in, the first ones more.
const TABLES: [Table; 9] = [
    Table::Tasks,
    Table::Tasks,
    Table::Tasks,
    Table::Tasks,
    Table::Clients,
    Table::Projects,
    Table::ProjectBudgets,
    Table::Comments,
    Table::Preferences,
];

impl World {
    /// The person at a client does something.
    pub fn act(&mut self, at: usize) {
        let value = format!("c{at}-{}", self.now);
        let table = TABLES[self.rng.usize(0..TABLES.len())];
        let choice = self.rng.u32(0..100);
        let id = self.any_record(at, table);
        let (what, edit) = match (choice, id) {
            (0..12, _) | (_, None) => ("creations", self.creation(at, table, &value)),
            (12..72, Some(id)) => {
                let key = RecordKey { table, id };
                match self.change(at, key, &value) {
                    Some((column, value)) => {
                        ("edits", Edit::Change { key, set: [(column.to_owned(), value)].into_iter().collect() })
                    }
                    None => return,
                }
            }
            (72..77, Some(id)) => ("deletions", Edit::Delete { key: RecordKey { table, id } }),
            (77..83, Some(id)) => ("restorations", Edit::Restore { key: RecordKey { table, id } }),
            (83..89, _) => ("undos and redos", Edit::Undo),
            (89..92, _) => ("undos and redos", Edit::Redo),
            (92.., _) => {
                let outbox = self.slots[at].client.outbox();
                let parked = outbox.into_iter().find(|entry| matches!(entry.state, OutboxState::Parked { .. }));
                let Some(parked) = parked else { return };
                let slot = &mut self.slots[at];
                slot.watch.discarding(&slot.client, parked.mutation);
                let mutation = parked.mutation;
                if self.rng.bool() {
                    ("discards", Edit::ParkedDiscard { mutation })
                } else {
                    ("retries", Edit::ParkedRetry { mutation })
                }
            }
        };
        self.note(|| format!("{at} {edit:?}"));
        // A person can only do what the moment allows; a refusal changes nothing.
        match self.slots[at].client.try_edit(edit) {
            Ok(_) => {
                self.count(what);
                self.after_step(at);
            }
            Err(EditError::Refused(_)) => self.count("edits refused"),
            Err(EditError::Store(StoreError::DiskFull)) => {
                self.count("edits lost to a full disk");
                self.slots[at].client.reopen();
                self.revive(at);
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// One of the records on the screen.
    fn any_record(&mut self, at: usize, table: Table) -> Option<RecordId> {
        let ids: Vec<RecordId> = self.slots[at].client.store.ids(table);
        // People work at the same things: the later half is seldom touched.
        let some = if self.chance(70) { ids.len().min(6) } else { ids.len() };
        (some > 0).then(|| ids[self.rng.usize(0..some)])
    }

    fn creation(&mut self, at: usize, table: Table, value: &str) -> Edit {
        let refused = self.rng.u32(0..8) == 0;
        let name = if refused { format!("!{value}") } else { value.to_owned() };
        let set = match table {
            Table::Comments => json!({ "body": "1\n2\n3\n4\n" }),
            Table::ProjectBudgets => json!({ "budget": self.rng.u32(1..9).to_string() }),
            Table::Preferences => json!({ "key": name, "value": { "n": self.now } }),
            _ => json!({ "name": name }),
        };
        let id = RecordId(self.slots[at].client.id());
        Edit::Create { key: RecordKey { table, id }, set: set.as_object().unwrap().clone() }
    }

    /// A column with a new value; none for a table of which nothing is changed.
    fn change(&mut self, at: usize, key: RecordKey, value: &str) -> Option<(&'static str, Value)> {
        let name = || json!(value);
        let text = |column, world: &mut Self| Some((column, json!(world.lines(at, key, column, value))));
        match (key.table, self.rng.u32(0..10)) {
            (Table::Tasks | Table::Clients | Table::Projects, 0) => Some(("name", json!(format!("!{value}")))),
            (Table::Tasks | Table::Clients | Table::Projects, 1..6) => Some(("name", name())),
            (Table::Tasks | Table::Clients, 6..8) => text("notes", self),
            (Table::Tasks, _) => Some(("tags", self.tags(&self.slots[at].client, key, value))),
            (Table::Projects, _) => text("description", self),
            (Table::Comments, _) => text("body", self),
            (Table::Clients, _) => Some(("priority", json!(["low", "high", "urgent"][self.rng.usize(0..3)]))),
            (Table::ProjectBudgets, _) => Some(("budget", json!((self.now % 100_000 + 10).to_string()))),
            (Table::Preferences, _) => Some(("value", json!({ "n": self.now }))),
            _ => None,
        }
    }

    /// Adds a tag, or takes one away.
    fn tags(&self, client: &Client, key: RecordKey, value: &str) -> Value {
        let row = client.visible_of(key).unwrap_or_default();
        let mut tags: Vec<Value> = row.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        if tags.len() > 2 {
            tags.remove(0);
        } else {
            tags.push(json!(value));
        }
        json!(tags)
    }

    /// Changes one line of a text of many, so that merging sometimes works and sometimes does not.
    fn lines(&mut self, at: usize, key: RecordKey, column: &str, value: &str) -> String {
        let row = self.slots[at].client.visible_of(key).unwrap_or_default();
        let text = match row.get(column) {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            _ => "1\n2\n3\n4\n5\n6\n7\n".to_owned(),
        };
        let mut lines: Vec<&str> = text.lines().collect();
        let line = self.rng.usize(0..lines.len());
        lines[line] = value;
        lines.join("\n") + "\n"
    }
}
