//! Damaged files: never a panic, never a change lost whose pages are whole, and what is lost is said.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use cockpit_domain::{AppError, ErrorCode, MutationId, Table, TenantId};
use cockpit_store::{OpenOptions, Recovery, SqliteStore, recover};
use cockpit_sync::{OutboxEntry, OutboxState, StoreError};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{confirmed, entry, fields, key, on_disk, scope, step, tenant, uuid};

const PAGE: usize = 4096;
const WAL_HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;
/// Every seventh change is removed again.
const CHANGES: usize = 140;

fn now() -> Timestamp {
    "2026-03-20T12:30:00Z".parse().unwrap()
}

fn mutation(n: usize) -> MutationId {
    MutationId(Uuid::from_u128(0x5A5A << 112 | n as u128))
}

fn is_removed(n: usize) -> bool {
    n % 7 == 3
}

/// A change whose texts say all over which one it is; every tenth is larger than several pages.
fn change(n: usize) -> OutboxEntry {
    let mark = format!("mark{n:03}.");
    let long = if n.is_multiple_of(10) { mark.repeat(600 + n) } else { mark.repeat(1 + n % 30) };
    let state = match n % 4 {
        0 => OutboxState::Queued,
        1 => OutboxState::Sent { no: n as i64 },
        2 => OutboxState::Acknowledged { scope: scope(1), seq: 1000 + n as i64 },
        _ => OutboxState::Parked { error: AppError::new(ErrorCode::Conflict, mark.as_str()) },
    };
    let set = fields(json!({ "name": long }));
    let base = fields(json!({ "name": mark }));
    OutboxEntry { mutation: mutation(n), set, base, ..entry(1, key(Table::Tasks, 1), state) }
}

/// The bytes of a file and its log, as a crash leaves them or as closing does.
#[derive(Clone)]
struct Bytes {
    main: Vec<u8>,
    wal: Vec<u8>,
}

fn fill(path: &Path) -> SqliteStore {
    let mut store = on_disk(path).unwrap();
    let text = "x".repeat(900);
    for some in [0..CHANGES / 2, CHANGES / 2..CHANGES] {
        step(&mut store, |tx| (1..120).try_for_each(|n| tx.put_record(key(Table::Tasks, n), &confirmed(n, &text))));
        for n in some {
            step(&mut store, |tx| tx.put_outbox(&change(n)));
            if n >= 20 && is_removed(n - 20) {
                step(&mut store, |tx| tx.remove_outbox(mutation(n - 20)));
            }
        }
        if store.outbox_changes(999).unwrap().len() < CHANGES / 2 {
            // The first half is in the file, the second in the log.
            drop(store);
            store = on_disk(path).unwrap();
        }
    }
    store
}

fn pristine() -> [Bytes; 2] {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    let store = fill(&path);
    let read = || Bytes { main: fs::read(&path).unwrap(), wal: fs::read(wal(&path)).unwrap_or_default() };
    let crashed = read();
    assert!(crashed.wal.len() > 40 * FRAME, "the log is to matter");
    drop(store);
    let closed = read();
    assert!(closed.wal.is_empty());
    [crashed, closed]
}

fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// For each change the pages of the file and the frames of the log that have something of it.
fn places(bytes: &Bytes) -> Vec<(Vec<usize>, Vec<usize>)> {
    let frames = bytes.wal.get(WAL_HEADER..).unwrap_or_default();
    (0..CHANGES)
        .map(|n| {
            let mark = format!("mark{n:03}.");
            let of = |bytes: &[u8], size| {
                let parts = bytes.chunks(size).enumerate();
                parts.filter(|(_, part)| contains(part, &mark)).map(|(index, _)| index).collect()
            };
            (of(&bytes.main, PAGE), of(frames, FRAME))
        })
        .collect()
}

/// A small generator of numbers; the same damages in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    fn spoil(&mut self, bytes: &mut [u8]) {
        match self.roll(3) {
            0 => bytes.fill(0xA5),
            1 => bytes.fill(0),
            _ => bytes.iter_mut().for_each(|byte| *byte = self.roll(256) as u8),
        }
    }

    fn damage(&mut self, bytes: &mut Bytes) -> String {
        let pages = bytes.main.len() / PAGE;
        let frames = bytes.wal.len().saturating_sub(WAL_HEADER) / FRAME;
        match self.roll(7) {
            0 => {
                let length = self.roll(bytes.main.len());
                bytes.main.truncate(length);
                format!("truncated to {length}")
            }
            1 => {
                bytes.main[..100].fill(0);
                "the header zeroed".into()
            }
            2 => {
                self.spoil(&mut bytes.main[..PAGE]);
                "the first page overwritten".into()
            }
            3 => {
                let (at, length) = (self.roll(bytes.main.len() - 600), 1 + self.roll(600));
                self.spoil(&mut bytes.main[at..at + length]);
                format!("{length} bytes at {at} overwritten")
            }
            4 if frames > 0 => {
                // The last transaction may be broken by any crash; behind it nothing is promised.
                let (frame, many) = (self.roll(frames - 20), 1 + self.roll(4));
                let at = WAL_HEADER + frame * FRAME;
                self.spoil(&mut bytes.wal[at..at + many * FRAME]);
                format!("{many} frames from {frame} overwritten")
            }
            _ => {
                let many = 1 + self.roll(pages / 2);
                let hit: Vec<usize> = (0..many).map(|_| self.roll(pages)).collect();
                for page in &hit {
                    self.spoil(&mut bytes.main[page * PAGE..(page + 1) * PAGE]);
                }
                format!("pages {hit:?} overwritten")
            }
        }
    }
}

fn all(path: &Path) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut store = on_disk(path)?;
    store.mirrored(Table::Tasks)?;
    store.transaction(|tx| tx.outbox(9_999))
}

fn recovered(path: &Path) -> Recovery {
    let recovery = recover(path, &OpenOptions::new(tenant()), now()).unwrap();
    assert_eq!(fs::metadata(&recovery.document).unwrap().permissions().mode() & 0o777, 0o600);
    recovery
}

fn document(recovery: &Recovery) -> Value {
    serde_json::from_slice(&fs::read(&recovery.document).unwrap()).unwrap()
}

#[test]
fn no_change_is_lost_whose_pages_are_whole_over_200_damages() {
    let pristine = pristine();
    let places = pristine.clone().map(|bytes| places(&bytes));
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let (mut recoveries, mut required) = (0, 0);
    for round in 0..200 {
        let which = round % 2;
        let whole = &pristine[which];
        let mut bytes = whole.clone();
        let what = format!("round {round}: {}", dice.damage(&mut bytes));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w.sqlite3");
        fs::write(&path, &bytes.main).unwrap();
        fs::write(wal(&path), &bytes.wal).unwrap();
        let entries = match all(&path) {
            Ok(entries) => entries,
            Err(StoreError::Damaged(_)) => {
                recoveries += 1;
                let recovery = recovered(&path);
                assert_eq!(document(&recovery)["outbox"].as_array().unwrap().len(), recovery.changes, "{what}");
                let said = recovery.broken_changes > 0 || recovery.tables.iter().any(|table| table.lost.is_some());
                let entries = all(&path).unwrap_or_else(|error| panic!("{what}: the fresh file: {error}"));
                assert!(said || entries.len() >= CHANGES - CHANGES.div_ceil(7), "{what}: a loss that nobody told");
                assert!(entries.iter().all(|entry| !matches!(entry.state, OutboxState::Sent { .. })), "{what}");
                entries
            }
            Err(error) => panic!("{what}: {error}"),
        };
        let same = |before: &[u8], after: &[u8], at: usize, size: usize| {
            let end = (at + size).min(before.len());
            after.get(at..end) == Some(&before[at..end])
        };
        for n in (0..CHANGES).filter(|n| !(is_removed(*n) && n + 20 < CHANGES)) {
            let (pages, frames) = &places[which][n];
            let intact = pages.iter().all(|page| same(&whole.main, &bytes.main, page * PAGE, PAGE))
                // A frame is known to be good by the checksum in the frame before it.
                && frames.iter().all(|frame| {
                    let at = (WAL_HEADER + frame * FRAME).saturating_sub(FRAME);
                    same(&whole.wal, &bytes.wal, at, 2 * FRAME)
                });
            if intact {
                required += 1;
                let found = entries.iter().find(|entry| entry.mutation == mutation(n));
                let found = found.unwrap_or_else(|| panic!("{what}: change {n} is lost, pages {pages:?} {frames:?}"));
                assert_eq!((&found.set, &found.base), (&change(n).set, &change(n).base), "{what}");
            }
        }
        let order: Vec<_> = entries.iter().map(|entry| entry.mutation).collect();
        assert!(order.is_sorted(), "{what}: they are sent in the order they were written");
    }
    assert!(recoveries > 120 && required > 5_000, "the damages are to hurt: {recoveries} {required}");
}

#[test]
fn a_file_that_sqlite_cannot_read_gives_back_every_change_as_it_was() {
    let [_, closed] = pristine();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    let mut bytes = closed.main;
    // The schema's format: SQLite cannot read anything any more.
    bytes[44..48].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(all(&path), Err(StoreError::Damaged(_) | StoreError::Other(_))));
    let recovery = recovered(&path);
    let left: Vec<usize> = (0..CHANGES).filter(|n| !(is_removed(*n) && n + 20 < CHANGES)).collect();
    assert_eq!((recovery.changes, recovery.broken_changes), (left.len(), 0));
    assert_eq!(recovery.parked, left.iter().filter(|n| **n % 4 == 3).count());
    assert!(recovery.tables.iter().any(|table| table.lost.is_some()), "{:?}", recovery.tables);
    let mut store = on_disk(&path).unwrap();
    let (entries, no) = step(&mut store, |tx| Ok((tx.outbox(9_999)?, tx.next_no()?)));
    assert_eq!(no, 1);
    for (n, entry) in left.into_iter().zip(entries) {
        let state = match change(n).state {
            OutboxState::Sent { .. } => OutboxState::Queued,
            state => state,
        };
        assert_eq!(OutboxEntry { position: 0, ..entry }, OutboxEntry { state, ..change(n) });
    }
    assert_eq!(fs::read(recovery.aside.unwrap()).unwrap(), bytes, "the damaged file is kept as it was");
}

#[test]
fn what_was_removed_stays_removed_though_its_page_still_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    let mut store = on_disk(&path).unwrap();
    let long = "x".repeat(1_500);
    step(&mut store, |tx| {
        (0..100).try_for_each(|n| {
            let set = fields(json!({ "name": long }));
            tx.put_outbox(&OutboxEntry { set, state: OutboxState::Queued, ..change(n) }).map(drop)
        })
    });
    step(&mut store, |tx| (40..100).try_for_each(|n| tx.remove_outbox(mutation(n))));
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    bytes[44..48].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let recovery = recovered(&path);
    assert_eq!(recovery.changes, 40);
    assert!(document(&recovery)["outbox_removed"].as_array().unwrap().len() > 20, "the document shows them");
    let ids: Vec<_> = all(&path).unwrap().into_iter().map(|entry| entry.mutation).collect();
    assert_eq!(ids, (0..40).map(mutation).collect::<Vec<_>>());
}

#[test]
fn a_log_that_sqlite_would_cut_short_without_a_word_is_damage() {
    let [crashed, _] = pristine();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    fs::write(&path, &crashed.main).unwrap();
    let mut log = crashed.wal;
    let frames = (log.len() - WAL_HEADER) / FRAME;
    let at = WAL_HEADER + frames / 2 * FRAME;
    // Other than what was there, whatever that was: a page may be empty in that place.
    log[at + 100..at + 200].iter_mut().for_each(|byte| *byte ^= 0xA5);
    fs::write(wal(&path), &log).unwrap();
    assert!(matches!(all(&path), Err(StoreError::Damaged(_))));
    let recovery = recovered(&path);
    let aside = recovery.aside.unwrap();
    assert_eq!((fs::read(&aside).unwrap(), fs::read(wal(&aside)).unwrap()), (crashed.main, log));
    assert!(all(&path).unwrap().iter().any(|entry| entry.mutation == mutation(CHANGES - 1)));
}

#[test]
fn a_full_disk_leaves_the_damaged_file_for_another_try() {
    let [_, closed] = pristine();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    let mut bytes = closed.main;
    bytes[..100].fill(0);
    fs::write(&path, &bytes).unwrap();
    let tight = OpenOptions { max_pages: Some(70), ..OpenOptions::new(tenant()) };
    assert_eq!(recover(&path, &tight, now()), Err(StoreError::DiskFull));
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("rescued")), "{left:?}");
    assert!(recovered(&path).changes >= CHANGES - CHANGES.div_ceil(7));
}

#[test]
fn the_file_of_another_workspace_is_not_recovered_into_this_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    drop(fill(&path));
    let before = fs::read(&path).unwrap();
    let other = OpenOptions::new(TenantId(uuid(78)));
    assert!(matches!(recover(&path, &other, now()), Err(StoreError::Damaged(_))));
    assert_eq!(fs::read(&path).unwrap(), before);
}
