//! Staged changes: those of a server transaction that has not arrived whole.

use cockpit_domain::{MutationId, RecordId, ScopeId};
use cockpit_sync::wire::{Change, ChangeOp};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::fault::{Held, damaged};

/// A change that is staged again, as after a lost answer, replaces itself.
pub(crate) fn put(connection: &Connection, scope: ScopeId, changes: &[Change]) -> Held<()> {
    let mut statement = connection.prepare_cached(
        "insert or replace into staged_change (scope, seq, mark, tbl, id, op, version, row, mutation, xid)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for change in changes {
        statement.execute((
            scope.0,
            change.seq,
            change.mark,
            &change.tbl,
            change.id.0,
            op_name(change.op),
            change.version,
            change.row.as_ref().map(|row| row.get()),
            change.mutation.map(|mutation| mutation.0),
            &change.xid,
        ))?;
    }
    Ok(())
}

/// The last staged change's position and mark.
pub(crate) fn end(connection: &Connection, scope: ScopeId) -> Held<Option<(i64, Uuid)>> {
    let mut statement =
        connection.prepare_cached("select seq, mark from staged_change where scope = ?1 order by seq desc limit 1")?;
    Ok(statement.query_row([scope.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

pub(crate) fn take(connection: &Connection, scope: ScopeId) -> Held<Vec<Change>> {
    let mut changes = Vec::new();
    {
        let mut statement = connection.prepare_cached(
            "select seq, mark, tbl, id, op, version, row, mutation, xid from staged_change where scope = ?1 order by seq",
        )?;
        let mut rows = statement.query([scope.0])?;
        while let Some(row) = rows.next()? {
            changes.push(read(row)?);
        }
    }
    if !changes.is_empty() {
        connection.prepare_cached("delete from staged_change where scope = ?1")?.execute([scope.0])?;
    }
    Ok(changes)
}

fn read(row: &Row<'_>) -> Held<Change> {
    let op: String = row.get(4)?;
    let image: Option<String> = row.get(6)?;
    Ok(Change {
        seq: row.get(0)?,
        mark: row.get(1)?,
        tbl: row.get(2)?,
        id: RecordId(row.get(3)?),
        op: op_of(&op).ok_or_else(|| damaged(format!("a staged change does {op}")))?,
        version: row.get(5)?,
        row: image.map(RawValue::from_string).transpose().map_err(|error| damaged(format!("a staged row: {error}")))?,
        mutation: row.get::<_, Option<Uuid>>(7)?.map(MutationId),
        xid: row.get(8)?,
    })
}

fn op_name(op: ChangeOp) -> &'static str {
    match op {
        ChangeOp::Insert => "insert",
        ChangeOp::Update => "update",
        ChangeOp::Delete => "delete",
    }
}

fn op_of(name: &str) -> Option<ChangeOp> {
    [ChangeOp::Insert, ChangeOp::Update, ChangeOp::Delete].into_iter().find(|op| op_name(*op) == name)
}
