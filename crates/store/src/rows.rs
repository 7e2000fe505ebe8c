//! Rows as the engine ships them to windows.

use cockpit_domain::{AppError, RecordId, Table, TaskRow};
use cockpit_sync::RecordKey;
use rusqlite::{Connection, OptionalExtension};

use crate::{
    fault::{Held, damaged},
    outbox::{self, error_of},
    record::on_table,
};

pub(crate) fn task_rows(connection: &Connection, ids: &[RecordId]) -> Held<Vec<TaskRow>> {
    let nothing_pending = outbox::is_empty(connection)?;
    let mut statement = connection.prepare_cached("select visible from tasks where id = ?1 and trashed is not null")?;
    let mut found = Vec::with_capacity(ids.len());
    for &id in ids {
        let row: Option<String> = statement.query_row([id.0], |row| row.get(0)).optional()?;
        let task = row.map(|row| serde_json::from_str(&row)).transpose();
        let Some(task) = task.map_err(|error| damaged(format!("the task {id}: {error}")))? else {
            continue;
        };
        let (pending, failed) = if nothing_pending { (false, None) } else { journey(connection, id)? };
        found.push(TaskRow { task, pending, failed });
    }
    Ok(found)
}

pub(crate) fn mirrored(connection: &Connection, table: Table) -> Held<Vec<(RecordId, String)>> {
    let sql = on_table!(table, "select id, visible from ", " where visible is not null order by id");
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((RecordId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn visible(connection: &Connection, key: RecordKey) -> Held<Option<String>> {
    let sql = on_table!(key.table, "select visible from ", " where id = ?1");
    let row: Option<Option<String>> =
        connection.prepare_cached(sql)?.query_row([key.id.0], |row| row.get(0)).optional()?;
    Ok(row.flatten())
}

/// The name of a visible record; a budget is called what its project is called.
pub(crate) fn name(connection: &Connection, key: RecordKey) -> Held<Option<String>> {
    let table = if key.table == Table::ProjectBudgets { Table::Projects } else { key.table };
    let sql = on_table!(table, "select visible ->> '$.name' from ", " where id = ?1");
    let name: Option<Option<String>> =
        connection.prepare_cached(sql)?.query_row([key.id.0], |row| row.get(0)).optional()?;
    Ok(name.flatten())
}

/// Whether a change of the task is on its way, and why the newest refused one was refused.
fn journey(connection: &Connection, id: RecordId) -> Held<(bool, Option<AppError>)> {
    let mut statement =
        connection.prepare_cached("select error from outbox where record = ?1 and tbl = 'tasks' order by position")?;
    let mut rows = statement.query([id.0])?;
    let (mut pending, mut failed) = (false, None);
    while let Some(row) = rows.next()? {
        // Only a parked entry has an error.
        match row.get::<_, Option<String>>(0)? {
            Some(error) => failed = Some(error_of(&error)?),
            None => pending = true,
        }
    }
    Ok((pending, failed))
}
