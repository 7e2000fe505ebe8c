//! The stores that windows mirror whole.

use cockpit_domain::{Op, RecordId, StoreName, StoreRow, Table};
use cockpit_store::SqliteStore;
use cockpit_sync::{RecordKey, Stored};
use serde_json::Value;

/// The mirrored tables.
const MIRRORED: [Table; 4] = [Table::Tenants, Table::TenantMembers, Table::Clients, Table::Projects];

/// Every row of every mirrored store.
pub(super) fn all(store: &SqliteStore) -> Stored<Vec<Op>> {
    let mut ops = Vec::new();
    for table in MIRRORED {
        for (id, text) in store.mirrored(table)? {
            ops.extend(row(table, id, &text).map(|row| Op::Put { row }));
        }
    }
    Ok(ops)
}

/// A record of a mirrored store as it is now: there, or not any more.
pub(super) fn one(store: &SqliteStore, key: RecordKey) -> Stored<Option<Op>> {
    let row = store.visible(key)?.and_then(|text| row(key.table, key.id, &text));
    let op = match row {
        Some(row) => Some(Op::Put { row }),
        None => name(key.table).map(|store| Op::Remove { store, id: key.id }),
    };
    Ok(op)
}

fn name(table: Table) -> Option<StoreName> {
    match table {
        Table::Tenants => Some(StoreName::Tenants),
        Table::TenantMembers => Some(StoreName::TenantMembers),
        Table::Clients => Some(StoreName::Clients),
        Table::Projects => Some(StoreName::Projects),
        _ => None,
    }
}

/// The row; none when it lies in the trash, or when a newer server wrote what this app cannot read.
fn row(table: Table, id: RecordId, text: &str) -> Option<StoreRow> {
    let parsed = serde_json::from_str::<Value>(text).and_then(|row| {
        let trashed = row.get("deleted_at").is_some_and(|at| !at.is_null());
        let row = match table {
            _ if trashed => None,
            Table::Tenants => Some(StoreRow::Tenants(serde_json::from_value(row)?)),
            Table::TenantMembers => Some(StoreRow::TenantMembers(serde_json::from_value(row)?)),
            Table::Clients => Some(StoreRow::Clients(serde_json::from_value(row)?)),
            Table::Projects => Some(StoreRow::Projects(serde_json::from_value(row)?)),
            _ => None,
        };
        Ok(row)
    });
    parsed.unwrap_or_else(|error| {
        tracing::warn!(table = table.name(), %id, %error, "a row cannot be read");
        None
    })
}
