//! Edits of a person: checked, written to the outbox and onto the screen in one transaction.

use cockpit_domain::{
    AppError, ErrorCode, MutationId, Table,
    check::{checked, completed},
    rank,
};
use serde_json::{Value, json};

use crate::{
    event::EditError,
    overlay::{refresh, visible_fields},
    store::{OutboxEntry, OutboxState, RecordKey, ScopeRecord, Store, Stored, StoredRecord, UndoEntry},
    time::Now,
    value::same,
    wire::{Fields, MutationOp},
};

/// A checked change of one record, ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) key: RecordKey,
    pub(crate) op: MutationOp,
    pub(crate) set: Fields,
    pub(crate) base: Fields,
    /// The word for it in the undo history.
    pub(crate) what: &'static str,
}

/// A new record with every column it needs on the screen. A task without a rank goes to the top of the list.
pub(crate) fn create(key: RecordKey, given: &Fields, store: &dyn Store) -> Result<Change, EditError> {
    if store.record(key)?.is_some() {
        return Err(refused(ErrorCode::Invalid, "A record with that id exists already."));
    }
    let mut set = given.clone();
    if key.table == Table::Tasks && !set.contains_key("rank") {
        set.insert("rank".into(), json!(rank::between(None, store.first_task_rank()?.as_deref())));
    }
    let set = completed(key.table, &set).map_err(EditError::Refused)?;
    Ok(Change { key, op: MutationOp::Insert, set, base: Fields::new(), what: "create" })
}

/// New values of a record; `None` when every one of them is there already.
pub(crate) fn edit(key: RecordKey, values: &Fields, store: &dyn Store) -> Result<Option<Change>, EditError> {
    let row = living(store, key)?;
    let mut set = checked(key.table, values).map_err(EditError::Refused)?;
    set.retain(|column, value| !same(key.table, column, row.get(column), Some(value)));
    if set.is_empty() {
        return Ok(None);
    }
    let base = set.keys().map(|column| (column.clone(), row.get(column).cloned().unwrap_or(Value::Null))).collect();
    let done = key.table == Table::Tasks && set.get("status") == Some(&json!("done"));
    Ok(Some(Change { key, op: MutationOp::Update, set, base, what: if done { "complete" } else { "edit" } }))
}

/// A record to the trash.
pub(crate) fn delete(key: RecordKey, store: &dyn Store) -> Result<Change, EditError> {
    living(store, key)?;
    Ok(Change { key, op: MutationOp::Delete, set: Fields::new(), base: Fields::new(), what: "delete" })
}

/// A record back from the trash; `None` when it is not in it.
pub(crate) fn restore(key: RecordKey, store: &dyn Store) -> Result<Option<Change>, EditError> {
    let row = visible(store, key)?;
    let deleted = row.get("deleted_at").is_some_and(|at| !at.is_null());
    Ok(deleted.then(|| Change {
        key,
        op: MutationOp::Restore,
        set: Fields::new(),
        base: Fields::new(),
        what: "restore",
    }))
}

/// Writes a change: outbox entry and visible row together.
pub(crate) fn write(
    change: &Change,
    mutation: MutationId,
    now: Now,
    scope: Option<&ScopeRecord>,
    fence: Option<i64>,
    store: &mut dyn Store,
) -> Stored<()> {
    let record = store.record(change.key)?;
    let base_version = record.as_ref().filter(|record| record.confirmed.is_some()).map(|record| record.version);
    store.put_outbox(&OutboxEntry {
        position: 0,
        mutation,
        key: change.key,
        op: change.op,
        set: change.set.clone(),
        base: change.base.clone(),
        base_version,
        fence,
        at_ms: now.wall_ms,
        state: OutboxState::Queued,
    })?;
    let record = record.unwrap_or_else(|| unconfirmed(scope));
    refresh(store, change.key, record)?;
    Ok(())
}

/// What is kept of a record that only this device knows. Before the first contact its scope is not known; the end of the bootstrap names it.
pub(crate) fn unconfirmed(scope: Option<&ScopeRecord>) -> StoredRecord {
    StoredRecord {
        scope: scope.map_or(cockpit_domain::ScopeId(uuid::Uuid::nil()), |scope| scope.cursor.scope),
        version: 0,
        generation: scope.map_or(0, |scope| scope.generation),
        confirmed: None,
        visible: None,
    }
}

/// Puts a change into the undo history.
pub(crate) fn remember(change: &Change, store: &mut dyn Store) -> Stored<()> {
    store.push_undo(&UndoEntry {
        position: 0,
        key: change.key,
        what: change.what.into(),
        op: change.op,
        before: change.base.clone(),
        after: change.set.clone(),
        undone: false,
    })
}

/// The visible row of a record, in the trash or not.
pub(crate) fn visible(store: &dyn Store, key: RecordKey) -> Result<Fields, EditError> {
    visible_fields(store.record(key)?.as_ref())?.ok_or_else(|| {
        refused(ErrorCode::NotFound, "That record does not exist any more. Somebody may have removed it.")
    })
}

pub(crate) fn refused(code: ErrorCode, message: impl Into<String>) -> EditError {
    EditError::Refused(AppError::new(code, message))
}

fn living(store: &dyn Store, key: RecordKey) -> Result<Fields, EditError> {
    let row = visible(store, key)?;
    if row.get("deleted_at").is_some_and(|at| !at.is_null()) {
        return Err(refused(ErrorCode::NotFound, "That record is in the trash. Restore it to change it."));
    }
    Ok(row)
}
