//! A step is on the disk whole or not at all.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::common::{confirmed, entry, key, on_disk, step, uuid};
use cockpit_domain::{DeviceId, Table, TenantId};
use cockpit_store::{OpenOptions, SqliteStore};
use cockpit_sync::{OutboxState, Store, StoreError};

/// A bit of everything a step writes.
fn write(tx: &mut dyn Store) -> Result<(), StoreError> {
    tx.put_record(key(Table::Tasks, 1), &confirmed(1, "a"))?;
    tx.put_outbox(&entry(1, key(Table::Tasks, 1), OutboxState::Queued))?;
    tx.set_next_no(9)
}

fn is_there(store: &mut SqliteStore) -> (bool, usize, i64) {
    step(store, |tx| Ok((tx.record(key(Table::Tasks, 1))?.is_some(), tx.outbox(9)?.len(), tx.next_no()?)))
}

#[test]
fn an_error_and_a_panic_take_the_whole_step_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = on_disk(&directory.path().join("w.sqlite3")).unwrap();
    let answer = store.transaction(|tx| {
        write(tx)?;
        Err::<(), _>(StoreError::Other("on purpose".into()))
    });
    assert_eq!(answer, Err(StoreError::Other("on purpose".into())));
    assert_eq!(is_there(&mut store), (false, 0, 1));

    let panic = catch_unwind(AssertUnwindSafe(|| {
        store.transaction(|tx| {
            write(tx)?;
            if tx.next_no()? == 9 {
                panic!("on purpose");
            }
            Ok::<_, StoreError>(())
        })
    }));
    assert!(panic.is_err());
    assert_eq!(is_there(&mut store), (false, 0, 1));
    // And the store still works.
    step(&mut store, write);
    assert_eq!(is_there(&mut store), (true, 1, 9));
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    let mut store = on_disk(&path).unwrap();
    let device = step(&mut store, |tx| tx.device());
    step(&mut store, write);
    // As after a crash: a copy of the files taken while the store is open, its -wal not written back.
    let copy = directory.path().join("copy.sqlite3");
    for suffix in ["", "-wal"] {
        fs::copy(format!("{}{suffix}", path.display()), format!("{}{suffix}", copy.display())).unwrap();
    }
    drop(store);
    for path in [path, copy] {
        let mut store = on_disk(&path).unwrap();
        assert_eq!(is_there(&mut store), (true, 1, 9));
        assert_eq!(step(&mut store, |tx| tx.device()), device);
    }
}

#[test]
fn every_new_file_is_a_device_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let open = |name: &str| on_disk(&directory.path().join(name)).unwrap();
    let (mut one, mut two) = (open("one"), open("two"));
    let (first, second) = (step(&mut one, |tx| tx.device()), step(&mut two, |tx| tx.device()));
    assert_ne!(first, second);
    assert_eq!((first.0.get_version_num(), step(&mut one, |tx| tx.next_no())), (4, 1));
    step(&mut one, |tx| tx.set_device(DeviceId(uuid(5)), 40));
    assert_eq!(step(&mut one, |tx| Ok((tx.device()?, tx.next_no()?))), (DeviceId(uuid(5)), 40));
}

#[test]
fn the_file_of_another_workspace_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    on_disk(&path).unwrap();
    let other = SqliteStore::open(&path, OpenOptions::new(TenantId(uuid(78))));
    assert!(matches!(other, Err(StoreError::Damaged(_))));
}

#[test]
fn a_full_disk_takes_the_step_back_and_passes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    let options = OpenOptions { max_pages: Some(80), ..OpenOptions::new(crate::common::tenant()) };
    let mut store = SqliteStore::open(&path, options).unwrap();
    step(&mut store, write);
    let big = "x".repeat(10_000);
    let fill = |store: &mut SqliteStore| {
        store.transaction(|tx| (2..100).try_for_each(|n| tx.put_record(key(Table::Tasks, n), &confirmed(n, &big))))
    };
    assert_eq!(fill(&mut store), Err(StoreError::DiskFull));
    assert_eq!(is_there(&mut store), (true, 1, 9));
    assert_eq!(store.mirrored(Table::Tasks).unwrap().len(), 1);
    drop(store);
    fill(&mut on_disk(&path).unwrap()).unwrap();
}
