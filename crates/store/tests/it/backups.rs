//! Backups: made while the file is used, rotated, listed, put back.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use cockpit_domain::{MutationId, ScopeId, Table, TenantId, UserId};
use cockpit_store::{AccountId, Backups, OpenOptions, Profile, SqliteStore};
use cockpit_sync::{OutboxState, StoreError};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use crate::common::{confirmed, entry, key, on_disk, scope, step, tenant, uuid};

const LIMIT: Duration = Duration::from_secs(60);

fn noon() -> Timestamp {
    "2026-03-20T12:30:00Z".parse().unwrap()
}

struct Place {
    directory: TempDir,
    path: std::path::PathBuf,
    backups: Backups,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    let backups = Backups::new(directory.path().join("backups"));
    Place { directory, path, backups }
}

/// One task, and a change in every state.
fn fill(store: &mut SqliteStore) {
    let error = cockpit_domain::AppError::new(cockpit_domain::ErrorCode::Conflict, "no");
    let states = [
        OutboxState::Sent { no: 4 },
        OutboxState::Queued,
        OutboxState::Parked { error },
        OutboxState::Acknowledged { scope: scope(1), seq: 9 },
    ];
    step(store, |tx| {
        tx.put_record(key(Table::Tasks, 1), &confirmed(1, "kept"))?;
        for (n, state) in (1..).zip(states) {
            tx.put_outbox(&entry(n, key(Table::Tasks, 1), state))?;
        }
        tx.set_next_no(5)
    });
}

fn task_names(path: &Path) -> Vec<String> {
    on_disk(path).unwrap().mirrored(Table::Tasks).unwrap().into_iter().map(|(_, row)| row).collect()
}

/// What is in a directory and below, by the end of its path.
fn files(directory: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for one in fs::read_dir(directory).unwrap() {
        let path = one.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // A reader leaves an empty -wal and its index behind, which mean nothing.
            let meaningless =
                name.ends_with("-shm") || name.ends_with("-wal") && fs::metadata(&path).unwrap().len() == 0;
            if !meaningless {
                all.push(name);
            }
        }
    }
    all.sort();
    all
}

#[test]
fn a_backup_is_made_while_the_file_is_open_and_put_back_as_a_device_of_its_own() {
    let place = place();
    let mut store = on_disk(&place.path).unwrap();
    fill(&mut store);
    let old_device = step(&mut store, |tx| tx.device());
    let made = place.backups.make(&place.path, noon(), LIMIT).unwrap();
    let counts = made.counts.unwrap();
    assert_eq!((made.name.as_str(), made.taken_at), ("20260320T123000Z", noon()));
    assert_eq!((counts.tasks, counts.projects, counts.time_entries, counts.unsent), (1, 0, 0, 4));
    assert_eq!(
        made.bytes,
        fs::metadata(place.directory.path().join("backups/20260320T123000Z.sqlite3")).unwrap().len()
    );

    step(&mut store, |tx| {
        tx.put_record(key(Table::Tasks, 1), &confirmed(1, "spoilt"))?;
        tx.put_outbox(&entry(9, key(Table::Tasks, 1), OutboxState::Queued)).map(drop)
    });
    drop(store);
    let restored = place.backups.restore(&made.name, &place.path, tenant()).unwrap();
    assert_eq!(restored.sent_again, 2);
    let aside = restored.aside.unwrap();
    assert!(task_names(&aside)[0].contains("spoilt"));
    assert!(task_names(&place.path)[0].contains("kept"));

    let mut store = on_disk(&place.path).unwrap();
    let (device, no, entries) = step(&mut store, |tx| Ok((tx.device()?, tx.next_no()?, tx.outbox(99)?)));
    assert_ne!(device, old_device);
    assert_eq!(no, 1, "a new device counts from the beginning");
    let ids: Vec<MutationId> = entries.iter().map(|entry| entry.mutation).collect();
    assert_eq!(ids, [1, 2, 3, 4].map(|n| MutationId(uuid(n))));
    assert_eq!((&entries[0].state, &entries[1].state), (&OutboxState::Queued, &OutboxState::Queued));
    assert!(matches!(&entries[2].state, OutboxState::Parked { .. }));
    assert_eq!(entries[3].state, OutboxState::Acknowledged { scope: ScopeId(uuid(1)), seq: 9 });
    files(place.directory.path());
    // And again: every restored file is another device.
    drop(store);
    place.backups.restore(&made.name, &place.path, tenant()).unwrap();
    assert_ne!(step(&mut on_disk(&place.path).unwrap(), |tx| tx.device()), device);
}

#[test]
fn backups_are_due_hourly_listed_newest_first_and_rotated() {
    let place = place();
    drop(on_disk(&place.path).unwrap());
    assert!(place.backups.is_due(noon()).unwrap());
    assert_eq!(place.backups.list().unwrap(), []);
    for minutes in [0, 20, 60 * 24 * 40] {
        place.backups.make(&place.path, noon() + SignedDuration::from_mins(minutes), LIMIT).unwrap();
    }
    // Names that are not ours are nobody's business here.
    for name in ["letter.sqlite3", "2026.sqlite3", "20260320T123000Z.txt"] {
        fs::write(place.directory.path().join("backups").join(name), "x").unwrap();
    }
    let names: Vec<String> = place.backups.list().unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["20260429T123000Z", "20260320T125000Z"], "of one hour the newest stays");
    let newest = noon() + SignedDuration::from_hours(24 * 40);
    let due = |minutes| place.backups.is_due(newest + SignedDuration::from_mins(minutes)).unwrap();
    assert_eq!((due(59), due(60), due(-5)), (false, true, true));
}

#[test]
fn only_a_name_of_the_list_is_restored_and_only_into_its_own_workspace() {
    let place = place();
    fill(&mut on_disk(&place.path).unwrap());
    let made = place.backups.make(&place.path, noon(), LIMIT).unwrap();
    let before = fs::read(&place.path).unwrap();
    for name in ["../w", "20260320T123001Z", "", "20260320T123000Z.sqlite3"] {
        assert!(matches!(place.backups.restore(name, &place.path, tenant()), Err(StoreError::Other(_))), "{name}");
    }
    let other = place.backups.restore(&made.name, &place.path, TenantId(uuid(78)));
    assert!(matches!(other, Err(StoreError::Damaged(_))));
    assert_eq!(fs::read(&place.path).unwrap(), before);
    assert_eq!(files(place.directory.path()), ["20260320T123000Z.sqlite3", "w.sqlite3"]);
}

#[test]
fn a_damaged_backup_is_listed_and_not_restored_and_a_damaged_file_not_backed_up() {
    let place = place();
    let mut store = on_disk(&place.path).unwrap();
    fill(&mut store);
    let big = "x".repeat(3_000);
    step(&mut store, |tx| (2..200).try_for_each(|n| tx.put_record(key(Table::Tasks, n), &confirmed(n, &big))));
    drop(store);
    let made = place.backups.make(&place.path, noon(), LIMIT).unwrap();
    let spoil = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[40_960..400_000].fill(0xA5);
        fs::write(path, bytes).unwrap();
    };
    let backup = place.directory.path().join(format!("backups/{}.sqlite3", made.name));
    spoil(&backup);
    assert!(matches!(place.backups.restore(&made.name, &place.path, tenant()), Err(StoreError::Damaged(_))));
    assert_eq!(on_disk(&place.path).unwrap().mirrored(Table::Tasks).unwrap().len(), 199);

    spoil(&place.path);
    let later = noon() + SignedDuration::from_mins(1);
    assert!(matches!(place.backups.make(&place.path, later, LIMIT), Err(StoreError::Damaged(_))));
    assert_eq!(files(place.directory.path()), ["20260320T123000Z.sqlite3", "w.sqlite3"]);
    assert_eq!(place.backups.list().unwrap().len(), 1);
}

#[test]
fn a_backup_that_takes_too_long_leaves_nothing() {
    let place = place();
    let mut store = on_disk(&place.path).unwrap();
    step(&mut store, |tx| (2..200).try_for_each(|n| tx.put_record(key(Table::Tasks, n), &confirmed(n, "a"))));
    assert_eq!(place.backups.make(&place.path, noon(), Duration::ZERO), Err(StoreError::Busy));
    assert_eq!(fs::read_dir(place.directory.path().join("backups")).unwrap().count(), 0);
}

#[test]
fn two_accounts_in_the_same_workspace_are_kept_apart() {
    let directory = tempfile::tempdir().unwrap();
    let profile = Profile::open(directory.path()).unwrap();
    let server = "https://example.test/";
    let [one, two] = [1, 2].map(|n| AccountId::of(server, UserId(uuid(n))));
    for (account, name) in [(one, "first"), (two, "second")] {
        let path = profile.workspace_path(account, tenant()).unwrap();
        let mut store = SqliteStore::open(&path, OpenOptions::new(tenant())).unwrap();
        step(&mut store, |tx| tx.put_record(key(Table::Tasks, 1), &confirmed(1, name)));
        profile.backups(account, tenant()).make(&path, noon(), LIMIT).unwrap();
        step(&mut store, |tx| tx.put_record(key(Table::Tasks, 1), &confirmed(1, "spoilt")));
    }
    let path = profile.workspace_path(one, tenant()).unwrap();
    profile.backups(one, tenant()).restore("20260320T123000Z", &path, tenant()).unwrap();
    let other = profile.workspace_path(two, tenant()).unwrap();
    assert!(task_names(&path)[0].contains("first"));
    assert!(task_names(&other)[0].contains("spoilt"), "the other account's file is not touched");
    profile.backups(two, tenant()).restore("20260320T123000Z", &other, tenant()).unwrap();
    assert!(task_names(&other)[0].contains("second"));
    assert_eq!(profile.backups(one, tenant()).list().unwrap().len(), 1);
    files(directory.path());
    profile.remove_files(one).unwrap();
    profile.remove_files(one).unwrap();
    assert!(!path.exists() && profile.backups(one, tenant()).list().unwrap().is_empty());
    assert_eq!((task_names(&other).len(), profile.backups(two, tenant()).list().unwrap().len()), (1, 1));
}
