//! The undo history.

use cockpit_domain::RecordId;
use cockpit_sync::{RecordKey, store::UndoEntry};
use rusqlite::{Connection, Row};

use crate::{
    fault::Held,
    outbox::{fields_of, fields_text, op_of, table_of},
};

/// How many steps can be taken back.
const KEPT: i64 = 500;

pub(crate) fn push(connection: &Connection, entry: &UndoEntry) -> Held<()> {
    connection.prepare_cached("delete from undo where undone = 1")?.execute([])?;
    connection
        .prepare_cached(
            "insert into undo (tbl, record, what, op, before_fields, after_fields, undone) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            entry.key.table.name(),
            entry.key.id.0,
            &entry.what,
            entry.op.name(),
            fields_text(&entry.before)?,
            fields_text(&entry.after)?,
            entry.undone,
        ))?;
    connection
        .prepare_cached(
            "delete from undo where position <= (select position from undo order by position desc limit 1 offset ?1)",
        )?
        .execute([KEPT])?;
    Ok(())
}

/// The newest entry that is not undone.
pub(crate) fn top(connection: &Connection) -> Held<Option<UndoEntry>> {
    one(connection, "select * from undo where undone = 0 order by position desc limit 1")
}

/// The oldest entry that is undone.
pub(crate) fn redo_top(connection: &Connection) -> Held<Option<UndoEntry>> {
    one(connection, "select * from undo where undone = 1 order by position limit 1")
}

pub(crate) fn set_undone(connection: &Connection, position: i64, undone: bool) -> Held<()> {
    connection.prepare_cached("update undo set undone = ?2 where position = ?1")?.execute((position, undone))?;
    Ok(())
}

pub(crate) fn remove(connection: &Connection, position: i64) -> Held<()> {
    connection.prepare_cached("delete from undo where position = ?1")?.execute([position])?;
    Ok(())
}

fn one(connection: &Connection, sql: &str) -> Held<Option<UndoEntry>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    rows.next()?.map(read).transpose()
}

fn read(row: &Row<'_>) -> Held<UndoEntry> {
    Ok(UndoEntry {
        position: row.get("position")?,
        key: RecordKey { table: table_of(&row.get::<_, String>("tbl")?)?, id: RecordId(row.get("record")?) },
        what: row.get("what")?,
        op: op_of(&row.get::<_, String>("op")?)?,
        before: fields_of(&row.get::<_, String>("before_fields")?)?,
        after: fields_of(&row.get::<_, String>("after_fields")?)?,
        undone: row.get("undone")?,
    })
}
