//! Where a client keeps its data: in memory for tests of single rules, in a real file of the real store for the simulation.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
};

use cockpit_domain::{DeviceId, RecordId, Table, TenantId};
use cockpit_store::{OpenOptions, SqliteStore};
use cockpit_sync::{
    MemoryStore, OutboxEntry, RecordKey, Store, StoreError, Stored,
    store::{ScopeRecord, StoredRecord},
};

/// A client's data.
pub enum Disk {
    /// In memory.
    Memory(Box<MemoryStore>),
    /// In a file.
    File(Box<FileDisk>),
}

/// A file that is open.
pub struct FileDisk {
    store: RefCell<Option<SqliteStore>>,
    path: PathBuf,
    tenant: TenantId,
    /// Whether the file may not grow.
    full: bool,
}

impl Disk {
    /// A new and empty memory.
    pub fn memory(device: DeviceId) -> Self {
        Self::Memory(Box::new(MemoryStore::new(device)))
    }

    /// Opens or makes a file.
    pub fn file(path: &Path, tenant: TenantId) -> Self {
        let disk = FileDisk { store: RefCell::new(None), path: path.to_owned(), tenant, full: false };
        disk.open();
        Self::File(Box::new(disk))
    }

    /// One step: all of it or nothing.
    ///
    /// # Errors
    /// Those of `work` and of the commit.
    pub fn transaction<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut dyn Store) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::Memory(store) => store.transaction(|store| work(store)),
            Self::File(disk) => disk.store.get_mut().as_mut().unwrap().transaction(work),
        }
    }

    /// Reads what is committed.
    pub fn read<T>(&self, work: impl FnOnce(&dyn Store) -> Stored<T>) -> Stored<T> {
        match self {
            Self::Memory(store) => work(store.as_ref()),
            Self::File(disk) => disk.store.borrow_mut().as_mut().unwrap().transaction(|store| work(store)),
        }
    }

    /// The process ends and begins again.
    pub fn restart(&mut self) {
        if let Self::File(disk) = self {
            disk.close();
            disk.open();
        }
    }

    /// The file may not grow any more, or may again; the process starts anew with it.
    pub fn set_full(&mut self, full: bool) {
        if let Self::File(disk) = self {
            disk.full = full;
            self.restart();
        }
    }

    /// Copies the data to another place. The file is closed meanwhile, as when a person copies it.
    pub fn copy(&self, to: &Path) -> Self {
        match self {
            Self::Memory(store) => Self::Memory(store.clone()),
            Self::File(disk) => {
                disk.copy_to(to);
                Self::file(to, disk.tenant)
            }
        }
    }

    /// Keeps a copy of the file.
    pub fn save(&self, to: &Path) {
        if let Self::File(disk) = self {
            disk.copy_to(to);
        }
    }

    /// Puts a copy back in place of the file.
    pub fn put_back(&mut self, from: &Path) {
        if let Self::File(disk) = self {
            disk.close();
            fs::copy(from, &disk.path).unwrap();
            disk.open();
        }
    }

    /// See [`Store::device`].
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn device(&self) -> Stored<DeviceId> {
        self.read(|store| store.device())
    }

    /// See [`Store::scopes`].
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn scopes(&self) -> Stored<Vec<ScopeRecord>> {
        self.read(|store| store.scopes())
    }

    /// See [`Store::record`].
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn record(&self, key: RecordKey) -> Stored<Option<StoredRecord>> {
        self.read(|store| store.record(key))
    }

    /// See [`Store::outbox`].
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn outbox(&self, limit: usize) -> Stored<Vec<OutboxEntry>> {
        self.read(|store| store.outbox(limit))
    }

    /// Every record.
    pub fn records(&self) -> std::vec::IntoIter<(RecordKey, StoredRecord)> {
        let all: Vec<(RecordKey, StoredRecord)> = match self {
            Self::Memory(store) => store.records().map(|(key, record)| (*key, record.clone())).collect(),
            Self::File(_) => {
                let keys = self.keys();
                let read =
                    |store: &dyn Store| keys.iter().map(|key| Ok((*key, store.record(*key)?.unwrap()))).collect();
                self.read(read).unwrap()
            }
        };
        all.into_iter()
    }

    /// Every record's key.
    pub fn keys(&self) -> Vec<RecordKey> {
        match self {
            Self::Memory(store) => store.records().map(|(key, _)| *key).collect(),
            Self::File(_) => {
                let of = |table: Table| self.ids(table).into_iter().map(move |id| RecordKey { table, id });
                Table::ALL.into_iter().flat_map(of).collect()
            }
        }
    }

    /// The records of a table, by id.
    pub fn ids(&self, table: Table) -> Vec<RecordId> {
        match self {
            Self::Memory(_) => self.keys().into_iter().filter(|key| key.table == table).map(|key| key.id).collect(),
            Self::File(disk) => {
                let store = disk.store.borrow();
                store.as_ref().unwrap().mirrored(table).unwrap().into_iter().map(|(id, _)| id).collect()
            }
        }
    }
}

impl FileDisk {
    fn open(&self) {
        // The smallest limit that can be set is what the file has already.
        let max_pages = self.full.then_some(1);
        let options = OpenOptions { max_pages, ..OpenOptions::new(self.tenant) };
        *self.store.borrow_mut() = Some(SqliteStore::open(&self.path, options).unwrap());
    }

    fn close(&self) {
        self.store.borrow_mut().take();
    }

    fn copy_to(&self, to: &Path) {
        // The last connection that closes writes the -wal back.
        self.close();
        fs::copy(&self.path, to).unwrap();
        self.open();
    }
}
