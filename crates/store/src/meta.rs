//! What the file says of itself: its workspace, its device id and the next number.

use cockpit_domain::{DeviceId, TenantId};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use crate::fault::{Held, damaged};

/// Makes a new file the given workspace's, with a device id of its own; refuses the file of another one.
pub(crate) fn claim(connection: &mut Connection, tenant: TenantId) -> Held<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let owner: Option<Uuid> = transaction.query_row("select tenant from meta", [], |row| row.get(0)).optional()?;
    match owner {
        None => {
            transaction.execute(
                "insert into meta (only, tenant, device, next_no) values (1, ?1, ?2, 1)",
                (tenant.0, Uuid::new_v4()),
            )?;
        }
        Some(owner) if owner == tenant.0 => {}
        Some(owner) => return Err(damaged(format!("it is the file of the workspace {owner}"))),
    }
    Ok(transaction.commit()?)
}

pub(crate) fn device(connection: &Connection) -> Held<DeviceId> {
    Ok(DeviceId(connection.prepare_cached("select device from meta")?.query_row([], |row| row.get(0))?))
}

pub(crate) fn set_device(connection: &Connection, device: DeviceId, next_no: i64) -> Held<()> {
    connection.execute("update meta set device = ?1, next_no = ?2", (device.0, next_no))?;
    Ok(())
}

pub(crate) fn next_no(connection: &Connection) -> Held<i64> {
    Ok(connection.prepare_cached("select next_no from meta")?.query_row([], |row| row.get(0))?)
}

pub(crate) fn set_next_no(connection: &Connection, no: i64) -> Held<()> {
    connection.prepare_cached("update meta set next_no = ?1")?.execute([no])?;
    Ok(())
}
