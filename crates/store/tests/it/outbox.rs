//! The outbox and what windows learn from it.

use crate::common::{confirmed, entry, fields, key, memory, scope, step, uuid};
use cockpit_domain::{AppError, ErrorCode, MutationId, Table};
use cockpit_sync::{
    OutboxEntry, OutboxState, StoreError,
    store::{OutboxCounts, StoredRecord},
    wire::MutationOp,
};
use serde_json::json;

fn refused() -> AppError {
    AppError::new(ErrorCode::Conflict, "Somebody else changed it.").with_details(json!({ "fields": ["name"] }))
}

fn states() -> [OutboxState; 4] {
    [
        OutboxState::Queued,
        OutboxState::Sent { no: 8 },
        OutboxState::Acknowledged { scope: scope(1), seq: 40 },
        OutboxState::Parked { error: refused() },
    ]
}

#[test]
fn an_entry_keeps_its_place_through_all_its_states() {
    let mut store = memory();
    let first = step(&mut store, |tx| tx.put_outbox(&entry(1, key(Table::Tasks, 1), OutboxState::Queued)));
    step(&mut store, |tx| tx.put_outbox(&entry(2, key(Table::Tasks, 1), OutboxState::Queued)));
    for state in states() {
        let moved = OutboxEntry { position: first, ..entry(1, key(Table::Tasks, 1), state) };
        assert_eq!(step(&mut store, |tx| tx.put_outbox(&moved)), first);
        assert_eq!(step(&mut store, |tx| tx.outbox_entry(MutationId(uuid(1)))), Some(moved.clone()));
        let all = step(&mut store, |tx| tx.outbox(10));
        assert_eq!((all.len(), &all[0]), (2, &moved));
    }
}

#[test]
fn a_place_is_never_given_twice_and_never_taken_from_another() {
    let mut store = memory();
    let of = |mutation| entry(mutation, key(Table::Tasks, 1), OutboxState::Queued);
    let first = step(&mut store, |tx| tx.put_outbox(&of(1)));
    step(&mut store, |tx| tx.remove_outbox(MutationId(uuid(1))));
    let second = step(&mut store, |tx| tx.put_outbox(&of(2)));
    assert!(second > first);
    // Asking for a new place moves the entry to the end.
    step(&mut store, |tx| tx.put_outbox(&of(3)));
    let again = step(&mut store, |tx| tx.put_outbox(&of(2)));
    let order: Vec<_> = step(&mut store, |tx| tx.outbox(10)).into_iter().map(|entry| entry.mutation.0).collect();
    assert_eq!(order, [uuid(3), uuid(2)]);
    let thief = OutboxEntry { position: again, ..of(4) };
    assert!(matches!(store.transaction(|tx| tx.put_outbox(&thief)), Err(StoreError::Other(_))));
    assert_eq!(step(&mut store, |tx| tx.outbox(10)).len(), 2);
}

#[test]
fn entries_are_found_by_what_they_wait_for() {
    let mut store = memory();
    step(&mut store, |tx| {
        for (n, state) in (1..).zip(states()) {
            tx.put_outbox(&entry(n, key(Table::Tasks, 1), state))?;
        }
        tx.put_outbox(&entry(5, key(Table::Projects, 1), OutboxState::Queued))?;
        tx.put_outbox(&entry(6, key(Table::Tasks, 2), OutboxState::Acknowledged { scope: scope(1), seq: 39 }))?;
        tx.put_outbox(&entry(7, key(Table::Tasks, 2), OutboxState::Acknowledged { scope: scope(2), seq: 1 }))
    });
    let names =
        |entries: Vec<OutboxEntry>| -> Vec<u8> { entries.iter().map(|entry| entry.mutation.0.as_bytes()[0]).collect() };
    assert_eq!(names(step(&mut store, |tx| tx.outbox_to_send(10))), [1, 2, 5]);
    assert_eq!(names(step(&mut store, |tx| tx.outbox_to_send(2))), [1, 2]);
    assert_eq!(names(step(&mut store, |tx| tx.outbox_sent())), [2]);
    assert_eq!(names(step(&mut store, |tx| tx.outbox_of(key(Table::Tasks, 1)))), [1, 2, 3, 4]);
    assert_eq!(names(step(&mut store, |tx| tx.outbox_of(key(Table::Projects, 1)))), [5]);
    assert_eq!(names(step(&mut store, |tx| tx.outbox_reached(scope(1), 38))), Vec::<u8>::new());
    assert_eq!(names(step(&mut store, |tx| tx.outbox_reached(scope(1), 39))), [6]);
    assert_eq!(names(step(&mut store, |tx| tx.outbox_reached(scope(1), 40))), [3, 6]);
    assert_eq!(names(step(&mut store, |tx| tx.outbox(3))), [1, 2, 3]);
    assert_eq!(step(&mut store, |tx| tx.outbox_counts()), OutboxCounts { pending: 6, parked: 1 });
}

#[test]
fn within_one_step_the_outbox_is_never_taken_for_empty() {
    let mut store = memory();
    let record = key(Table::Tasks, 1);
    step(&mut store, |tx| {
        assert_eq!(tx.outbox_of(record)?.len(), 0);
        tx.put_outbox(&entry(1, record, OutboxState::Queued))?;
        assert_eq!(tx.outbox_of(record)?.len(), 1);
        tx.put_outbox(&entry(2, record, OutboxState::Queued))?;
        tx.remove_outbox(MutationId(uuid(1)))?;
        assert_eq!(tx.outbox_of(record)?.len(), 1);
        tx.remove_outbox(MutationId(uuid(2)))?;
        assert_eq!(tx.outbox_of(record)?.len(), 0);
        Ok(())
    });
}

#[test]
fn a_row_tells_what_is_pending_and_what_failed() {
    let mut store = memory();
    let id = |n| key(Table::Tasks, n).id;
    step(&mut store, |tx| {
        for n in 1..=4 {
            tx.put_record(key(Table::Tasks, n), &confirmed(n, "x"))?;
        }
        tx.put_outbox(&entry(1, key(Table::Tasks, 2), states()[2].clone()))?;
        tx.put_outbox(&entry(2, key(Table::Tasks, 3), states()[3].clone()))?;
        tx.put_outbox(&entry(3, key(Table::Tasks, 4), states()[3].clone()))?;
        tx.put_outbox(&entry(4, key(Table::Tasks, 4), OutboxState::Queued))?;
        // The same id in another table is another record.
        tx.put_outbox(&entry(5, key(Table::Projects, 1), OutboxState::Queued))
    });
    let rows = store.task_rows(&[id(4), id(9), id(1), id(2), id(3)]).unwrap();
    let told: Vec<_> = rows.into_iter().map(|row| (row.task.id, row.pending, row.failed)).collect();
    let expected =
        [(id(4), true, Some(refused())), (id(1), false, None), (id(2), true, None), (id(3), false, Some(refused()))];
    assert_eq!(told, expected);
}

#[test]
fn changes_are_listed_under_the_names_of_their_records() {
    let mut store = memory();
    step(&mut store, |tx| {
        tx.put_record(key(Table::Tasks, 1), &confirmed(1, "Write"))?;
        let row = Some(json!({ "name": "House" }).to_string());
        let house = StoredRecord { confirmed: row.clone(), visible: row, ..confirmed(2, "") };
        tx.put_record(key(Table::Projects, 2), &house)?;
        tx.put_outbox(&entry(1, key(Table::Tasks, 1), OutboxState::Queued))?;
        tx.put_outbox(&entry(2, key(Table::ProjectBudgets, 2), states()[3].clone()))?;
        tx.put_outbox(&entry(3, key(Table::Tasks, 3), OutboxState::Queued))?;
        let delete = OutboxEntry {
            op: MutationOp::Delete,
            set: fields(json!({})),
            ..entry(4, key(Table::Tasks, 4), OutboxState::Queued)
        };
        tx.put_outbox(&delete)
    });
    let listed = store.outbox_changes(10).unwrap();
    let names: Vec<_> =
        listed.iter().map(|change| (change.name.as_str(), change.op.as_str(), change.refused.is_some())).collect();
    assert_eq!(
        names,
        [("Write", "update", false), ("House", "update", true), ("new", "update", false), ("", "delete", false)]
    );
    assert_eq!((&listed[0].fields, listed[0].at_ms), (&vec!["name".to_owned(), "tags".to_owned()], 1_780_000_000_123));
    assert_eq!(store.outbox_changes(1).unwrap().len(), 1);
}
