//! Which rows of a damaged file are outbox entries.

use std::{collections::BTreeMap, path::Path};

use cockpit_sync::{OutboxEntry, OutboxState};
use rusqlite::{Connection, params_from_iter, types::Value};
use serde_json::{Map, json};

use super::{cell, pages::Pages};
use crate::{
    fault::{Held, of_io},
    file, outbox,
    schema::WORKSPACE,
};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Salvaged {
    /// Whole entries, in the order they were written, each with its columns as they are stored.
    pub(crate) entries: Vec<(OutboxEntry, serde_json::Value)>,
    /// What looks like an entry and is not whole, as far as it can be read.
    pub(crate) broken: Vec<serde_json::Value>,
    /// Entries on pages that the file calls free: they were removed, and are not sent again.
    pub(crate) removed: Vec<serde_json::Value>,
}

/// Looks at every page of the database at `path` for outbox entries.
pub(crate) fn outbox(path: &Path) -> Held<Salvaged> {
    let mut pages = Pages::open(path).map_err(|error| of_io(path, &error))?;
    let free = pages.free();
    let reader = Reader::new()?;
    let mut found = Salvaged::default();
    let mut whole: BTreeMap<[u8; 16], (OutboxEntry, serde_json::Value)> = BTreeMap::new();
    for number in 1..=pages.last {
        let page = pages.read(number);
        for start in cell::starts(&page, number) {
            let Some(cell) = cell::read(&page, start, &mut pages, is_entry) else { continue };
            let mut values = cell.values;
            // The position is the row's number and is not stored a second time.
            if let Some(position) = values.first_mut() {
                *position = Value::Integer(cell.number);
            }
            let columns = reader.columns(&values);
            match reader.entry(&values) {
                _ if free.contains(&number) => found.removed.push(columns),
                Ok(entry) => {
                    let id = entry.mutation.0.into_bytes();
                    let known = whole.get(&id);
                    if known.is_none_or(|(known, _)| rank(&entry.state) > rank(&known.state)) {
                        whole.insert(id, (entry, columns));
                    }
                }
                Err(_) => found.broken.push(columns),
            }
        }
    }
    found.entries = whole.into_values().collect();
    found.entries.sort_by_key(|(entry, _)| entry.position);
    Ok(found)
}

/// An entry may be met twice, as it is and as it was on a page that nobody knows to be free. What is parked was never anything else later;
/// and an acknowledged change that is sent again does no harm, but one that is not sent at all would.
fn rank(state: &OutboxState) -> u8 {
    match state {
        OutboxState::Parked { .. } => 2,
        OutboxState::Queued | OutboxState::Sent { .. } => 1,
        OutboxState::Acknowledged { .. } => 0,
    }
}

/// Whether the types of a row's columns are those of an outbox entry; no other table has such rows.
fn is_entry(types: &[u64]) -> bool {
    const UUID: u64 = 12 + 2 * 16;
    let text = |kind: u64| kind >= 13 && kind % 2 == 1;
    let integer = |kind: u64| matches!(kind, 1..=6 | 8 | 9);
    let [position, mutation, table, record, op, set, base, version, at, state, no, scope, seq, error, ..] = *types
    else {
        return false;
    };
    position == 0
        && mutation == UUID
        && record == UUID
        && [table, op, set, base, state].into_iter().all(text)
        && integer(at)
        && [version, no, seq].into_iter().all(|kind| kind == 0 || integer(kind))
        && (scope == 0 || scope == UUID)
        && (error == 0 || text(error))
}

/// Reads stored columns the way the store does: through the table, with its checks, in a file of its own in memory.
struct Reader {
    connection: Connection,
    names: Vec<String>,
}

impl Reader {
    fn new() -> Held<Self> {
        let connection = file::open_in_memory(&WORKSPACE)?;
        let mut statement = connection.prepare("select name from pragma_table_info('outbox') order by cid")?;
        let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        drop(statement);
        Ok(Self { connection, names })
    }

    /// A row of an older file has fewer columns; the rest has its default.
    fn entry(&self, values: &[Value]) -> Held<OutboxEntry> {
        let names: Vec<&str> = self.names.iter().take(values.len()).map(String::as_str).collect();
        let marks = vec!["?"; names.len()].join(", ");
        self.connection.execute("delete from outbox", [])?;
        let sql = format!("insert into outbox ({}) values ({marks})", names.join(", "));
        self.connection.execute(&sql, params_from_iter(values.iter().take(names.len())))?;
        outbox::all(&self.connection, 1)?.pop().ok_or_else(|| crate::fault::damaged("an entry is gone"))
    }

    fn columns(&self, values: &[Value]) -> serde_json::Value {
        let named = self.names.iter().zip(values);
        serde_json::Value::Object(named.map(|(name, value)| (name.clone(), as_json(value))).collect::<Map<_, _>>())
    }
}

/// A stored value as JSON: ids as they are written everywhere, other bytes in hexadecimal.
pub(crate) fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => json!(number),
        Value::Real(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Blob(bytes) => match uuid::Uuid::from_slice(bytes) {
            Ok(id) => json!(id),
            Err(_) => json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        },
    }
}
