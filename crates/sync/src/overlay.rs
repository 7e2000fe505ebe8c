//! The overlay: what a person sees is the confirmed row with their own unfinished changes replayed on top.

use serde_json::Value;

use crate::{
    store::{OutboxEntry, OutboxState, RecordKey, Store, StoreError, Stored, StoredRecord},
    time::rfc3339,
    wire::{Fields, MutationOp},
};

/// Computes `visible` of a record anew and writes it. Answers whether the visible row changed.
pub(crate) fn refresh(store: &mut dyn Store, key: RecordKey, mut record: StoredRecord) -> Stored<bool> {
    let entries = store.outbox_of(key)?;
    let hidden = crate::planted!("base-ignored") && record.confirmed.is_some();
    let visible = if hidden || entries.iter().all(is_parked) {
        record.confirmed.clone()
    } else {
        let confirmed = record.confirmed.as_deref().map(parse).transpose()?;
        entries
            .iter()
            .filter(|entry| !is_parked(entry))
            .fold(confirmed, replay)
            .map(|row| Value::Object(row).to_string())
    };
    let changed = visible != record.visible;
    record.visible = visible;
    store.put_record(key, &record)?;
    Ok(changed)
}

/// The same for a record that may not be there (any more).
pub(crate) fn refresh_key(key: RecordKey, store: &mut dyn Store) -> Stored<()> {
    match store.record(key)? {
        Some(record) => refresh(store, key, record).map(drop),
        None => Ok(()),
    }
}

/// The visible row of a record as fields.
pub(crate) fn visible_fields(record: Option<&StoredRecord>) -> Stored<Option<Fields>> {
    record.and_then(|record| record.visible.as_deref()).map(parse).transpose()
}

/// Parses a stored row.
pub(crate) fn parse(text: &str) -> Stored<Fields> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(format!("a row is not JSON: {error}")))
}

fn is_parked(entry: &OutboxEntry) -> bool {
    matches!(entry.state, OutboxState::Parked { .. })
}

fn replay(row: Option<Fields>, entry: &OutboxEntry) -> Option<Fields> {
    let at = Value::String(rfc3339(entry.at_ms));
    let mut row = match (entry.op, row) {
        // The server may have confirmed the insert already while its acknowledgement is on the way; its row is the better one.
        (MutationOp::Insert, Some(row)) => return Some(row),
        (MutationOp::Insert, None) => {
            let mut row = entry.set.clone();
            row.insert("id".into(), Value::String(entry.key.id.to_string()));
            row.insert("version".into(), 0.into());
            row.insert("created_at".into(), at.clone());
            row.insert("deleted_at".into(), Value::Null);
            row
        }
        // The record is gone on the server; the fate of this entry will be a rejection, and until then there is nothing to show.
        (_, None) => return None,
        (_, Some(row)) => row,
    };
    match entry.op {
        MutationOp::Insert => {}
        MutationOp::Update => row.extend(entry.set.clone()),
        MutationOp::Delete => drop(row.insert("deleted_at".into(), at.clone())),
        MutationOp::Restore => drop(row.insert("deleted_at".into(), Value::Null)),
    }
    row.insert("updated_at".into(), at);
    Some(row)
}
