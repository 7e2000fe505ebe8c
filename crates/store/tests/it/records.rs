//! Rows, scopes, staged changes and undo, as the core uses them.

use std::collections::BTreeMap;

use crate::common::{confirmed, fields, key, memory, scope, step, task_json, uuid};
use cockpit_domain::{ScopeKind, Table, TaskViewSpec};
use cockpit_sync::{
    StoreError,
    store::{Bootstrap, ScopeRecord, StoredRecord, UndoEntry},
    wire::{Change, ChangeOp, Cursor, MutationOp},
};
use rstest::rstest;
use serde_json::{json, value::RawValue};

#[rstest]
fn every_layer_of_a_record_comes_back(
    #[values(
        Table::Tenants,
        Table::TenantMembers,
        Table::Clients,
        Table::Projects,
        Table::ProjectBudgets,
        Table::Tasks
    )]
    table: Table,
) {
    let mut store = memory();
    let row = |name: &str| Some(task_json(1, name));
    let layers = [(row("a"), row("a")), (row("a"), row("b")), (None, row("b")), (row("a"), None)];
    // Each over each other one, so that nothing of the former stays.
    for first in &layers {
        for (confirmed, visible) in [first].into_iter().chain(&layers).cloned() {
            let record = StoredRecord { scope: scope(3), version: 5, generation: 7, confirmed, visible };
            step(&mut store, |tx| tx.put_record(key(table, 1), &record));
            assert_eq!(step(&mut store, |tx| tx.record(key(table, 1))), Some(record.clone()));
            assert_eq!(store.visible(key(table, 1)).unwrap(), record.visible);
        }
    }
    let gone = StoredRecord { scope: scope(3), version: 6, generation: 7, confirmed: None, visible: None };
    step(&mut store, |tx| tx.put_record(key(table, 1), &gone));
    assert_eq!(step(&mut store, |tx| tx.record(key(table, 1))), None);
    assert_eq!(store.mirrored(table).unwrap(), []);
}

#[test]
fn views_show_the_visible_layer() {
    let mut store = memory();
    let today = jiff::civil::date(2026, 1, 2);
    let ids = |store: &cockpit_store::SqliteStore| store.task_ids(&TaskViewSpec::default(), today).unwrap();
    let mut record = confirmed(1, "a");
    step(&mut store, |tx| tx.put_record(key(Table::Tasks, 1), &record));
    step(&mut store, |tx| tx.put_record(key(Table::Tasks, 2), &confirmed(2, "b")));
    assert_eq!(ids(&store), [key(Table::Tasks, 1).id, key(Table::Tasks, 2).id]);
    assert_eq!(store.first_rank().unwrap().as_deref(), Some("a1"));

    record.visible = record.visible.map(|row| row.replace("\"a1\"", "\"a9\""));
    step(&mut store, |tx| tx.put_record(key(Table::Tasks, 1), &record));
    assert_eq!(ids(&store), [key(Table::Tasks, 2).id, key(Table::Tasks, 1).id]);
    assert_eq!(step(&mut store, |tx| tx.first_task_rank()).as_deref(), Some("a2"));
    assert_eq!(store.task_row(key(Table::Tasks, 1).id).unwrap().unwrap().task.rank, "a9");
}

#[test]
fn a_task_of_a_newer_app_is_kept_and_not_shown() {
    let mut store = memory();
    let mut record = confirmed(1, "a");
    record.visible = record.visible.map(|row| row.replace("\"open\"", "\"dreaming\""));
    record.confirmed = record.visible.clone();
    step(&mut store, |tx| tx.put_record(key(Table::Tasks, 1), &record));
    assert_eq!(step(&mut store, |tx| tx.record(key(Table::Tasks, 1))), Some(record));
    assert_eq!(store.task_ids(&TaskViewSpec::default(), jiff::civil::date(2026, 1, 2)).unwrap(), []);
    assert_eq!(store.task_row(key(Table::Tasks, 1).id).unwrap(), None);
}

#[test]
fn a_scope_goes_with_everything_of_it_and_nothing_else() {
    let mut store = memory();
    let cursor = |n| Cursor { scope: scope(n), epoch: 4, seq: 12, mark: Some(uuid(200)) };
    let record = |n| ScopeRecord {
        kind: ScopeKind::Finance,
        feed_key: "key".into(),
        cursor: cursor(n),
        generation: 2,
        bootstrap: None,
        read_at: BTreeMap::new(),
    };
    let under_way = |target| ScopeRecord {
        kind: ScopeKind::Tenant,
        cursor: Cursor { mark: None, ..cursor(1) },
        bootstrap: Some(Bootstrap { target, table: Table::Projects, after: Some(uuid(5)), rows: 900 }),
        read_at: BTreeMap::from([(13, uuid(7)), (20, uuid(8))]),
        ..record(1)
    };
    for first in [under_way(None), under_way(Some(cursor(1))), record(1)] {
        step(&mut store, |tx| tx.put_scope(&first));
        step(&mut store, |tx| tx.put_scope(&record(2)));
        assert_eq!(step(&mut store, |tx| tx.scopes()), [first, record(2)]);
    }

    let of_scope = |n, scope_| StoredRecord { scope: scope(scope_), ..confirmed(n, "x") };
    step(&mut store, |tx| {
        tx.put_record(key(Table::Tasks, 1), &of_scope(1, 1))?;
        tx.put_record(key(Table::Clients, 2), &StoredRecord { visible: None, ..of_scope(2, 1) })?;
        tx.put_record(key(Table::Clients, 3), &of_scope(3, 1))?;
        tx.put_record(key(Table::Tasks, 4), &of_scope(4, 2))?;
        tx.stage(scope(1), &[change(1)])?;
        tx.stage(scope(2), &[change(1)])
    });
    let seen = step(&mut store, |tx| tx.remove_scope(scope(1)));
    assert_eq!(seen, [key(Table::Clients, 3), key(Table::Tasks, 1)]);
    assert_eq!(step(&mut store, |tx| tx.scopes()), [record(2)]);
    assert_eq!(step(&mut store, |tx| tx.record(key(Table::Clients, 2))), None);
    assert!(step(&mut store, |tx| tx.record(key(Table::Tasks, 4))).is_some());
    assert_eq!(step(&mut store, |tx| tx.staged_end(scope(1))), None);
    assert!(step(&mut store, |tx| tx.staged_end(scope(2))).is_some());
}

#[test]
fn only_older_generations_of_the_scope_are_stale() {
    let mut store = memory();
    step(&mut store, |tx| {
        for (n, of, generation) in [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 1)] {
            let record = StoredRecord { scope: scope(of), generation, ..confirmed(n, "x") };
            tx.put_record(key(Table::Tasks, n), &record)?;
        }
        tx.put_record(key(Table::Projects, 9), &confirmed(9, "p"))
    });
    let stale = step(&mut store, |tx| tx.stale_records(scope(1), 3));
    assert_eq!(stale, [key(Table::Projects, 9), key(Table::Tasks, 1), key(Table::Tasks, 2)]);
}

fn change(seq: i64) -> Change {
    Change {
        seq,
        mark: uuid(seq as u8),
        tbl: if seq == 2 { "from_the_future".into() } else { "tasks".into() },
        id: key(Table::Tasks, seq as u8).id,
        op: [ChangeOp::Insert, ChangeOp::Update, ChangeOp::Delete][seq as usize % 3],
        version: seq * 10,
        row: (seq % 3 != 2).then(|| RawValue::from_string(task_json(1, "staged")).unwrap()),
        mutation: (seq % 2 == 0).then(|| cockpit_domain::MutationId(uuid(40))),
        xid: "123456789012".into(),
    }
}

#[test]
fn staged_changes_are_taken_once_and_in_order() {
    let mut store = memory();
    let text = |changes: &[Change]| serde_json::to_string(changes).unwrap();
    step(&mut store, |tx| tx.stage(scope(1), &[change(1), change(2)]));
    step(&mut store, |tx| tx.stage(scope(1), &[change(2), change(3)]));
    assert_eq!(step(&mut store, |tx| tx.staged_end(scope(1))), Some((3, uuid(3))));
    let taken = step(&mut store, |tx| tx.take_staged(scope(1)));
    assert_eq!(text(&taken), text(&[change(1), change(2), change(3)]));
    assert_eq!(text(&step(&mut store, |tx| tx.take_staged(scope(1)))), "[]");
}

fn undo(n: u8) -> UndoEntry {
    UndoEntry {
        position: 0,
        key: key(Table::Tasks, n),
        what: "edit".into(),
        op: MutationOp::Restore,
        before: fields(json!({ "name": n })),
        after: fields(json!({ "name": null })),
        undone: false,
    }
}

#[test]
fn undo_goes_back_redo_forth_and_a_new_change_ends_redo() {
    let mut store = memory();
    step(&mut store, |tx| [1, 2, 3].into_iter().try_for_each(|n| tx.push_undo(&undo(n))));
    let back = |store: &mut _| {
        step(store, |tx| {
            let top = tx.undo_top()?;
            top.iter().try_for_each(|entry| tx.set_undone(entry.position, true))?;
            Ok(top.map(|entry| entry.key.id.0.as_bytes()[0]))
        })
    };
    assert_eq!((back(&mut store), back(&mut store)), (Some(3), Some(2)));
    let redo = step(&mut store, |tx| tx.redo_top()).unwrap();
    assert_eq!(redo, UndoEntry { position: redo.position, undone: true, ..undo(2) });
    step(&mut store, |tx| tx.set_undone(redo.position, false));
    assert_eq!(step(&mut store, |tx| tx.undo_top()).unwrap().key, key(Table::Tasks, 2));

    step(&mut store, |tx| tx.push_undo(&undo(4)));
    assert_eq!(step(&mut store, |tx| tx.redo_top()), None);
    assert_eq!(
        (back(&mut store), back(&mut store), back(&mut store), back(&mut store)),
        (Some(4), Some(2), Some(1), None)
    );

    let oldest = step(&mut store, |tx| tx.redo_top()).unwrap();
    step(&mut store, |tx| tx.remove_undo(oldest.position));
    assert_eq!(step(&mut store, |tx| tx.redo_top()).unwrap().key, key(Table::Tasks, 2));
}

#[test]
fn undo_keeps_the_newest_five_hundred() {
    let mut store = memory();
    step(&mut store, |tx| {
        for n in 0..=500u16 {
            tx.push_undo(&UndoEntry { what: n.to_string(), ..undo(1) })?;
        }
        Ok(())
    });
    let mut words = Vec::new();
    while let Some(entry) = step(&mut store, |tx| tx.undo_top()) {
        step(&mut store, |tx| tx.set_undone(entry.position, true));
        words.push(entry.what);
    }
    assert_eq!(
        (words.len(), words.first().map(String::as_str), words.last().map(String::as_str)),
        (500, Some("500"), Some("1"))
    );
}

#[test]
fn a_stored_value_that_makes_no_sense_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    let mut store = crate::common::on_disk(&path).unwrap();
    step(&mut store, |tx| tx.push_undo(&undo(1)));
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("update undo set before_fields = '{', record = x'01'", []).unwrap();
    let answer = store.transaction(|tx| tx.undo_top());
    assert!(matches!(answer, Err(StoreError::Damaged(_))), "{answer:?}");
}
