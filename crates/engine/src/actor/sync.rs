//! Steps of the open workspace and what follows from them.

use cockpit_domain::{AppError, Reply, SessionState, SyncPhase};
use cockpit_store::app_error;
use cockpit_sync::{Edit, EditError, Edited, Effect, Event, Now, StoreError};
use tracing::Instrument;

use super::{Actor, Message};
use crate::{
    session::Connection,
    view::tasks_among,
    workspace::{Live, call, edit_error, no_workspace},
};

impl Actor {
    /// Lets the core take an event, and performs what it wants.
    pub(super) fn step(&mut self, event: Event) {
        let now = self.now();
        let Some(workspace) = self.workspace.as_mut() else { return };
        match workspace.step(event, now) {
            Ok(effects) => self.perform(effects),
            Err(error) => self.store_failed(&error),
        }
    }

    /// Carries out a change of a person. It is on the disk when this answers.
    pub(super) fn edit(&mut self, edit: Edit) -> Result<Reply, AppError> {
        let now = self.now();
        let Some(workspace) = self.workspace.as_mut() else { return Err(no_workspace()) };
        let was_down = workspace.is_down();
        match workspace.edit(edit, now) {
            Ok(Edited { effects, undone, refused }) => {
                self.perform(effects);
                if was_down {
                    // The store works again, and the new core does not know yet that there is a session.
                    self.resume_sync();
                }
                match (refused, undone) {
                    (Some(error), _) => Err(error),
                    (None, Some(undone)) => {
                        Ok(Reply::Undone { record: undone.record, what: undone.what, name: undone.name })
                    }
                    (None, None) => Ok(Reply::Done),
                }
            }
            Err(error) => {
                if let EditError::Store(error) = &error {
                    self.store_failed(error);
                }
                Err(edit_error(&error))
            }
        }
    }

    /// Performs the effects of a committed step.
    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Pull { .. }
                | Effect::Page { .. }
                | Effect::Push { .. }
                | Effect::Lock { .. }
                | Effect::Unlock { .. }
                | Effect::Heartbeat { .. } => self.call(effect),
                // No window shows locks yet; who holds one is told by the notices and by the changes that wait.
                Effect::Locks { .. } => {}
                Effect::Channels { topics } => self.join(topics),
                Effect::WakeAt { mono_ms } => {
                    if let Some(workspace) = self.workspace.as_mut() {
                        workspace.wake_at_ms = Some(mono_ms);
                    }
                }
                Effect::Changed { keys } => self.rows_changed(&keys),
                Effect::Status(status) => {
                    if let Some(workspace) = self.workspace.as_mut() {
                        workspace.set_status(status);
                    }
                    self.pages.tell_status();
                    self.phase_changed();
                }
                Effect::Notice { error, key } => self.pages.tell_notice(&(error, key.map(|key| key.id))),
                Effect::ServerClock { offset_ms } => {
                    if let Some(workspace) = self.workspace.as_mut() {
                        workspace.server_offset_ms = Some(offset_ms);
                    }
                }
                Effect::Removed => self.ask_memberships(),
            }
        }
    }

    fn call(&mut self, effect: Effect) {
        let (Some(workspace), Some(connection)) = (&self.workspace, &self.connection) else { return };
        let (opening, tenant) = (workspace.opening, workspace.tenant());
        let span = match &effect {
            Effect::Pull { request, cursors } => tracing::debug_span!("pull", request, scopes = cursors.len()),
            Effect::Page { request, table, .. } => tracing::debug_span!("page", request, table = table.name()),
            Effect::Push { request, batch, .. } => tracing::debug_span!("push", request, mutations = batch.len()),
            Effect::Lock { request, record_type, .. } => tracing::debug_span!("lock", request, record_type),
            Effect::Unlock { request, record_type, .. } => tracing::debug_span!("unlock", request, record_type),
            Effect::Heartbeat { request, locks, .. } => tracing::debug_span!("heartbeat", request, locks = locks.len()),
            _ => tracing::Span::none(),
        };
        let connection = connection.clone();
        let work = async move {
            let event = call(connection, tenant, effect).await?;
            Some(Message::Sync { opening, event })
        };
        self.background.spawn(work.instrument(span));
    }

    fn join(&mut self, topics: Vec<String>) {
        let Some(workspace) = self.workspace.as_mut() else { return };
        workspace.topics = topics;
        match &workspace.live {
            Some(live) => live.join(workspace.wanted()),
            None => self.start_live(),
        }
    }

    /// Connects the feed anew.
    fn start_live(&mut self) {
        let (Some(workspace), Some(connection)) = (self.workspace.as_mut(), &self.connection) else { return };
        if self.options.realtime {
            let topics = workspace.wanted();
            workspace.live = Some(Live::start(&self.background, connection, workspace.opening, topics));
        }
    }

    /// There is a session: the core may call, and the feed connects.
    pub(super) fn resume_sync(&mut self) {
        let Some(workspace) = self.workspace.as_mut() else { return };
        if self.connection.is_none() {
            return;
        }
        // The core may have been told of channels by a connection that is gone.
        let had_feed = workspace.live.take().is_some();
        let has_topics = !workspace.topics.is_empty();
        if had_feed {
            self.step(Event::Socket { open: false });
        }
        if has_topics {
            self.start_live();
        }
        let scopes = self.workspace.as_ref().map(|workspace| workspace.scopes.clone()).unwrap_or_default();
        self.step(Event::SignedIn { scopes });
    }

    /// There is no session any more; work goes on locally.
    pub(super) fn pause_sync(&mut self) {
        if let Some(workspace) = self.workspace.as_mut() {
            workspace.live = None;
            workspace.wake_at_ms = None;
        }
        self.step(Event::SignedOut);
    }

    /// Everything is tried again now.
    pub(super) fn nudge(&mut self) {
        if let Some(live) = self.workspace.as_ref().and_then(|workspace| workspace.live.as_ref()) {
            live.wake();
        }
        self.step(Event::Nudge);
    }

    /// What is due for the workspace by time alone.
    pub(super) fn workspace_time(&mut self, now: Now) {
        let Some(workspace) = self.workspace.as_mut() else { return };
        if workspace.wake_at_ms.is_some_and(|at| at <= now.mono_ms) {
            workspace.wake_at_ms = None;
            self.step(Event::Tick);
        } else if workspace.retry_at_ms().is_some_and(|at| at <= now.mono_ms) {
            match workspace.reopen() {
                Ok(()) => self.resume_sync(),
                Err(error) => self.store_failed(&error),
            }
        }
    }

    fn rows_changed(&mut self, keys: &[cockpit_sync::RecordKey]) {
        let today = self.options.clock.today();
        let Some(workspace) = self.workspace.as_mut() else { return };
        let followed = self.views.follow(&tasks_among(keys), &workspace.store, today);
        let renamed = workspace.refresh_brief(keys);
        self.pages.tell_changed(keys);
        match renamed {
            Ok(false) => {}
            Ok(true) => self.tell_workspace(),
            Err(error) => tracing::warn!(%error, "the workspace's own row could not be read"),
        }
        if let Err(error) = followed {
            // The rows are written; only the lists have to be asked for again.
            tracing::warn!(%error, "views could not follow a change");
            self.views.invalidate();
        }
    }

    fn phase_changed(&mut self) {
        let Some(workspace) = &self.workspace else { return };
        let phase = workspace.phase().clone();
        if phase == SyncPhase::SignInNeeded
            && let Some(workspace) = self.workspace.as_mut()
        {
            workspace.live = None;
        }
        if let SessionState::Open { sign_in_needed, .. } = &self.session
            && *sign_in_needed != (phase == SyncPhase::SignInNeeded)
        {
            self.tell_workspace();
        }
        if matches!(phase, SyncPhase::Live | SyncPhase::Polling) && self.memberships_stale {
            self.ask_memberships();
        }
    }

    /// The store failed, and nothing of the step happened. What can pass is tried again; a damaged file is not.
    fn store_failed(&mut self, error: &StoreError) {
        let now = self.now();
        match error {
            StoreError::Damaged(_) | StoreError::TooNew => self.break_down(error),
            StoreError::DiskFull | StoreError::ReadOnly | StoreError::Busy | StoreError::Other(_) => {
                if let Some(workspace) = self.workspace.as_mut() {
                    workspace.failed(error, now);
                }
                self.pages.tell_status();
            }
        }
    }

    /// Sends an answer that the profile gives, or why it cannot.
    pub(super) fn stored<T>(result: cockpit_sync::Stored<T>) -> Result<T, AppError> {
        result.map_err(|error| app_error(&error))
    }

    /// The account, if somebody is signed in.
    pub(super) fn connection(&self) -> Result<Connection, AppError> {
        self.connection.clone().ok_or_else(crate::session::sign_in_needed)
    }
}
