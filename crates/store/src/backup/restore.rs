//! Putting a backup back.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use cockpit_domain::{DeviceId, TenantId};
use cockpit_sync::{StoreError, Stored};
use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use super::Backups;
use crate::{
    fault::{Held, of_io},
    file, meta, outbox, replace,
    schema::WORKSPACE,
};

/// What putting a backup back did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Changes in the backup that were on their way to the server then; they are sent again under their ids, and the server answers those
    /// that it knows with what became of them.
    pub sent_again: u32,
    /// Where the file is kept that was there, with changes that it had and the backup has not.
    pub aside: Option<PathBuf>,
}

impl Backups {
    /// Puts the backup `name` in the place of the workspace file at `path`, which nobody may have open. The restored file is a device of its
    /// own: the numbers that its old device has used since are not its to use again. Its cursors are of the backup's time, so the next pull
    /// brings what happened since.
    ///
    /// # Errors
    /// [`StoreError::Other`] when there is no such backup, [`StoreError::Damaged`] when it is damaged or of another workspace,
    /// [`StoreError::TooNew`] when a newer app made it, [`StoreError::DiskFull`] and [`StoreError::ReadOnly`]. The file at `path` is as it was
    /// then.
    pub fn restore(&self, name: &str, path: &Path, tenant: TenantId) -> Stored<Restored> {
        // Only a name from the list leads to a file: it cannot name a way out of the directory.
        let known = self.times()?.into_iter().any(|(_, known)| known == name);
        if !known {
            return Err(StoreError::Other("there is no backup of that name".to_owned()));
        }
        replace::finish(path)?;
        let unfinished = replace::begin(path)?;
        let made = copy(&self.path(name), &unfinished)
            .and_then(|()| prepare(&unfinished, tenant).map_err(StoreError::from))
            .and_then(|sent_again| Ok(Restored { sent_again, aside: replace::commit(path)? }));
        if made.is_err() && !replace::is_committed(path) {
            replace::remove(&unfinished)?;
        }
        made
    }
}

/// The new file is private before there is anything in it.
fn copy(from: &Path, to: &Path) -> Stored<()> {
    let mut target = file::make_private(to)?;
    let mut source = fs::File::open(from).map_err(|error| of_io(from, &error))?;
    io::copy(&mut source, &mut target).map_err(|error| of_io(to, &error))?;
    Ok(())
}

/// Checks the copy in full, brings it up to date and makes it a device of its own; answers how many changes are to be sent again.
fn prepare(path: &Path, tenant: TenantId) -> Held<u32> {
    let mut connection = file::open_prepared(path, &WORKSPACE)?;
    file::check_whole(&connection)?;
    meta::claim(&mut connection, tenant)?;
    let sent_again = become_new_device(&mut connection)?;
    close(connection)?;
    Ok(sent_again)
}

fn become_new_device(connection: &mut Connection) -> Held<u32> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    meta::set_device(&transaction, DeviceId(Uuid::new_v4()), 1)?;
    outbox::queue_sent(&transaction)?;
    let sql = "select count(*) from outbox where state = 'queued'";
    let sent_again = transaction.query_row(sql, [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(sent_again)
}

/// Closing writes the -wal back; that it failed would show only later.
pub(crate) fn close(connection: Connection) -> Held<()> {
    connection.pragma_update(None, "journal_mode", "delete")?;
    connection.close().map_err(|(_, error)| error.into())
}
