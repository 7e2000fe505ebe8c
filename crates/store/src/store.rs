//! One workspace's file, and what may be read from it between steps.

use std::path::Path;

use cockpit_domain::{OutboxChange, RecordId, Table, TaskRow, TaskViewSpec};
use cockpit_sync::{RecordKey, Store, StoreError, Stored};
use jiff::civil::Date;
use rusqlite::{Connection, TransactionBehavior};

use crate::{
    file::{self, OpenOptions},
    meta, outbox, record, replace, rows,
    schema::WORKSPACE,
    task_query,
    transaction::Transaction,
};

/// The store of one workspace. It belongs to one thread at a time; queries see what the last [`transaction`](Self::transaction) committed.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
}

impl SqliteStore {
    /// Opens the file of a workspace, making it with a random device id when it is not there.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] when a newer app wrote it, [`StoreError::Damaged`] when its structure is broken or it is the file of something
    /// else, [`StoreError::ReadOnly`] and [`StoreError::DiskFull`] when it cannot be made or brought up to date.
    pub fn open(path: &Path, options: OpenOptions) -> Stored<Self> {
        if !options.in_memory {
            replace::finish(path)?;
        }
        let mut connection =
            if options.in_memory { file::open_in_memory(&WORKSPACE) } else { file::open(path, &WORKSPACE) }?;
        if let Some(pages) = options.max_pages {
            connection.pragma_update(None, "max_page_count", pages).map_err(stored)?;
        }
        meta::claim(&mut connection, options.tenant)?;
        Ok(Self { connection })
    }

    /// Runs one step: all of it is committed when `work` answers `Ok`, none of it otherwise or when it panics.
    ///
    /// # Errors
    /// What `work` answers, and what beginning or committing meets.
    pub fn transaction<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut dyn Store) -> Result<T, E>,
    ) -> Result<T, E> {
        // Immediate: the write lock is taken at the beginning, so that a step never fails half-way for want of it.
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let mut transaction = Transaction::new(begun.map_err(stored)?);
        let answer = work(&mut transaction)?;
        transaction.commit().map_err(|fault| E::from(fault.into()))?;
        Ok(answer)
    }

    /// The tasks a view shows on the civil date `today`, in its order: exactly what `TaskFilter::matches` and `TaskOrder::compare` say.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn task_ids(&self, spec: &TaskViewSpec, today: Date) -> Stored<Vec<RecordId>> {
        Ok(task_query::ids(&self.connection, spec, today)?)
    }

    /// A task as a list shows it; `None` when it is not there or cannot be read by this version of the app.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn task_row(&self, id: RecordId) -> Stored<Option<TaskRow>> {
        Ok(rows::task_rows(&self.connection, &[id])?.pop())
    }

    /// Tasks as a list shows them, in the order asked for and without those that [`task_row`](Self::task_row) would not find.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn task_rows(&self, ids: &[RecordId]) -> Stored<Vec<TaskRow>> {
        Ok(rows::task_rows(&self.connection, ids)?)
    }

    /// All visible rows of a table as JSON text, by id; for the small tables that windows hold whole. Those in the trash are among them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn mirrored(&self, table: Table) -> Stored<Vec<(RecordId, String)>> {
        Ok(rows::mirrored(&self.connection, table)?)
    }

    /// The visible row of a record as JSON text.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn visible(&self, key: RecordKey) -> Stored<Option<String>> {
        Ok(rows::visible(&self.connection, key)?)
    }

    /// The first `limit` pending and parked changes with the names of their records, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn outbox_changes(&self, limit: usize) -> Stored<Vec<OutboxChange>> {
        Ok(outbox::changes(&self.connection, limit)?)
    }

    /// The smallest rank of the living tasks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn first_rank(&self) -> Stored<Option<String>> {
        Ok(record::first_task_rank(&self.connection)?)
    }
}

fn stored(error: rusqlite::Error) -> StoreError {
    crate::fault::Fault::from(error).into()
}
