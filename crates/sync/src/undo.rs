//! Undo: the inverse of a change is a change like any other, so it travels, merges and can itself be undone.

use cockpit_domain::ErrorCode;
use serde_json::Value;

use crate::{
    edit::{Change, refused, visible},
    event::EditError,
    store::{Store, UndoEntry},
    value::same,
    wire::{Fields, MutationOp},
};

/// The change that takes `entry` back (`forward` false) or does it again (`forward` true), with the record's name.
///
/// Refused with `conflict` when somebody changed one of the same fields since: taking back would silently overwrite them.
pub(crate) fn inverse(entry: &UndoEntry, forward: bool, store: &dyn Store) -> Result<(Change, String), EditError> {
    let row = visible(store, entry.key)?;
    let name = row.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let trashed = row.get("deleted_at").is_some_and(|at| !at.is_null());
    let (op, set, base) = match (entry.op, forward) {
        (MutationOp::Insert, false) | (MutationOp::Delete, true) | (MutationOp::Restore, false) => {
            (MutationOp::Delete, Fields::new(), Fields::new())
        }
        (MutationOp::Insert, true) | (MutationOp::Delete, false) | (MutationOp::Restore, true) => {
            (MutationOp::Restore, Fields::new(), Fields::new())
        }
        (MutationOp::Update, false) => (MutationOp::Update, entry.before.clone(), entry.after.clone()),
        (MutationOp::Update, true) => (MutationOp::Update, entry.after.clone(), entry.before.clone()),
    };
    let already = match op {
        MutationOp::Delete => trashed,
        MutationOp::Restore => !trashed,
        _ => false,
    };
    if already || (op == MutationOp::Update && trashed) {
        return Err(conflict(&name, forward, "it was moved to or from the trash"));
    }
    if let Some((column, _)) =
        base.iter().find(|(column, value)| !same(entry.key.table, column, row.get(*column), Some(value)))
    {
        return Err(conflict(&name, forward, &format!("“{column}” was changed")));
    }
    Ok((Change { key: entry.key, op, set, base, what: "undo" }, name))
}

fn conflict(name: &str, forward: bool, why: &str) -> EditError {
    let not_done = if forward { "done again" } else { "taken back" };
    refused(
        ErrorCode::Conflict,
        format!("The change of “{name}” was not {not_done}, because {why} since. Look at it and change it by hand."),
    )
}
