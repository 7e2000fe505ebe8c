//! Scopes: how far each has been applied.

use std::collections::BTreeMap;

use cockpit_domain::{ScopeId, ScopeKind, Table};
use cockpit_sync::{
    RecordKey,
    store::{Bootstrap, ScopeRecord},
    wire::Cursor,
};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::{
    fault::{Held, damaged},
    record,
};

pub(crate) fn all(connection: &Connection) -> Held<Vec<ScopeRecord>> {
    let mut statement = connection.prepare_cached(
        "select id, kind, feed_key, epoch, seq, mark, generation,
                bootstrap_table, bootstrap_after, bootstrap_rows, target_epoch, target_seq, target_mark, read_at
         from scope order by id",
    )?;
    let mut rows = statement.query([])?;
    let mut scopes = Vec::new();
    while let Some(row) = rows.next()? {
        scopes.push(read(row)?);
    }
    Ok(scopes)
}

pub(crate) fn put(connection: &Connection, scope: &ScopeRecord) -> Held<()> {
    let bootstrap = scope.bootstrap.as_ref();
    let target = bootstrap.and_then(|bootstrap| bootstrap.target);
    connection
        .prepare_cached(
            "insert or replace into scope (id, kind, feed_key, epoch, seq, mark, generation,
               bootstrap_table, bootstrap_after, bootstrap_rows, target_epoch, target_seq, target_mark, read_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute((
            scope.cursor.scope.0,
            kind_name(scope.kind),
            &scope.feed_key,
            scope.cursor.epoch,
            scope.cursor.seq,
            scope.cursor.mark,
            scope.generation,
            bootstrap.map(|bootstrap| bootstrap.table.name()),
            bootstrap.and_then(|bootstrap| bootstrap.after),
            bootstrap.map(|bootstrap| bootstrap.rows),
            target.map(|target| target.epoch),
            target.map(|target| target.seq),
            target.and_then(|target| target.mark),
            read_at(scope)?,
        ))?;
    Ok(())
}

/// Forgets the scope; answers the records that were visible.
pub(crate) fn remove(connection: &Connection, scope: ScopeId) -> Held<Vec<RecordKey>> {
    connection.execute("delete from staged_change where scope = ?1", [scope.0])?;
    connection.execute("delete from scope where id = ?1", [scope.0])?;
    let mut seen = Vec::new();
    if cockpit_sync::planted!("scope-loss-keeps-rows") {
        return Ok(seen);
    }
    for table in Table::ALL {
        seen.extend(record::remove_of_scope(connection, table, scope)?);
    }
    Ok(seen)
}

fn read(row: &Row<'_>) -> Held<ScopeRecord> {
    let scope = ScopeId(row.get(0)?);
    let kind: String = row.get(1)?;
    let target: Option<i64> = row.get(10)?;
    let target = match target {
        Some(epoch) => Some(Cursor { scope, epoch, seq: row.get(11)?, mark: row.get(12)? }),
        None => None,
    };
    let table: Option<String> = row.get(7)?;
    let bootstrap = match table {
        Some(name) => {
            let table = Table::from_name(&name).ok_or_else(|| damaged(format!("a scope names the table {name}")))?;
            Some(Bootstrap { target, table, after: row.get(8)?, rows: row.get(9)? })
        }
        None => None,
    };
    Ok(ScopeRecord {
        kind: kind_of(&kind).ok_or_else(|| damaged(format!("a scope is of the kind {kind}")))?,
        feed_key: row.get(2)?,
        cursor: Cursor { scope, epoch: row.get(3)?, seq: row.get(4)?, mark: row.get(5)? },
        generation: row.get(6)?,
        bootstrap,
        read_at: heads(row.get(13)?)?,
    })
}

/// The heads as JSON, `{"seq": "mark"}`; null when there are none, which is the rule.
fn read_at(scope: &ScopeRecord) -> Held<Option<String>> {
    if scope.read_at.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(&scope.read_at)
        .map(Some)
        .map_err(|error| damaged(format!("heads cannot be written: {error}")))
}

fn heads(text: Option<String>) -> Held<BTreeMap<i64, Uuid>> {
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    serde_json::from_str(&text).map_err(|error| damaged(format!("a scope's heads cannot be read: {error}")))
}

fn kind_name(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Tenant => "tenant",
        ScopeKind::Finance => "finance",
        ScopeKind::User => "user",
    }
}

fn kind_of(name: &str) -> Option<ScopeKind> {
    [ScopeKind::Tenant, ScopeKind::Finance, ScopeKind::User].into_iter().find(|kind| kind_name(*kind) == name)
}
