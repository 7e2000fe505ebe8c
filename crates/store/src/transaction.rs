//! The store within one step.

use std::cell::Cell;

use cockpit_domain::{DeviceId, MutationId, ScopeId};
use cockpit_sync::{
    OutboxEntry, RecordKey, Store, Stored,
    store::{OutboxCounts, ScopeRecord, StoredRecord, UndoEntry},
    wire::Change,
};

use crate::{fault::Held, meta, outbox, record, scope, staged, undo};

/// Dropped without [`commit`](Self::commit), as by an error or a panic, it takes everything back.
#[derive(Debug)]
pub(crate) struct Transaction<'store> {
    connection: rusqlite::Transaction<'store>,
    /// Whether the outbox is known to be empty, `None` before anybody asked. A bootstrap asks for the entries of thousands of records
    /// in one step, nearly always while there is none at all.
    outbox_empty: Cell<Option<bool>>,
}

impl<'store> Transaction<'store> {
    pub(crate) fn new(connection: rusqlite::Transaction<'store>) -> Self {
        Self { connection, outbox_empty: Cell::new(None) }
    }

    pub(crate) fn commit(self) -> Held<()> {
        Ok(self.connection.commit()?)
    }

    fn outbox_empty(&self) -> Held<bool> {
        match self.outbox_empty.get() {
            Some(empty) => Ok(empty),
            None => {
                let empty = outbox::is_empty(&self.connection)?;
                self.outbox_empty.set(Some(empty));
                Ok(empty)
            }
        }
    }
}

impl Store for Transaction<'_> {
    fn device(&self) -> Stored<DeviceId> {
        Ok(meta::device(&self.connection)?)
    }

    fn set_device(&mut self, device: DeviceId, next_no: i64) -> Stored<()> {
        Ok(meta::set_device(&self.connection, device, next_no)?)
    }

    fn next_no(&self) -> Stored<i64> {
        Ok(meta::next_no(&self.connection)?)
    }

    fn set_next_no(&mut self, no: i64) -> Stored<()> {
        Ok(meta::set_next_no(&self.connection, no)?)
    }

    fn scopes(&self) -> Stored<Vec<ScopeRecord>> {
        Ok(scope::all(&self.connection)?)
    }

    fn put_scope(&mut self, scope: &ScopeRecord) -> Stored<()> {
        Ok(scope::put(&self.connection, scope)?)
    }

    fn remove_scope(&mut self, scope: ScopeId) -> Stored<Vec<RecordKey>> {
        Ok(scope::remove(&self.connection, scope)?)
    }

    fn record(&self, key: RecordKey) -> Stored<Option<StoredRecord>> {
        Ok(record::get(&self.connection, key)?)
    }

    fn put_record(&mut self, key: RecordKey, record: &StoredRecord) -> Stored<()> {
        Ok(record::put(&self.connection, key, record)?)
    }

    fn stale_records(&self, scope: ScopeId, generation: i64) -> Stored<Vec<RecordKey>> {
        Ok(record::stale(&self.connection, scope, generation)?)
    }

    fn stage(&mut self, scope: ScopeId, changes: &[Change]) -> Stored<()> {
        Ok(staged::put(&self.connection, scope, changes)?)
    }

    fn staged_end(&self, scope: ScopeId) -> Stored<Option<(i64, uuid::Uuid)>> {
        Ok(staged::end(&self.connection, scope)?)
    }

    fn take_staged(&mut self, scope: ScopeId) -> Stored<Vec<Change>> {
        Ok(staged::take(&self.connection, scope)?)
    }

    fn put_outbox(&mut self, entry: &OutboxEntry) -> Stored<i64> {
        self.outbox_empty.set(Some(false));
        Ok(outbox::put(&self.connection, entry)?)
    }

    fn remove_outbox(&mut self, mutation: MutationId) -> Stored<()> {
        self.outbox_empty.set(None);
        Ok(outbox::remove(&self.connection, mutation)?)
    }

    fn outbox_entry(&self, mutation: MutationId) -> Stored<Option<OutboxEntry>> {
        Ok(outbox::one(&self.connection, mutation)?)
    }

    fn outbox_of(&self, key: RecordKey) -> Stored<Vec<OutboxEntry>> {
        if self.outbox_empty()? {
            return Ok(Vec::new());
        }
        Ok(outbox::of_record(&self.connection, key)?)
    }

    fn outbox_to_send(&self, limit: usize) -> Stored<Vec<OutboxEntry>> {
        Ok(outbox::to_send(&self.connection, limit)?)
    }

    fn outbox_sent(&self) -> Stored<Vec<OutboxEntry>> {
        Ok(outbox::sent(&self.connection)?)
    }

    fn outbox_reached(&self, scope: ScopeId, seq: i64) -> Stored<Vec<OutboxEntry>> {
        Ok(outbox::reached(&self.connection, scope, seq)?)
    }

    fn outbox(&self, limit: usize) -> Stored<Vec<OutboxEntry>> {
        Ok(outbox::all(&self.connection, limit)?)
    }

    fn outbox_counts(&self) -> Stored<OutboxCounts> {
        Ok(outbox::counts(&self.connection)?)
    }

    fn first_task_rank(&self) -> Stored<Option<String>> {
        Ok(record::first_task_rank(&self.connection)?)
    }

    fn push_undo(&mut self, entry: &UndoEntry) -> Stored<()> {
        Ok(undo::push(&self.connection, entry)?)
    }

    fn undo_top(&self) -> Stored<Option<UndoEntry>> {
        Ok(undo::top(&self.connection)?)
    }

    fn redo_top(&self) -> Stored<Option<UndoEntry>> {
        Ok(undo::redo_top(&self.connection)?)
    }

    fn set_undone(&mut self, position: i64, undone: bool) -> Stored<()> {
        Ok(undo::set_undone(&self.connection, position, undone)?)
    }

    fn remove_undo(&mut self, position: i64) -> Stored<()> {
        Ok(undo::remove(&self.connection, position)?)
    }
}
