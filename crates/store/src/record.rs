//! The synced rows.

use cockpit_domain::{RecordId, ScopeId, Table};
use cockpit_sync::{RecordKey, store::StoredRecord};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{fault::Held, task_keys::TaskKeys};

/// A statement on a synced table, as text that is made at compile time: preparing finds it in the cache without building it.
macro_rules! on_table {
    ($table:expr, $before:literal, $after:literal) => {
        match $table {
            Table::Tenants => concat!($before, "tenants", $after),
            Table::TenantMembers => concat!($before, "tenant_members", $after),
            Table::Clients => concat!($before, "clients", $after),
            Table::Projects => concat!($before, "projects", $after),
            Table::ProjectBudgets => concat!($before, "project_budgets", $after),
            Table::Tasks => concat!($before, "tasks", $after),
            Table::TaskDependencies => concat!($before, "task_dependencies", $after),
            Table::TaskLinks => concat!($before, "task_links", $after),
            Table::Comments => concat!($before, "comments", $after),
            Table::TimeEntries => concat!($before, "time_entries", $after),
            Table::EconomicsModel => concat!($before, "economics_model", $after),
            Table::Rates => concat!($before, "rates", $after),
            Table::Expenses => concat!($before, "expenses", $after),
            Table::Scenarios => concat!($before, "scenarios", $after),
            Table::ExchangeRates => concat!($before, "exchange_rates", $after),
            Table::SavedViews => concat!($before, "saved_views", $after),
            Table::Preferences => concat!($before, "preferences", $after),
            Table::InboxItems => concat!($before, "inbox_items", $after),
        }
    };
}
pub(crate) use on_table;

pub(crate) fn get(connection: &Connection, key: RecordKey) -> Held<Option<StoredRecord>> {
    let sql =
        on_table!(key.table, "select scope, version, generation, overlaid, visible, confirmed from ", " where id = ?1");
    Ok(connection.prepare_cached(sql)?.query_row([key.id.0], read).optional()?)
}

pub(crate) fn put(connection: &Connection, key: RecordKey, record: &StoredRecord) -> Held<()> {
    if record.confirmed.is_none() && record.visible.is_none() {
        connection.prepare_cached(on_table!(key.table, "delete from ", " where id = ?1"))?.execute([key.id.0])?;
        return Ok(());
    }
    match key.table {
        Table::Tasks => put_task(connection, key.id, record),
        _ => put_plain(connection, key, record),
    }
}

/// The records of a scope that its newest bootstrap did not meet.
pub(crate) fn stale(connection: &Connection, scope: ScopeId, generation: i64) -> Held<Vec<RecordKey>> {
    let mut keys = Vec::new();
    for table in Table::ALL {
        let sql = on_table!(table, "select id from ", " where scope = ?1 and generation < ?2 order by id");
        let mut statement = connection.prepare_cached(sql)?;
        let ids = statement.query_map((scope.0, generation), |row| row.get(0).map(RecordId))?;
        for id in ids {
            keys.push(RecordKey { table, id: id? });
        }
    }
    Ok(keys)
}

/// Removes all of a table's records in a scope; answers those that were visible.
pub(crate) fn remove_of_scope(connection: &Connection, table: Table, scope: ScopeId) -> Held<Vec<RecordKey>> {
    let sql = on_table!(table, "select id from ", " where scope = ?1 and visible is not null order by id");
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok(RecordKey { table, id: RecordId(row.get(0)?) });
    let seen = statement.query_map([scope.0], read)?.collect::<Result<_, _>>()?;
    connection.prepare_cached(on_table!(table, "delete from ", " where scope = ?1"))?.execute([scope.0])?;
    Ok(seen)
}

/// The smallest rank of the living tasks.
pub(crate) fn first_task_rank(connection: &Connection) -> Held<Option<String>> {
    let sql = "select rank from tasks where trashed = 0 order by rank, id limit 1";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredRecord> {
    let overlaid: bool = row.get(3)?;
    let visible: Option<String> = row.get(4)?;
    let confirmed = if overlaid { row.get(5)? } else { visible.clone() };
    Ok(StoredRecord { scope: ScopeId(row.get(0)?), version: row.get(1)?, generation: row.get(2)?, confirmed, visible })
}

/// Whether the two layers differ, and the confirmed one if it has to be kept beside the visible one.
fn layers(record: &StoredRecord) -> (bool, Option<&str>) {
    if record.confirmed == record.visible { (false, None) } else { (true, record.confirmed.as_deref()) }
}

fn put_plain(connection: &Connection, key: RecordKey, record: &StoredRecord) -> Held<()> {
    let (overlaid, confirmed) = layers(record);
    let sql = on_table!(
        key.table,
        "insert into ",
        " (id, scope, version, generation, overlaid, visible, confirmed) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         on conflict (id) do update set scope = excluded.scope, version = excluded.version, generation = excluded.generation,
           overlaid = excluded.overlaid, visible = excluded.visible, confirmed = excluded.confirmed"
    );
    connection.prepare_cached(sql)?.execute((
        key.id.0,
        record.scope.0,
        record.version,
        record.generation,
        overlaid,
        &record.visible,
        confirmed,
    ))?;
    Ok(())
}

fn put_task(connection: &Connection, id: RecordId, record: &StoredRecord) -> Held<()> {
    let (overlaid, confirmed) = layers(record);
    let keys = TaskKeys::of(id, record.visible.as_deref())?;
    let keys = keys.as_ref();
    connection
        .prepare_cached(
            "insert into tasks (id, scope, version, generation, overlaid, trashed, status, priority, due_day, updated_us,
               rank, name_lower, project_id, assignee, tags, visible, confirmed)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
             on conflict (id) do update set scope = excluded.scope, version = excluded.version, generation = excluded.generation,
               overlaid = excluded.overlaid, trashed = excluded.trashed, status = excluded.status, priority = excluded.priority,
               due_day = excluded.due_day, updated_us = excluded.updated_us, rank = excluded.rank,
               name_lower = excluded.name_lower, project_id = excluded.project_id, assignee = excluded.assignee,
               tags = excluded.tags, visible = excluded.visible, confirmed = excluded.confirmed",
        )?
        .execute(params![
            id.0,
            record.scope.0,
            record.version,
            record.generation,
            overlaid,
            keys.map(|keys| keys.trashed),
            keys.map(|keys| keys.status),
            keys.map(|keys| keys.priority),
            keys.and_then(|keys| keys.due_day),
            keys.map(|keys| keys.updated_us),
            keys.map(|keys| keys.rank.as_str()),
            keys.map(|keys| keys.name_lower.as_str()),
            keys.and_then(|keys| keys.project_id),
            keys.and_then(|keys| keys.assignee),
            keys.and_then(|keys| keys.tags.as_deref()),
            record.visible,
            confirmed,
        ])?;
    Ok(())
}
