//! The outbox: changes of this device on their way to the server.

use cockpit_domain::{AppError, MutationId, OutboxChange, RecordId, ScopeId, Table};
use cockpit_sync::{
    OutboxEntry, OutboxState, RecordKey,
    store::OutboxCounts,
    wire::{Fields, MutationOp},
};
use rusqlite::{Connection, Params, Row};
use serde_json::Value;

use crate::{
    fault::{Held, damaged},
    rows,
};

pub(crate) fn put(connection: &Connection, entry: &OutboxEntry) -> Held<i64> {
    let mut columns = StateColumns::default();
    match &entry.state {
        OutboxState::Queued => columns.name = "queued",
        OutboxState::Sent { no } => columns = StateColumns { name: "sent", no: Some(*no), ..columns },
        OutboxState::Acknowledged { scope, seq } => {
            columns = StateColumns { name: "acknowledged", scope: Some(*scope), seq: Some(*seq), ..columns };
        }
        OutboxState::Parked { error } => {
            let error = serde_json::to_string(error).map_err(damaged)?;
            columns = StateColumns { name: "parked", error: Some(error), ..columns };
        }
    }
    if entry.position == 0 {
        remove(connection, entry.mutation)?;
    }
    // A position that another change holds is an error and never replaces that change.
    connection
        .prepare_cached(
            "insert into outbox (position, mutation, tbl, record, op, set_fields, base_fields, base_version, at_ms, state, no, scope, seq, error, fence)
             values (nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             on conflict (mutation) do update set position = excluded.position, tbl = excluded.tbl, record = excluded.record,
               op = excluded.op, set_fields = excluded.set_fields, base_fields = excluded.base_fields,
               base_version = excluded.base_version, at_ms = excluded.at_ms, state = excluded.state, no = excluded.no,
               scope = excluded.scope, seq = excluded.seq, error = excluded.error, fence = excluded.fence",
        )?
        .execute((
            entry.position,
            entry.mutation.0,
            entry.key.table.name(),
            entry.key.id.0,
            entry.op.name(),
            fields_text(&entry.set)?,
            fields_text(&entry.base)?,
            entry.base_version,
            entry.at_ms,
            columns.name,
            columns.no,
            columns.scope.map(|scope| scope.0),
            columns.seq,
            columns.error,
            entry.fence,
        ))?;
    Ok(if entry.position == 0 { connection.last_insert_rowid() } else { entry.position })
}

pub(crate) fn remove(connection: &Connection, mutation: MutationId) -> Held<()> {
    connection.prepare_cached("delete from outbox where mutation = ?1")?.execute([mutation.0])?;
    Ok(())
}

/// Gives up the numbers of all that was sent and has no known fate; the ids stay, so that the server still knows it.
pub(crate) fn queue_sent(connection: &Connection) -> Held<()> {
    connection.execute("update outbox set state = 'queued', no = null where state = 'sent'", [])?;
    Ok(())
}

pub(crate) fn is_empty(connection: &Connection) -> Held<bool> {
    Ok(connection.prepare_cached("select not exists (select 1 from outbox)")?.query_row([], |row| row.get(0))?)
}

pub(crate) fn one(connection: &Connection, mutation: MutationId) -> Held<Option<OutboxEntry>> {
    Ok(list(connection, "select * from outbox where mutation = ?1", [mutation.0])?.pop())
}

pub(crate) fn of_record(connection: &Connection, key: RecordKey) -> Held<Vec<OutboxEntry>> {
    let sql = "select * from outbox where record = ?1 and tbl = ?2 order by position";
    list(connection, sql, (key.id.0, key.table.name()))
}

pub(crate) fn to_send(connection: &Connection, limit: usize) -> Held<Vec<OutboxEntry>> {
    let sql = "select * from outbox where state in ('queued', 'sent') order by position limit ?1";
    list(connection, sql, [clamp(limit)])
}

pub(crate) fn sent(connection: &Connection) -> Held<Vec<OutboxEntry>> {
    list(connection, "select * from outbox where state = 'sent' order by no", [])
}

pub(crate) fn reached(connection: &Connection, scope: ScopeId, seq: i64) -> Held<Vec<OutboxEntry>> {
    let sql = "select * from outbox where state = 'acknowledged' and scope = ?1 and seq <= ?2 order by position";
    list(connection, sql, (scope.0, seq))
}

pub(crate) fn all(connection: &Connection, limit: usize) -> Held<Vec<OutboxEntry>> {
    list(connection, "select * from outbox order by position limit ?1", [clamp(limit)])
}

pub(crate) fn counts(connection: &Connection) -> Held<OutboxCounts> {
    let sql = "select count(*) filter (where state <> 'parked'), count(*) filter (where state = 'parked') from outbox";
    let read = |row: &Row<'_>| Ok(OutboxCounts { pending: row.get(0)?, parked: row.get(1)? });
    Ok(connection.prepare_cached(sql)?.query_row([], read)?)
}

/// Entries as a window lists them. A record that is not visible any more is called what the change itself calls it.
pub(crate) fn changes(connection: &Connection, limit: usize) -> Held<Vec<OutboxChange>> {
    let change = |entry: OutboxEntry| {
        let given = entry.set.get("name").and_then(Value::as_str).map(str::to_owned);
        let name = rows::name(connection, entry.key)?.or(given).unwrap_or_default();
        Ok(OutboxChange {
            mutation: entry.mutation,
            table: entry.key.table,
            record: entry.key.id,
            name,
            op: entry.op.name().to_owned(),
            fields: entry.set.keys().cloned().collect(),
            at_ms: entry.at_ms,
            waiting_for: None,
            refused: match entry.state {
                OutboxState::Parked { error } => Some(error),
                _ => None,
            },
        })
    };
    all(connection, limit)?.into_iter().map(change).collect()
}

/// The columns of a state; a check in the table says which belong to which.
#[derive(Default)]
struct StateColumns {
    name: &'static str,
    no: Option<i64>,
    scope: Option<ScopeId>,
    seq: Option<i64>,
    error: Option<String>,
}

fn list(connection: &Connection, sql: &str, params: impl Params) -> Held<Vec<OutboxEntry>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read(row)?);
    }
    Ok(entries)
}

fn read(row: &Row<'_>) -> Held<OutboxEntry> {
    let state: String = row.get("state")?;
    let state = match state.as_str() {
        "queued" => OutboxState::Queued,
        "sent" => OutboxState::Sent { no: row.get("no")? },
        "acknowledged" => OutboxState::Acknowledged { scope: ScopeId(row.get("scope")?), seq: row.get("seq")? },
        "parked" => OutboxState::Parked { error: error_of(&row.get::<_, String>("error")?)? },
        other => return Err(damaged(format!("an outbox entry is {other}"))),
    };
    Ok(OutboxEntry {
        position: row.get("position")?,
        mutation: MutationId(row.get("mutation")?),
        key: RecordKey { table: table_of(&row.get::<_, String>("tbl")?)?, id: RecordId(row.get("record")?) },
        op: op_of(&row.get::<_, String>("op")?)?,
        set: fields_of(&row.get::<_, String>("set_fields")?)?,
        base: fields_of(&row.get::<_, String>("base_fields")?)?,
        base_version: row.get("base_version")?,
        fence: row.get("fence")?,
        at_ms: row.get("at_ms")?,
        state,
    })
}

pub(crate) fn error_of(text: &str) -> Held<AppError> {
    serde_json::from_str(text).map_err(|error| damaged(format!("a stored error: {error}")))
}

pub(crate) fn fields_text(fields: &Fields) -> Held<String> {
    serde_json::to_string(fields).map_err(damaged)
}

pub(crate) fn fields_of(text: &str) -> Held<Fields> {
    serde_json::from_str(text).map_err(|error| damaged(format!("stored fields: {error}")))
}

pub(crate) fn table_of(name: &str) -> Held<Table> {
    Table::from_name(name).ok_or_else(|| damaged(format!("an entry names the table {name}")))
}

pub(crate) fn op_of(name: &str) -> Held<MutationOp> {
    [MutationOp::Insert, MutationOp::Update, MutationOp::Delete, MutationOp::Restore]
        .into_iter()
        .find(|op| op.name() == name)
        .ok_or_else(|| damaged(format!("an entry does {name}")))
}

fn clamp(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
