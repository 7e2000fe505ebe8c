//! What a person does at random.

use cockpit_domain::{RecordId, TaskField, task_field::columns};
use cockpit_sync::{Edit, OutboxState};
use serde_json::Value;

use super::{client::task, world::World};

impl World {
    pub(crate) fn act(&mut self, at: usize) {
        self.slots[at].client.mono_ms = self.now;
        let value = format!("c{at}-{}", self.now);
        let ids: Vec<RecordId> = self.slots[at].watch.visible_tasks(&self.slots[at].client);
        let id = self.rng.choice(ids);
        let edit = match (self.rng.u32(0..100), id) {
            (0..15, _) | (_, None) => {
                let name = if self.rng.u32(0..8) == 0 { format!("!{value}") } else { value };
                self.slots[at].client.create(&name);
                return self.after_edit(at, "creations");
            }
            (15..45, Some(id)) => {
                let name = if self.rng.u32(0..6) == 0 { format!("!{value}") } else { value };
                set(id, TaskField::Name(name))
            }
            (45..60, Some(id)) => {
                let notes = self.notes(at, id, &value);
                set(id, TaskField::Notes(Some(notes)))
            }
            (60..68, Some(id)) => set(id, TaskField::Tags(vec![value, "shared".into()])),
            (68..74, Some(id)) => Edit::Delete { key: task(id) },
            (74..80, Some(id)) => Edit::Restore { key: task(id) },
            (80..87, _) => Edit::Undo,
            (87..91, _) => Edit::Redo,
            (91.., _) => {
                let outbox = self.slots[at].client.outbox();
                let parked = outbox.into_iter().find(|entry| matches!(entry.state, OutboxState::Parked { .. }));
                let Some(parked) = parked else { return };
                let slot = &mut self.slots[at];
                slot.watch.discarding(&slot.client, parked.mutation);
                let mutation = parked.mutation;
                if self.rng.bool() { Edit::ParkedDiscard { mutation } } else { Edit::ParkedRetry { mutation } }
            }
        };
        let what = match edit {
            Edit::Change { .. } => "edits",
            Edit::Delete { .. } => "deletions",
            Edit::Restore { .. } => "restorations",
            Edit::Undo | Edit::Redo => "undos and redos",
            Edit::ParkedRetry { .. } => "retries",
            _ => "discards",
        };
        // A person can only do what the moment allows; a refusal changes nothing.
        match self.slots[at].client.try_edit(edit) {
            Ok(_) => self.after_edit(at, what),
            Err(_) => self.count("edits refused"),
        }
    }

    fn after_edit(&mut self, at: usize, what: &'static str) {
        self.count(what);
        self.after_step(at);
    }

    /// Changes one line of a text of many, so that merging sometimes works and sometimes does not.
    fn notes(&mut self, at: usize, id: RecordId, value: &str) -> String {
        let text = match self.slots[at].client.shows(id, "notes") {
            Value::String(text) if !text.is_empty() => text,
            _ => "1\n2\n3\n4\n5\n6\n7\n".to_owned(),
        };
        let mut lines: Vec<&str> = text.lines().collect();
        let line = self.rng.usize(0..lines.len());
        lines[line] = value;
        lines.join("\n") + "\n"
    }
}

fn set(id: RecordId, field: TaskField) -> Edit {
    Edit::Change { key: task(id), set: columns(&[field]) }
}
