//! The pages of a database as they were committed last, from the file and its log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use super::{PAGE, u32_at, wal};
use crate::replace::with_end;

/// One page.
pub(super) type Page = [u8; PAGE];

/// Reads pages by number, from 1.
pub(super) struct Pages {
    file: Option<File>,
    log: Option<File>,
    /// Where in the log a page is newer than in the file.
    newer: BTreeMap<u32, u64>,
    /// The number of the last page.
    pub(super) last: u32,
}

impl Pages {
    /// Of the database at `path`; what is not there has no pages.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        let in_file = match &file {
            Some(file) => file.metadata()?.len().div_ceil(PAGE as u64),
            None => 0,
        };
        let log_path = with_end(path, "-wal");
        let newer = wal::read(&log_path)?.pages;
        let in_log = newer.keys().next_back().copied().unwrap_or(0);
        let last = u32::try_from(in_file).unwrap_or(u32::MAX).max(in_log);
        Ok(Self { file, log: open(&log_path)?, newer, last })
    }

    /// Reads a page; what is behind the end of the file, or cannot be read from the disk, is zeros, which mean nothing anywhere.
    pub(super) fn read(&mut self, number: u32) -> Box<Page> {
        let mut page = Box::new([0; PAGE]);
        let (source, at) = match self.newer.get(&number) {
            Some(at) => (self.log.as_mut(), *at),
            None => (self.file.as_mut(), u64::from(number.saturating_sub(1)) * PAGE as u64),
        };
        if let Some(source) = source
            && let Err(error) = read_at(source, at, page.as_mut_slice())
        {
            tracing::warn!(page = number, %error, "a page of the damaged file cannot be read");
            page.fill(0);
        }
        page
    }

    /// The pages that the file says are free: they may still hold rows that were removed. None at all when the list is not whole, because a
    /// broken list could name pages that are not free.
    pub(super) fn free(&mut self) -> BTreeSet<u32> {
        let header = self.read(1);
        if !header.starts_with(b"SQLite format 3\0") {
            return BTreeSet::new();
        }
        let count = u32_at(header.as_slice(), 36).unwrap_or(0) as usize;
        self.walk_free(u32_at(header.as_slice(), 32).unwrap_or(0), count).unwrap_or_default()
    }

    fn walk_free(&mut self, first: u32, count: usize) -> Option<BTreeSet<u32>> {
        let mut free = BTreeSet::new();
        let mut next = first;
        while next != 0 {
            if next > self.last || !free.insert(next) {
                return None;
            }
            let trunk = self.read(next);
            let leaves = u32_at(trunk.as_slice(), 4)? as usize;
            for index in 0..leaves {
                let leaf = u32_at(trunk.as_slice(), 8 + index * 4)?;
                if leaf < 2 || leaf > self.last || !free.insert(leaf) {
                    return None;
                }
            }
            next = u32_at(trunk.as_slice(), 0)?;
        }
        (free.len() == count).then_some(free)
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads up to the end of the file.
fn read_at(file: &mut File, at: u64, mut into: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    while !into.is_empty() {
        match file.read(into) {
            Ok(0) => break,
            Ok(read) => into = into.get_mut(read..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
