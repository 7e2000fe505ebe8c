//! A store in memory, for simulations and tests. It keeps exactly what [`Store`] says, and its clone is what a copied data file is.

use std::collections::BTreeMap;

use cockpit_domain::{DeviceId, MutationId, ScopeId, Table};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    overlay::parse,
    store::{
        OutboxCounts, OutboxEntry, OutboxState, RecordKey, ScopeRecord, Store, StoreError, Stored, StoredRecord,
        UndoEntry,
    },
    wire::Change,
};

/// How many undo entries are kept.
const UNDO_LIMIT: usize = 500;

/// A store in memory.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    device: DeviceId,
    next_no: i64,
    scopes: BTreeMap<ScopeId, ScopeRecord>,
    records: BTreeMap<RecordKey, StoredRecord>,
    staged: BTreeMap<ScopeId, Vec<Change>>,
    outbox: BTreeMap<i64, OutboxEntry>,
    last_position: i64,
    undo: Vec<UndoEntry>,
    last_undo: i64,
}

impl MemoryStore {
    /// An empty store of a device.
    pub fn new(device: DeviceId) -> Self {
        Self {
            device,
            next_no: 1,
            scopes: BTreeMap::new(),
            records: BTreeMap::new(),
            staged: BTreeMap::new(),
            outbox: BTreeMap::new(),
            last_position: 0,
            undo: Vec::new(),
            last_undo: 0,
        }
    }

    /// Does `work` whole or not at all: after an error everything is as before.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn transaction<T, E>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let before = self.clone();
        let result = work(self);
        if result.is_err() {
            *self = before;
        }
        result
    }

    /// All records, by key.
    pub fn records(&self) -> impl Iterator<Item = (&RecordKey, &StoredRecord)> {
        self.records.iter()
    }
}

impl Store for MemoryStore {
    fn device(&self) -> Stored<DeviceId> {
        Ok(self.device)
    }

    fn set_device(&mut self, device: DeviceId, next_no: i64) -> Stored<()> {
        self.device = device;
        self.next_no = next_no;
        Ok(())
    }

    fn next_no(&self) -> Stored<i64> {
        Ok(self.next_no)
    }

    fn set_next_no(&mut self, no: i64) -> Stored<()> {
        self.next_no = no;
        Ok(())
    }

    fn scopes(&self) -> Stored<Vec<ScopeRecord>> {
        Ok(self.scopes.values().cloned().collect())
    }

    fn put_scope(&mut self, scope: &ScopeRecord) -> Stored<()> {
        self.scopes.insert(scope.cursor.scope, scope.clone());
        Ok(())
    }

    fn remove_scope(&mut self, scope: ScopeId) -> Stored<Vec<RecordKey>> {
        self.scopes.remove(&scope);
        self.staged.remove(&scope);
        let (gone, kept): (BTreeMap<_, _>, _) =
            std::mem::take(&mut self.records).into_iter().partition(|(_, record)| record.scope == scope);
        self.records = kept;
        Ok(gone.into_iter().filter(|(_, record)| record.visible.is_some()).map(|(key, _)| key).collect())
    }

    fn record(&self, key: RecordKey) -> Stored<Option<StoredRecord>> {
        Ok(self.records.get(&key).cloned())
    }

    fn put_record(&mut self, key: RecordKey, record: &StoredRecord) -> Stored<()> {
        if record.confirmed.is_none() && record.visible.is_none() {
            self.records.remove(&key);
        } else {
            self.records.insert(key, record.clone());
        }
        Ok(())
    }

    fn stale_records(&self, scope: ScopeId, generation: i64) -> Stored<Vec<RecordKey>> {
        let stale = |record: &StoredRecord| record.scope == scope && record.generation < generation;
        Ok(self.records.iter().filter(|(_, record)| stale(record)).map(|(key, _)| *key).collect())
    }

    fn stage(&mut self, scope: ScopeId, changes: &[Change]) -> Stored<()> {
        self.staged.entry(scope).or_default().extend_from_slice(changes);
        Ok(())
    }

    fn staged_end(&self, scope: ScopeId) -> Stored<Option<(i64, Uuid)>> {
        Ok(self.staged.get(&scope).and_then(|changes| changes.last()).map(|change| (change.seq, change.mark)))
    }

    fn take_staged(&mut self, scope: ScopeId) -> Stored<Vec<Change>> {
        Ok(self.staged.remove(&scope).unwrap_or_default())
    }

    fn put_outbox(&mut self, entry: &OutboxEntry) -> Stored<i64> {
        let mut entry = entry.clone();
        if entry.position == 0 {
            entry.position = self.last_position + 1;
        }
        self.last_position = self.last_position.max(entry.position);
        let taken = |other: &OutboxEntry| other.mutation != entry.mutation;
        if self.outbox.get(&entry.position).is_some_and(taken) {
            return Err(StoreError::Damaged(format!("position {} of the outbox is taken", entry.position)));
        }
        self.outbox.retain(|_, other| other.mutation != entry.mutation);
        let position = entry.position;
        self.outbox.insert(position, entry);
        Ok(position)
    }

    fn remove_outbox(&mut self, mutation: MutationId) -> Stored<()> {
        self.outbox.retain(|_, entry| entry.mutation != mutation);
        Ok(())
    }

    fn outbox_entry(&self, mutation: MutationId) -> Stored<Option<OutboxEntry>> {
        Ok(self.outbox.values().find(|entry| entry.mutation == mutation).cloned())
    }

    fn outbox_of(&self, key: RecordKey) -> Stored<Vec<OutboxEntry>> {
        Ok(self.outbox.values().filter(|entry| entry.key == key).cloned().collect())
    }

    fn outbox_to_send(&self, limit: usize) -> Stored<Vec<OutboxEntry>> {
        let unsent = |entry: &&OutboxEntry| matches!(entry.state, OutboxState::Queued | OutboxState::Sent { .. });
        Ok(self.outbox.values().filter(unsent).take(limit).cloned().collect())
    }

    fn outbox_sent(&self) -> Stored<Vec<OutboxEntry>> {
        let sent = |entry: &OutboxEntry| match entry.state {
            OutboxState::Sent { no } => Some((no, entry.clone())),
            _ => None,
        };
        Ok(self.outbox.values().filter_map(sent).collect::<BTreeMap<_, _>>().into_values().collect())
    }

    fn outbox_reached(&self, scope: ScopeId, seq: i64) -> Stored<Vec<OutboxEntry>> {
        let reached = |entry: &&OutboxEntry| matches!(entry.state, OutboxState::Acknowledged { scope: of, seq: at } if of == scope && at <= seq);
        Ok(self.outbox.values().filter(reached).cloned().collect())
    }

    fn outbox(&self, limit: usize) -> Stored<Vec<OutboxEntry>> {
        Ok(self.outbox.values().take(limit).cloned().collect())
    }

    fn outbox_counts(&self) -> Stored<OutboxCounts> {
        let mut counts = OutboxCounts::default();
        for entry in self.outbox.values() {
            match entry.state {
                OutboxState::Parked { .. } => counts.parked += 1,
                _ => counts.pending += 1,
            }
        }
        Ok(counts)
    }

    fn first_task_rank(&self) -> Stored<Option<String>> {
        let mut first: Option<String> = None;
        for (key, record) in &self.records {
            let Some(visible) = record.visible.as_deref().filter(|_| key.table == Table::Tasks) else { continue };
            let row = parse(visible)?;
            let alive = row.get("deleted_at").is_none_or(Value::is_null);
            if let Some(rank) = row.get("rank").and_then(Value::as_str).filter(|_| alive)
                && first.as_deref().is_none_or(|first| rank < first)
            {
                first = Some(rank.to_owned());
            }
        }
        Ok(first)
    }

    fn push_undo(&mut self, entry: &UndoEntry) -> Stored<()> {
        self.undo.retain(|entry| !entry.undone);
        self.last_undo += 1;
        self.undo.push(UndoEntry { position: self.last_undo, ..entry.clone() });
        self.undo.drain(..self.undo.len().saturating_sub(UNDO_LIMIT));
        Ok(())
    }

    fn undo_top(&self) -> Stored<Option<UndoEntry>> {
        Ok(self.undo.iter().rfind(|entry| !entry.undone).cloned())
    }

    fn redo_top(&self) -> Stored<Option<UndoEntry>> {
        Ok(self.undo.iter().find(|entry| entry.undone).cloned())
    }

    fn set_undone(&mut self, position: i64, undone: bool) -> Stored<()> {
        for entry in self.undo.iter_mut().filter(|entry| entry.position == position) {
            entry.undone = undone;
        }
        Ok(())
    }

    fn remove_undo(&mut self, position: i64) -> Stored<()> {
        self.undo.retain(|entry| entry.position != position);
        Ok(())
    }
}
