//! Columns that were read before.

use std::sync::Arc;

use super::{Result, once};
use crate::realtime::change::columns::Columns;
use crate::realtime::protocol::error::DecodeError;
use crate::realtime::protocol::scan::Cursor;

/// Tables, or selections of their columns, that are remembered.
const TABLES: usize = 32;
/// The longest text that is remembered, in bytes. A table of PostgreSQL's 1,600 columns can have more; it is then read each time.
const LONGEST: usize = 32 * 1024;
/// PostgreSQL's names are shorter.
const LONGEST_NAME: usize = 255;

/// The columns of the tables that were seen last, by the very text that described them: comparing it is far cheaper than reading it, and
/// any change of the table is another text.
#[derive(Debug, Default)]
pub(super) struct ColumnsCache {
    /// The one used last comes first.
    known: Vec<(Box<str>, Arc<Columns>)>,
    /// What each table's columns were the last time, the newest table first: most probably what they are now.
    latest: Vec<(Box<str>, Arc<Columns>)>,
}

impl ColumnsCache {
    /// The columns that a table had the last time.
    pub(super) fn latest(&self, table: &str) -> Option<Arc<Columns>> {
        self.latest.iter().find(|(name, _)| **name == *table).map(|(_, columns)| Arc::clone(columns))
    }

    /// Remembers what a table's columns are. Those that are read anew each time are no use: no guess could be known to be right.
    pub(super) fn note(&mut self, table: &str, columns: &Arc<Columns>) {
        let index = self.latest.iter().position(|(name, _)| **name == *table);
        if table.len() > LONGEST_NAME || !self.known.iter().any(|(_, known)| Arc::ptr_eq(known, columns)) {
            index.map(|index| self.latest.swap_remove(index));
            return;
        }
        match index.and_then(|index| self.latest.get_mut(index)) {
            Some((_, latest)) if Arc::ptr_eq(latest, columns) => {}
            Some((_, latest)) => *latest = Arc::clone(columns),
            None => {
                self.latest.truncate(TABLES - 1);
                self.latest.insert(0, (table.into(), Arc::clone(columns)));
            }
        }
    }

    /// Reads `[{"name": "id", "type": "int8"}, …]`.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<Arc<Columns>> {
        if let Some(index) = self.known.iter().position(|(text, _)| cursor.pass_known(text)) {
            if index > 0 {
                self.known.swap(0, index);
            }
            return self.known.first().map(|(_, columns)| Arc::clone(columns)).ok_or(DecodeError::Missing("columns"));
        }
        cursor.peek();
        let start = cursor.position();
        let mut pairs = Vec::new();
        cursor.elements(|cursor| {
            let (mut name, mut type_name) = (None, None);
            cursor.members(|cursor, key| match key {
                "name" => once(&mut name, "name of a column", cursor.string()?.into()),
                "type" => once(&mut type_name, "type of a column", cursor.string()?.into()),
                _ => cursor.skip().map(drop),
            })?;
            pairs.push((name.ok_or(DecodeError::Missing("name of a column"))?, type_name.unwrap_or_default()));
            Ok(())
        })?;
        let columns = Arc::new(Columns::new(pairs).ok_or(DecodeError::Repeated("column"))?);
        let text = cursor.since(start)?;
        if text.len() <= LONGEST {
            self.known.truncate(TABLES - 1);
            self.known.insert(0, (text.into(), Arc::clone(&columns)));
        }
        Ok(columns)
    }
}
