//! Small makers of what the tests put into a store.

use std::path::Path;

use cockpit_domain::{MutationId, RecordId, ScopeId, Table, TenantId};
use cockpit_store::{OpenOptions, SqliteStore};
use cockpit_sync::{
    OutboxEntry, OutboxState, RecordKey, Store, StoreError,
    store::StoredRecord,
    wire::{Fields, MutationOp},
};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) fn uuid(n: u8) -> Uuid {
    Uuid::from_bytes([n; 16])
}

pub(crate) fn key(table: Table, n: u8) -> RecordKey {
    RecordKey { table, id: RecordId(uuid(n)) }
}

pub(crate) fn scope(n: u8) -> ScopeId {
    ScopeId(uuid(n))
}

pub(crate) fn memory() -> SqliteStore {
    SqliteStore::open(Path::new("unused"), OpenOptions::memory()).unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TenantId(uuid(77))
}

pub(crate) fn on_disk(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, OpenOptions::new(tenant()))
}

/// Runs a step that must succeed.
pub(crate) fn step<T>(store: &mut SqliteStore, work: impl FnOnce(&mut dyn Store) -> Result<T, StoreError>) -> T {
    store.transaction(work).unwrap()
}

pub(crate) fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is not an object"),
    }
}

pub(crate) fn task_json(n: u8, name: &str) -> String {
    json!({
        "id": uuid(n), "version": 1, "project_id": null, "parent_task": null, "name": name, "task_type": null, "assignee": null,
        "status": "open", "review_stage": null, "priority": "normal", "start_date": null, "due_date": null, "estimate_hours": null,
        "rank": format!("a{n}"), "created_at": "2026-01-02T01:04:05.123456Z", "updated_at": "2026-01-02T01:04:05.123456Z",
    })
    .to_string()
}

pub(crate) fn confirmed(n: u8, name: &str) -> StoredRecord {
    let row = Some(task_json(n, name));
    StoredRecord { scope: scope(1), version: 1, generation: 1, confirmed: row.clone(), visible: row }
}

pub(crate) fn entry(mutation: u8, record: RecordKey, state: OutboxState) -> OutboxEntry {
    OutboxEntry {
        position: 0,
        mutation: MutationId(uuid(mutation)),
        key: record,
        op: MutationOp::Update,
        set: fields(json!({ "name": "new", "tags": ["a", 1.5, null] })),
        base: fields(json!({ "name": "old" })),
        base_version: Some(3),
        fence: Some(7),
        at_ms: 1_780_000_000_123,
        state,
    }
}
