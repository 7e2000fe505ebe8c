//! What comes in: pages of a bootstrap and changes of the log, applied only whole transactions at a time and only when newer.

use std::collections::{BTreeMap, BTreeSet};

use cockpit_domain::{RecordId, ScopeId, Table};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    edit::unconfirmed,
    overlay::{refresh, refresh_key},
    store::{ALL, Bootstrap, OutboxState, RecordKey, ScopeRecord, Store, Stored, StoredRecord},
    wire::{Change, ChangeOp, Cursor, MutationOp, PageAnswer, PulledBody},
};

/// A scope that is not known yet, about to be bootstrapped.
pub(crate) fn new_scope(scope: ScopeId, kind: cockpit_domain::ScopeKind, feed_key: String) -> ScopeRecord {
    let cursor = Cursor { scope, epoch: 0, seq: 0, mark: None };
    let mut record = ScopeRecord { kind, feed_key, cursor, generation: 0, bootstrap: None, read_at: BTreeMap::new() };
    begin_bootstrap(&mut record);
    record
}

/// Begins to fetch everything of a scope; what is there stays on the screen until it is replaced or found to be gone.
pub(crate) fn begin_bootstrap(scope: &mut ScopeRecord) {
    scope.generation += 1;
    scope.read_at.clear();
    scope.bootstrap = scope.kind.tables().next().map(|table| Bootstrap { target: None, table, after: None, rows: 0 });
}

/// What a page did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paged {
    /// There is more to read.
    GoesOn,
    /// The scope has been read.
    Complete,
    /// A row has no id or version: this app does not understand the server. Nothing was written.
    Unreadable,
}

/// What pulled changes did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Applied {
    /// All of them are applied, and there are no later ones.
    Whole,
    /// There are later ones.
    More,
    /// They can only be had by reading the rows themselves. Nothing was written.
    Refetch,
    /// They do not follow what was asked for. Nothing was written.
    NotContiguous,
}

/// Applies a page that was asked for at `bootstrap`.
pub(crate) fn apply_page(
    scope: &mut ScopeRecord,
    mut bootstrap: Bootstrap,
    answer: &PageAnswer,
    store: &mut dyn Store,
    changed: &mut BTreeSet<RecordKey>,
) -> Stored<Paged> {
    let seen = Cursor { scope: scope.cursor.scope, epoch: answer.epoch, seq: answer.head, mark: answer.head_mark };
    let target = *bootstrap.target.get_or_insert(seen);
    let target = if crate::planted!("bootstrap-target-last") { seen } else { target };
    if target.epoch != answer.epoch || answer.head < target.seq || !continues(scope, answer) {
        // The log was replaced, or the server went back, between two pages: what was read so far belongs to another history.
        begin_bootstrap(scope);
        store.put_scope(scope)?;
        return Ok(Paged::GoesOn);
    }
    let Some(identities) = answer.rows.iter().map(|row| identity(row)).collect::<Option<Vec<_>>>() else {
        return Ok(Paged::Unreadable);
    };
    for (row, (id, version)) in answer.rows.iter().zip(identities) {
        let key = RecordKey { table: bootstrap.table, id };
        confirm(scope, key, version, Some(row.get()), store, changed)?;
    }
    bootstrap.rows = bootstrap.rows.saturating_add(u32::try_from(answer.rows.len()).unwrap_or(u32::MAX));
    bootstrap.after = answer.next;
    let next_table = scope.kind.tables().skip_while(|table| *table != bootstrap.table).nth(1);
    let complete = match (answer.next, next_table) {
        (Some(_), _) => false,
        (None, Some(table)) => {
            bootstrap.table = table;
            false
        }
        (None, None) => true,
    };
    scope.read_at.extend(answer.head_mark.map(|mark| (answer.head, mark)));
    if complete {
        sweep(scope, store, changed)?;
        scope.cursor = target;
        scope.bootstrap = None;
        scope.read_at = scope.read_at.split_off(&(target.seq + 1));
        show_unsent(scope, store, changed)?;
        // Every page was read at or after the target, so whatever was acknowledged up to it has been read.
        leave_overlay(scope, store, changed)?;
    } else {
        scope.bootstrap = Some(Bootstrap { target: Some(target), ..bootstrap });
    }
    store.put_scope(scope)?;
    Ok(if complete { Paged::Complete } else { Paged::GoesOn })
}

/// Applies pulled changes of one scope and moves its cursor; a transaction that is not complete is staged instead.
pub(crate) fn apply_changes(
    scope: &mut ScopeRecord,
    body: PulledBody,
    store: &mut dyn Store,
    changed: &mut BTreeSet<RecordKey>,
) -> Stored<Applied> {
    let asked = ask_from(scope, store)?.seq;
    if !body.changes.iter().zip(asked + 1..).all(|(change, seq)| change.seq == seq) {
        return Ok(Applied::NotContiguous);
    }
    if body.changes.iter().any(lacks_image) || !holds_what_was_read(scope, &body) {
        return Ok(Applied::Refetch);
    }
    let applied = if body.more || !body.tx_complete { Applied::More } else { Applied::Whole };
    let mut changes = body.changes;
    let mut partial = Vec::new();
    let reached = changes.last().map_or(asked, |change| change.seq);
    if scope.read_at.last_key_value().is_some_and(|(head, _)| reached < *head) {
        // Until the log has shown that it is the history the pages were of, nothing of it may be mixed with their rows.
        partial = std::mem::take(&mut changes);
    } else if !body.tx_complete && !crate::planted!("partial-transaction") {
        let xid = changes.last().map(|change| change.xid.clone());
        let whole = changes.iter().rposition(|change| Some(&change.xid) != xid.as_ref()).map_or(0, |at| at + 1);
        partial = changes.split_off(whole);
    }
    // Staged changes belong to the transaction that these begin with. Without a whole one among these it is still not complete.
    if !changes.is_empty() {
        let mut staged = store.take_staged(scope.cursor.scope)?;
        if crate::planted!("staged-forgotten") {
            staged.clear();
        }
        apply_whole(scope, staged.into_iter().chain(changes), store, changed)?;
    }
    if !partial.is_empty() {
        store.stage(scope.cursor.scope, &partial)?;
    }
    leave_overlay(scope, store, changed)?;
    Ok(applied)
}

/// Whether a page can be of the same history as the pages before it.
fn continues(scope: &ScopeRecord, answer: &PageAnswer) -> bool {
    scope.read_at.last_key_value().is_none_or(|(head, mark)| {
        answer.head > *head || answer.head == *head && answer.head_mark.is_none_or(|found| found == *mark)
    })
}

/// Whether the log has the heads at which the bootstrap's pages were read. A server that was restored from a backup meanwhile has not, and
/// rows of the lost history would stay here for ever: no change would ever name them.
fn holds_what_was_read(scope: &ScopeRecord, body: &PulledBody) -> bool {
    let same = |change: &Change| scope.read_at.get(&change.seq).is_none_or(|mark| *mark == change.mark);
    scope.read_at.last_key_value().is_none_or(|(head, _)| body.head >= *head) && body.changes.iter().all(same)
}

/// Whether a row is missing that the change must have had; retention drops images of old changes.
fn lacks_image(change: &Change) -> bool {
    change.op != ChangeOp::Delete && change.row.is_none() && Table::from_name(&change.tbl).is_some()
}

/// What is asked for next: after what is staged, or else after what is applied.
pub(crate) fn ask_from(scope: &ScopeRecord, store: &dyn Store) -> Stored<Cursor> {
    Ok(match store.staged_end(scope.cursor.scope)? {
        Some((seq, mark)) => Cursor { seq, mark: Some(mark), ..scope.cursor },
        None => scope.cursor,
    })
}

fn apply_whole(
    scope: &mut ScopeRecord,
    changes: impl Iterator<Item = Change>,
    store: &mut dyn Store,
    changed: &mut BTreeSet<RecordKey>,
) -> Stored<()> {
    for change in changes {
        // A table that a newer server logs and this app does not know has nothing to be shown in.
        if let Some(table) = Table::from_name(&change.tbl)
            && !(crate::planted!("late-delete-ignored") && change.op == ChangeOp::Delete)
            && !(crate::planted!("change-skipped") && change.version % 7 == 5)
        {
            let row = if change.op == ChangeOp::Delete { None } else { change.row.as_deref().map(RawValue::get) };
            confirm(scope, RecordKey { table, id: change.id }, change.version, row, store, changed)?;
        }
        scope.cursor = Cursor { seq: change.seq, mark: Some(change.mark), ..scope.cursor };
    }
    scope.read_at = scope.read_at.split_off(&(scope.cursor.seq + 1));
    store.put_scope(scope)
}

/// Takes out of the overlay what the cursor has reached.
fn leave_overlay(scope: &ScopeRecord, store: &mut dyn Store, changed: &mut BTreeSet<RecordKey>) -> Stored<()> {
    for entry in store.outbox_reached(scope.cursor.scope, scope.cursor.seq)? {
        store.remove_outbox(entry.mutation)?;
        refresh_key(entry.key, store)?;
        changed.insert(entry.key);
    }
    Ok(())
}

/// Puts records on the screen, and into this scope, that only this device knows: they were written before the scope was known, or the scope was
/// lost and came back.
fn show_unsent(scope: &ScopeRecord, store: &mut dyn Store, changed: &mut BTreeSet<RecordKey>) -> Stored<()> {
    for entry in store.outbox(ALL)? {
        let unsent = entry.op == MutationOp::Insert && !matches!(entry.state, OutboxState::Parked { .. });
        if !unsent || entry.key.table.scope_kind() != scope.kind {
            continue;
        }
        let record = store.record(entry.key)?.unwrap_or_else(|| unconfirmed(Some(scope)));
        if record.confirmed.is_none() {
            let record = StoredRecord { scope: scope.cursor.scope, generation: scope.generation, ..record };
            if refresh(store, entry.key, record)? {
                changed.insert(entry.key);
            }
        }
    }
    Ok(())
}

/// Takes a row as confirmed if it is newer than what is there, or if what is there is of an older generation.
fn confirm(
    scope: &ScopeRecord,
    key: RecordKey,
    version: i64,
    row: Option<&str>,
    store: &mut dyn Store,
    changed: &mut BTreeSet<RecordKey>,
) -> Stored<()> {
    let known = store.record(key)?;
    let newer = known.as_ref().is_none_or(|known| {
        let purged = row.is_none() && version >= known.version;
        known.confirmed.is_none() || version > known.version || purged || known.generation < scope.generation
    });
    if !newer {
        return Ok(());
    }
    let record = StoredRecord {
        scope: scope.cursor.scope,
        version,
        generation: scope.generation,
        confirmed: row.map(str::to_owned),
        visible: known.and_then(|known| known.visible),
    };
    if refresh(store, key, record)? {
        changed.insert(key);
    }
    Ok(())
}

/// Removes what a refetch did not find any more.
fn sweep(scope: &ScopeRecord, store: &mut dyn Store, changed: &mut BTreeSet<RecordKey>) -> Stored<()> {
    if crate::planted!("swept-nothing") {
        return Ok(());
    }
    for key in store.stale_records(scope.cursor.scope, scope.generation)? {
        if let Some(mut record) = store.record(key)?.filter(|record| record.confirmed.is_some()) {
            record.confirmed = None;
            record.version = 0;
            if refresh(store, key, record)? {
                changed.insert(key);
            }
        }
    }
    Ok(())
}

fn identity(row: &RawValue) -> Option<(RecordId, i64)> {
    #[derive(Deserialize)]
    struct Identity {
        id: RecordId,
        version: i64,
    }
    serde_json::from_str(row.get()).ok().map(|Identity { id, version }| (id, version))
}
