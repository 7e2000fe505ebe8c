//! What a person does: checked, written and remembered in one step.

use cockpit_domain::{AppError, ErrorCode, MutationId};

use crate::{
    core::{Core, Findings},
    edit,
    event::{Edit, EditError, Edited, Undone},
    outbox,
    store::{OutboxEntry, OutboxState, Store, UndoEntry},
    time::Now,
    undo,
};

impl Core {
    /// Carries out a change of a person. `mutation` is a fresh id. Call it like [`Core::step`].
    ///
    /// # Errors
    /// [`EditError::Refused`] when values or moment do not allow it: then nothing was written, and the core need not be opened again.
    pub fn edit(
        &mut self,
        edit: Edit,
        mutation: MutationId,
        now: Now,
        store: &mut dyn Store,
    ) -> Result<Edited, EditError> {
        let mut found = Findings::default();
        let mut undone = None;
        let mut refused = None;
        let (change, fresh) = match edit {
            Edit::Create { key, set } => (Some(edit::create(key, &set, store)?), true),
            Edit::Change { key, set } => (edit::edit(key, &set, store)?, true),
            Edit::Delete { key } => (Some(edit::delete(key, store)?), true),
            Edit::Restore { key } => (edit::restore(key, store)?, true),
            Edit::Undo => (take_back(store.undo_top()?, false, store, &mut undone, &mut refused)?, false),
            Edit::Redo => (take_back(store.redo_top()?, true, store, &mut undone, &mut refused)?, false),
            Edit::ParkedRetry { mutation: parked } => {
                let entry = parked_entry(parked, store)?;
                found.changed.insert(entry.key);
                outbox::retry(entry, mutation, now, &mut self.rng, store)?;
                (None, false)
            }
            Edit::ParkedDiscard { mutation: parked } => {
                let entry = parked_entry(parked, store)?;
                found.changed.insert(entry.key);
                outbox::discard(&entry, store)?;
                (None, false)
            }
        };
        if let Some(change) = change {
            let scope = self.scopes.values().find(|scope| scope.kind == change.key.table.scope_kind());
            edit::write(&change, mutation, now, scope, None, store)?;
            if fresh {
                edit::remember(&change, store)?;
            }
            found.changed.insert(change.key);
        }
        self.pushes.ask_unless_backing_off(now.mono_ms);
        Ok(Edited { effects: self.finish(found, now, store)?, undone, refused })
    }
}

fn take_back(
    entry: Option<UndoEntry>,
    forward: bool,
    store: &mut dyn Store,
    undone: &mut Option<Undone>,
    refused: &mut Option<AppError>,
) -> Result<Option<edit::Change>, EditError> {
    let Some(entry) = entry else {
        let message = if forward { "There is nothing to do again." } else { "There is nothing to undo." };
        return Err(edit::refused(ErrorCode::NothingToUndo, message));
    };
    match undo::inverse(&entry, forward, store) {
        Ok((change, name)) => {
            store.set_undone(entry.position, !forward)?;
            *undone = Some(Undone { record: entry.key.id, what: entry.what, name });
            Ok(Some(change))
        }
        Err(EditError::Refused(error)) => {
            store.remove_undo(entry.position)?;
            *refused = Some(error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn parked_entry(mutation: MutationId, store: &dyn Store) -> Result<OutboxEntry, EditError> {
    store
        .outbox_entry(mutation)?
        .filter(|entry| matches!(entry.state, OutboxState::Parked { .. }))
        .ok_or_else(|| edit::refused(ErrorCode::NotFound, "That change is not waiting for a decision any more."))
}
