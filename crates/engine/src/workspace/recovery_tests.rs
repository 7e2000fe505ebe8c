//! A damaged file is opened all the same.

use std::fs;

use cockpit_domain::{MemberId, OutboxChange, RecordId, Role};
use cockpit_store::SqliteStore;
use cockpit_sync::{
    OutboxEntry, OutboxState, Store,
    wire::{Fields, MutationOp},
};

use super::*;

fn brief(tenant: u8) -> WorkspaceBrief {
    WorkspaceBrief {
        tenant: TenantId(Uuid::from_bytes([tenant; 16])),
        name: "Studio".into(),
        member: MemberId(Uuid::from_bytes([2; 16])),
        role: Role::Owner,
        finance_right: true,
    }
}

fn open(path: &std::path::Path, tenant: u8) -> Stored<Workspace> {
    Workspace::open(path, brief(tenant), Vec::new(), 1, CoreOptions::default())
}

fn put_change(store: &mut SqliteStore) {
    let key = RecordKey { table: Table::Tasks, id: RecordId(Uuid::from_bytes([3; 16])) };
    let entry = OutboxEntry {
        position: 0,
        mutation: MutationId(Uuid::from_bytes([4; 16])),
        key,
        op: MutationOp::Insert,
        set: Fields::from_iter([("name".to_owned(), Value::from("Unsent"))]),
        base: Fields::new(),
        base_version: None,
        at_ms: 1,
        fence: None,
        state: OutboxState::Queued,
    };
    store.transaction(|tx: &mut dyn Store| tx.put_outbox(&entry)).unwrap();
}

#[test]
fn a_damaged_file_is_opened_anew_with_its_unsent_changes_and_says_so_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    let mut workspace = open(&path, 1).unwrap();
    assert_eq!(workspace.take_recovery(), None);
    put_change(&mut workspace.store);
    drop(workspace);
    let mut bytes = fs::read(&path).unwrap();
    bytes[..100].fill(0);
    fs::write(&path, bytes).unwrap();

    let mut workspace = open(&path, 1).unwrap();
    let changes: Vec<OutboxChange> = workspace.store.outbox_changes(9).unwrap();
    assert_eq!(changes.iter().map(|change| change.name.as_str()).collect::<Vec<_>>(), ["Unsent"]);
    assert_eq!(workspace.status().pending, 1);
    let told = workspace.take_recovery().unwrap();
    assert_eq!(told.code, ErrorCode::DataDamaged);
    assert!(told.message.contains("kept: 1."), "{}", told.message);
    assert_eq!(workspace.take_recovery(), None);
    drop(workspace);
    assert_eq!(open(&path, 1).unwrap().take_recovery(), None, "the fresh file is whole");
}

#[test]
fn the_file_of_another_workspace_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    drop(open(&path, 1).unwrap());
    assert!(matches!(open(&path, 9), Err(StoreError::Damaged(_))));
    assert_eq!(open(&path, 1).unwrap().take_recovery(), None);
}
