//! A damaged file: what is readable is saved, the unsent changes first, and a fresh file goes on with them.

mod rescue;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use cockpit_domain::TenantId;
use cockpit_sync::{OutboxEntry, OutboxState, StoreError, Stored};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use crate::{
    backup::{close, reader},
    fault::{Fault, Held, damaged},
    file::{self, OpenOptions},
    meta, outbox, replace, salvage,
    schema::WORKSPACE,
};

/// How long the readable rows of a damaged file are looked for. The unsent changes are found before, and without a limit.
const READING: Duration = Duration::from_secs(60);

/// What a recovery saved and what it did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Unsent changes that go on in the fresh file, parked ones included.
    pub changes: usize,
    /// Those of them that are parked.
    pub parked: usize,
    /// Changes of which only a part is readable. They are in the saved document and are not sent.
    pub broken_changes: usize,
    /// For each table how many rows could be read, and why not more. The server has all that was synced, and the next bootstrap brings it.
    pub tables: Vec<RecoveredTable>,
    /// The document with everything that could be read, as JSON.
    pub document: PathBuf,
    /// Where the damaged file is kept.
    pub aside: Option<PathBuf>,
}

/// What could be read of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredTable {
    /// Its name.
    pub name: String,
    /// Rows in the document.
    pub rows: u64,
    /// Why there may have been more; `None` when the table could be read to its end.
    pub lost: Option<String>,
}

/// Saves what is readable of the damaged workspace file at `path` in a document beside it, puts the file aside, and makes a fresh one in its
/// place: a new device, with the unsent changes under their ids. Nobody may have the file open. A crash at any moment leaves either the damaged
/// file or the fresh one in place, and nothing that could be read is lost.
///
/// # Errors
/// [`StoreError::Damaged`] when the file is readably that of another workspace, which is no damage. [`StoreError::DiskFull`],
/// [`StoreError::ReadOnly`] and others of the file system; the damaged file is where it was then, and recovery can be tried again.
pub fn recover(path: &Path, options: &OpenOptions, now: Timestamp) -> Stored<Recovery> {
    replace::finish(path)?;
    if let Some(owner) = owner(path).filter(|owner| *owner != options.tenant) {
        return Err(StoreError::Damaged(format!("it is the file of the workspace {}", owner.0)));
    }
    let salvaged = salvage::outbox(path).map_err(StoreError::from)?;
    let document = replace::with_end(path, &format!(".rescued-{}.json", now.as_millisecond()));
    let written = rescue::write(&document, path, options.tenant, now, &salvaged, READING);
    let unfinished = replace::begin(path)?;
    let made = written.and_then(|tables| {
        let entries: Vec<&OutboxEntry> = salvaged.entries.iter().map(|(entry, _)| entry).collect();
        make_fresh(&unfinished, options, &entries)?;
        let aside = replace::commit(path)?;
        let parked = entries.iter().filter(|entry| matches!(entry.state, OutboxState::Parked { .. })).count();
        Ok(Recovery {
            changes: entries.len(),
            parked,
            broken_changes: salvaged.broken.len(),
            tables,
            document: document.clone(),
            aside,
        })
    });
    if made.is_err() && !replace::is_committed(path) {
        // On a full disk half a document is in everybody's way, and the damaged file still has what is in it.
        replace::remove(&unfinished)?;
        let _ = fs::remove_file(&document);
    }
    made
}

/// The workspace that the file says it is of, if it can still be asked.
fn owner(path: &Path) -> Option<TenantId> {
    let ask = || -> Held<Option<Uuid>> {
        let connection = reader(path, READING)?;
        Ok(connection.query_row("select tenant from meta", [], |row| row.get(0)).optional()?)
    };
    ask().ok().flatten().map(TenantId)
}

fn make_fresh(path: &Path, options: &OpenOptions, entries: &[&OutboxEntry]) -> Stored<()> {
    let make = || -> Held<()> {
        let mut connection = file::open_prepared(path, &WORKSPACE)?;
        if let Some(pages) = options.max_pages {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        meta::claim(&mut connection, options.tenant)?;
        queue(&mut connection, entries)?;
        close(connection)
    };
    make().map_err(|fault: Fault| fault.into())
}

/// Puts the entries into the fresh file in their order, at places of its own. What was sent gives up its number, which was another device's.
fn queue(connection: &mut Connection, entries: &[&OutboxEntry]) -> Held<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for entry in entries {
        outbox::put(&transaction, &OutboxEntry { position: 0, ..(*entry).clone() })?;
    }
    outbox::queue_sent(&transaction)?;
    let kept: i64 = transaction.query_row("select count(*) from outbox", [], |row| row.get(0))?;
    if usize::try_from(kept) != Ok(entries.len()) {
        return Err(damaged("the fresh file did not take every change"));
    }
    Ok(transaction.commit()?)
}
