//! What windows ask for.

use cockpit_domain::{AppError, Command, ErrorCode, RecordId, Reply, Table, ViewId, task_field::columns};
use cockpit_sync::{Edit, RecordKey};
use serde_json::Value;
use uuid::Uuid;

use super::{Actor, Answer, presence::Selection};
use crate::{
    WindowLabel, allowed,
    session::{Probed, SignIn, find},
    window::not_allowed,
    workspace::no_workspace,
};

/// Limits of a preference.
const KEY_MAX: usize = 64;
const VALUE_MAX: usize = 4096;
/// How many changes the list shows.
const CHANGES_MAX: usize = 500;

impl Actor {
    /// Carries out a command. What needs the network answers later; everything else is on the disk when it is answered.
    pub(super) fn command(&mut self, window: Option<WindowLabel>, command: Command, answer: Answer) {
        if let Some(window) = window.as_ref().filter(|window| !allowed(window.kind(), &command)) {
            return self.answer(answer, Err(not_allowed(window)));
        }
        let result = match command {
            Command::ProbeServer { address, certificate } => return self.probe(address, certificate, answer),
            Command::SignIn { address, anon_key, email, password, certificate } => {
                let wanted = self.trust(certificate).map(|trust| SignIn { address, anon_key, email, password, trust });
                return match wanted {
                    Ok(wanted) => self.sign_in(wanted, answer),
                    Err(error) => self.answer(answer, Err(error)),
                };
            }
            Command::SignOut { discard_unsent } => return self.sign_out(discard_unsent, answer),
            Command::CreateWorkspace { name, member_name } => return self.create_workspace(name, member_name, answer),
            Command::OpenWorkspace { tenant } => self.choose(tenant),
            Command::ViewOpen { spec, from, to } => self.view_open(window.as_ref(), spec, from, to),
            Command::ViewMove { view, from, to } => self.view_move(window.as_ref(), view, from, to),
            Command::ViewClose { view } => self.view_close(window.as_ref(), view),
            Command::TaskCreate { draft } => self.edit(Edit::Create { key: task(draft.id), set: draft.columns() }),
            Command::TaskEdit { id, set } => self.edit(Edit::Change { key: task(id), set: columns(&set) }),
            Command::TaskDelete { id } => self.edit(Edit::Delete { key: task(id) }),
            Command::TaskRestore { id } => self.edit(Edit::Restore { key: task(id) }),
            Command::RecordCreate { table, id, set } => self.edit(Edit::Create { key: RecordKey { table, id }, set }),
            Command::RecordEdit { table, id, set } => self.edit(Edit::Change { key: RecordKey { table, id }, set }),
            Command::RecordDelete { table, id } => self.edit(Edit::Delete { key: RecordKey { table, id } }),
            Command::RecordRestore { table, id } => self.edit(Edit::Restore { key: RecordKey { table, id } }),
            Command::Undo => self.edit(Edit::Undo),
            Command::Redo => self.edit(Edit::Redo),
            Command::ParkedRetry { mutation } => self.edit(Edit::ParkedRetry { mutation }),
            Command::ParkedDiscard { mutation } => self.edit(Edit::ParkedDiscard { mutation }),
            Command::PresenceTouch { place, editing } => self.touched(window.as_ref(), place, editing),
            Command::PointerMove { record, field, from, to, typing } => {
                self.pointer_moved(Selection { record, field, from, to, typing })
            }
            Command::SyncNow => self.sync_now(),
            Command::Changes => self.changes(),
            Command::PreferenceSet { key, value } => self.set_preference(&key, value),
        };
        self.answer(answer, result);
    }

    fn probe(&mut self, address: String, certificate: Option<String>, answer: Answer) {
        let trust = match self.trust(certificate) {
            Ok(trust) => trust,
            Err(error) => return self.answer(answer, Err(error)),
        };
        self.background.spawn(async move {
            let result = find(&address, &trust).await.map(|found| Reply::Server {
                address: found.address.to_string(),
                key_needed: matches!(found.probed, Probed::Supabase),
            });
            // A window that is gone needs no answer.
            _ = answer.send(result);
            None
        });
    }

    fn view_open(
        &mut self,
        window: Option<&WindowLabel>,
        spec: cockpit_domain::TaskViewSpec,
        from: u32,
        to: u32,
    ) -> Result<Reply, AppError> {
        if self.workspace.is_none() {
            return Err(no_workspace());
        }
        let page = window.and_then(|window| self.pages.get_mut(window)).ok_or_else(not_attached)?;
        let view = ViewId(Uuid::now_v7());
        page.open_slice(view, self.views.open(spec), from, to);
        self.views_not_before_ms = 0;
        Ok(Reply::View { view })
    }

    fn view_move(&mut self, window: Option<&WindowLabel>, view: ViewId, from: u32, to: u32) -> Result<Reply, AppError> {
        let page = window.and_then(|window| self.pages.get_mut(window)).ok_or_else(not_attached)?;
        if page.move_slice(view, from, to) { Ok(Reply::Done) } else { Err(no_such_view()) }
    }

    fn view_close(&mut self, window: Option<&WindowLabel>, view: ViewId) -> Result<Reply, AppError> {
        let page = window.and_then(|window| self.pages.get_mut(window)).ok_or_else(not_attached)?;
        let spec = page.close_slice(view).ok_or_else(no_such_view)?;
        self.views.close(&spec);
        Ok(Reply::Done)
    }

    fn sync_now(&mut self) -> Result<Reply, AppError> {
        if self.workspace.is_none() {
            return Err(no_workspace());
        }
        self.nudge();
        Ok(Reply::Done)
    }

    fn changes(&self) -> Result<Reply, AppError> {
        let workspace = self.workspace.as_ref().ok_or_else(no_workspace)?;
        let mut changes = Self::stored(workspace.store.outbox_changes(CHANGES_MAX))?;
        for change in changes.iter_mut().filter(|change| change.refused.is_none()) {
            change.waiting_for = workspace.waiting_for(RecordKey { table: change.table, id: change.record });
        }
        Ok(Reply::Changes { changes })
    }

    fn set_preference(&mut self, key: &str, value: Value) -> Result<Reply, AppError> {
        let length = value.to_string().len();
        if key.is_empty() || key.len() > KEY_MAX || length > VALUE_MAX {
            let message =
                format!("A setting has a name of at most {KEY_MAX} characters and a value of at most {VALUE_MAX}.");
            return Err(AppError::new(ErrorCode::Invalid, message));
        }
        let profile = self.profile.as_ref().ok_or_else(|| crate::session::internal("no profile"))?;
        Self::stored(profile.set_preference(key, &value))?;
        if value.is_null() {
            self.preferences.remove(key);
        } else {
            self.preferences.insert(key.to_owned(), value);
        }
        self.pages.tell_preference(key);
        Ok(Reply::Done)
    }
}

fn task(id: RecordId) -> RecordKey {
    RecordKey { table: Table::Tasks, id }
}

fn not_attached() -> AppError {
    AppError::retryable(
        ErrorCode::NotFound,
        "The window is not connected to the engine yet. It connects by itself; do it again then.",
    )
}

fn no_such_view() -> AppError {
    AppError::new(ErrorCode::NotFound, "That list is not open any more. Open it again.")
}
