//! The document with everything that could be read of a damaged file.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    time::Duration,
};

use cockpit_domain::TenantId;
use cockpit_sync::{StoreError, Stored};
use jiff::Timestamp;
use rusqlite::{Connection, config::DbConfig, types::Value};
use serde::Serialize;
use serde_json::{Map, json};

use super::RecoveredTable;
use crate::{
    backup::reader,
    fault::{Held, of_io},
    file,
    replace::{sync_parent, with_end},
    salvage::{Salvaged, as_json},
};

/// Writes the document at `path`; answers what could be read of each table. It is written row by row, under another name until it is whole.
pub(super) fn write(
    path: &Path,
    damaged: &Path,
    tenant: TenantId,
    now: Timestamp,
    salvaged: &Salvaged,
    limit: Duration,
) -> Stored<Vec<RecoveredTable>> {
    let unfinished = with_end(path, ".unfinished");
    let file = file::make_private(&unfinished)?;
    let write = || -> std::io::Result<Vec<RecoveredTable>> {
        file.set_len(0)?;
        let mut out = BufWriter::new(&file);
        let head = json!({ "format": "cockpit-rescue", "version": 1, "tenant": tenant, "made_at": now.to_string() })
            .to_string();
        // One object, written by hand only at its seams.
        out.write_all(head.trim_end_matches('}').as_bytes())?;
        part(&mut out, "outbox", salvaged.entries.iter().map(|(_, columns)| columns))?;
        part(&mut out, "outbox_broken", salvaged.broken.iter())?;
        part(&mut out, "outbox_removed", salvaged.removed.iter())?;
        let tables = tables(&mut out, damaged, limit)?;
        let lost: Vec<_> = tables.iter().filter(|table| table.lost.is_some()).collect();
        let lost: Vec<_> = lost.iter().map(|table| json!({ "table": table.name, "why": table.lost })).collect();
        part(&mut out, "lost", lost.iter())?;
        out.write_all(b"}\n")?;
        out.flush()?;
        Ok(tables)
    };
    let renamed = write().and_then(|tables| {
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        Ok(tables)
    });
    match renamed {
        Ok(tables) => sync_parent(path).map(|()| tables),
        Err(error) => {
            let _ = std::fs::remove_file(&unfinished);
            Err(of_io(path, &error))
        }
    }
}

fn part<T: Serialize>(out: &mut impl Write, name: &str, items: impl Iterator<Item = T>) -> std::io::Result<()> {
    write!(out, ",\n\"{name}\":[")?;
    for (index, item) in items.enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &item)?;
    }
    out.write_all(b"]")
}

/// Every table that SQLite can still find, as far as it can still be read.
fn tables(out: &mut BufWriter<&File>, damaged: &Path, limit: Duration) -> std::io::Result<Vec<RecoveredTable>> {
    out.write_all(b",\n\"tables\":{")?;
    let mut all = Vec::new();
    match open(damaged, limit).and_then(|connection| Ok((names(&connection)?, connection))) {
        Err(fault) => all.push(RecoveredTable { name: "*".to_owned(), rows: 0, lost: Some(told(fault)) }),
        Ok((names, connection)) => {
            for (index, name) in names.into_iter().enumerate() {
                write!(out, "{}\n{}:[", if index == 0 { "" } else { "," }, json!(name))?;
                let mut rows = 0;
                let read = read(&connection, &name, |row| {
                    out.write_all(if rows == 0 { b"\n" } else { b",\n" })?;
                    rows += 1;
                    Ok(serde_json::to_writer(&mut *out, &row)?)
                })?;
                out.write_all(b"]")?;
                all.push(RecoveredTable { name, rows, lost: read.err().map(told) });
            }
        }
    }
    out.write_all(b"}")?;
    Ok(all)
}

fn open(damaged: &Path, limit: Duration) -> Held<Connection> {
    let connection = reader(damaged, limit)?;
    // Nothing of the log is copied into the damaged file by looking at it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// The outbox has its own part of the document.
fn names(connection: &Connection) -> Held<Vec<String>> {
    let sql = "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' and name <> 'outbox' order by name";
    let mut statement = connection.prepare(sql)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The outer error is one of writing, the inner one tells where reading ended.
fn read(
    connection: &Connection,
    table: &str,
    mut write: impl FnMut(serde_json::Value) -> std::io::Result<()>,
) -> std::io::Result<Held<()>> {
    let quoted = table.replace('"', "\"\"");
    let mut statement = match connection.prepare(&format!("select * from \"{quoted}\" order by rowid")) {
        Ok(statement) => statement,
        Err(error) => return Ok(Err(error.into())),
    };
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = match statement.query([]) {
        Ok(rows) => rows,
        Err(error) => return Ok(Err(error.into())),
    };
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error.into())),
        };
        let columns = names.iter().enumerate().map(|(index, name)| {
            // Text that is none any more is shown as nothing.
            let value = row.get::<_, Value>(index).unwrap_or(Value::Null);
            (name.clone(), as_json(&value))
        });
        write(serde_json::Value::Object(columns.collect::<Map<_, _>>()))?;
    }
}

fn told(fault: crate::fault::Fault) -> String {
    StoreError::from(fault).to_string()
}
