//! Changes of tables.

use std::sync::Arc;

use super::body::{Body, integer, plain};
use super::cache::ColumnsCache;
use super::{Result, once, value};
use crate::realtime::change::columns::Columns;
use crate::realtime::change::{ChangeKind, PostgresChange, Row};
use crate::realtime::protocol::error::DecodeError;
use crate::realtime::protocol::scan::Cursor;

/// `{"ids":[66729981],"data":{"table":"t","type":"INSERT","record":{…},"columns":[…],"errors":null,"schema":"public",
/// "commit_timestamp":"2026-11-23T03:44:27.203Z","old_record":{…}}}`. A deletion has no record, an insertion no old one; one whose values
/// are withheld for want of a right or a primary key has `"record":{},"columns":[],"commit_timestamp":null`.
pub(super) fn read(cursor: &mut Cursor<'_>, columns: &mut ColumnsCache) -> Result<Body> {
    let (mut ids, mut change) = (None, None);
    cursor.members(|cursor, key| match key {
        "data" => once(&mut change, "data", data(cursor, columns)?),
        "ids" => {
            let mut list = Vec::new();
            cursor.elements(|cursor| {
                list.push(integer(cursor, "id of a binding")?);
                Ok(())
            })?;
            once(&mut ids, "ids", list)
        }
        _ => cursor.skip().map(drop),
    })?;
    Ok(Body::Change {
        ids: ids.ok_or(DecodeError::Missing("ids"))?,
        change: Box::new(change.ok_or(DecodeError::Missing("data"))?),
    })
}

fn data(cursor: &mut Cursor<'_>, cache: &mut ColumnsCache) -> Result<PostgresChange> {
    let (mut schema, mut table, mut kind, mut commit_timestamp) = (None, None, None, None);
    let (mut record, mut old_record, mut columns, mut errors) = (None, None, None, None);
    cursor.members(|cursor, key| match key {
        "schema" => once(&mut schema, "schema", cursor.string()?.into_owned()),
        "table" => once(&mut table, "table", cursor.string()?.into_owned()),
        "type" => once(&mut kind, "type of a change", change_kind(&cursor.string()?)?),
        "commit_timestamp" => once(&mut commit_timestamp, "commit_timestamp", optional(cursor)?),
        "errors" => once(&mut errors, "errors", complaints(cursor)?),
        // Records come before the columns that give them their types, or behind.
        "record" => {
            let taken = Record::take(cursor, columns.as_ref(), || cache.latest(table.as_deref()?))?;
            once(&mut record, "record", taken)
        }
        "old_record" => {
            let taken = Record::take(cursor, columns.as_ref(), || cache.latest(table.as_deref()?))?;
            once(&mut old_record, "old_record", taken)
        }
        "columns" => once(&mut columns, "columns", cache.read(cursor)?),
        _ => cursor.skip().map(drop),
    })?;
    let columns = columns.unwrap_or_default();
    let table: String = table.ok_or(DecodeError::Missing("table"))?;
    cache.note(&table, &columns);
    Ok(PostgresChange {
        schema: schema.ok_or(DecodeError::Missing("schema"))?,
        table,
        kind: kind.ok_or(DecodeError::Missing("type of a change"))?,
        commit_timestamp: commit_timestamp.flatten(),
        record: record.map_or_else(|| Ok(Row::default()), |record| record.into_row(&columns))?,
        old_record: old_record.map_or_else(|| Ok(Row::default()), |record| record.into_row(&columns))?,
        errors: errors.unwrap_or_default(),
    })
}

fn optional(cursor: &mut Cursor<'_>) -> Result<Option<String>> {
    if cursor.null()? { Ok(None) } else { Ok(Some(cursor.string()?.into_owned())) }
}

fn change_kind(text: &str) -> Result<ChangeKind> {
    match text {
        "INSERT" => Ok(ChangeKind::Insert),
        "UPDATE" => Ok(ChangeKind::Update),
        "DELETE" => Ok(ChangeKind::Delete),
        _ => Err(DecodeError::Unknown("type of a change")),
    }
}

/// Null, or texts.
fn complaints(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut list = Vec::new();
    if !cursor.null()? {
        cursor.elements(|cursor| {
            list.push(plain(cursor)?);
            Ok(())
        })?;
    }
    Ok(list)
}

/// A record, read when its columns were known already, or could be guessed.
enum Record<'a> {
    /// Its text.
    Text(&'a str),
    /// Read with the columns that are its own.
    Row(Row),
    /// Read with the columns that its table had the last time, and its text in case that they are others now.
    Guess(Row, Arc<Columns>, &'a str),
}

impl<'a> Record<'a> {
    fn take(
        cursor: &mut Cursor<'a>,
        columns: Option<&Arc<Columns>>,
        guess: impl FnOnce() -> Option<Arc<Columns>>,
    ) -> Result<Self> {
        if let Some(columns) = columns {
            return row(cursor, columns).map(Self::Row);
        }
        cursor.peek();
        let begin = cursor.clone();
        // Reading it once where the guess is right is cheaper than looking for its end first.
        if let Some(columns) = guess()
            && let Ok(row) = row(cursor, &columns)
        {
            return Ok(Self::Guess(row, columns, cursor.since(begin.position())?));
        }
        *cursor = begin;
        cursor.skip().map(Self::Text)
    }

    fn into_row(self, columns: &Arc<Columns>) -> Result<Row> {
        match self {
            Self::Row(row) => Ok(row),
            Self::Guess(row, guess, _) if Arc::ptr_eq(&guess, columns) => Ok(row),
            Self::Guess(_, _, text) | Self::Text(text) => row(&mut Cursor::new(text), columns),
        }
    }
}

/// `{"id": 1, "n": 1.50, …}`, or null.
fn row(cursor: &mut Cursor<'_>, columns: &Arc<Columns>) -> Result<Row> {
    if cursor.null()? {
        return Ok(Row::default());
    }
    let mut values = Vec::new();
    let mut undescribed: Vec<(Box<str>, _)> = Vec::new();
    let mut place = 0;
    cursor.members(|cursor, key| {
        let Some(index) = columns.find_next(key, &mut place) else {
            undescribed.push((key.into(), value::read(cursor, None)?));
            return Ok(());
        };
        if values.is_empty() {
            values.resize_with(columns.list().len(), || None);
        }
        let value = value::read(cursor, columns.list().get(index).map(|column| column.kind))?;
        let slot = values.get_mut(index).ok_or(DecodeError::Missing("column"))?;
        once(slot, "column", value)
    })?;
    if undescribed.is_empty() {
        return Ok(Row::new(Arc::clone(columns), values));
    }
    values.resize(columns.list().len(), None);
    let (names, more): (Vec<_>, Vec<_>) = undescribed.into_iter().unzip();
    values.extend(more.into_iter().map(Some));
    let columns = columns.with(names).ok_or(DecodeError::Repeated("column"))?;
    Ok(Row::new(Arc::new(columns), values))
}
