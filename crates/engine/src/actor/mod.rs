//! The engine's thread. It alone owns the profile, the open workspace, the views and what windows were told, so that nothing of it needs
//! a lock, and SQLite never blocks the runtime.

mod account;
mod background;
mod commands;
mod frames;
mod message;
mod presence;
mod sync;
mod timing;
mod workspaces;

use std::{collections::BTreeMap, sync::Arc};

use cockpit_domain::{AppError, Reply, SessionState};
use cockpit_store::{Profile, app_error};
use cockpit_sync::{Now, StoreError};
use serde_json::Value;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

pub(crate) use background::Background;
pub use message::Census;
pub(crate) use message::{Answer, Message};

use crate::{
    EngineOptions, Host,
    session::{Connection, Membership},
    view::Views,
    window::Pages,
    workspace::Workspace,
};

/// Messages taken in a row before frames are looked at.
const BURST: usize = 64;

/// The engine's thread.
pub(crate) struct Actor {
    options: EngineOptions,
    host: Arc<dyn Host>,
    background: Background,
    profile: Option<Profile>,
    preferences: BTreeMap<String, Value>,
    session: SessionState,
    connection: Option<Connection>,
    memberships: Vec<Membership>,
    /// The list of workspaces is older than this start, or than the last change of it.
    memberships_stale: bool,
    workspace: Option<Workspace>,
    openings: u64,
    pages: Pages,
    views: Views,
    /// Views that cost much to ask for again are not asked for at every frame.
    views_not_before_ms: i64,
    tomorrow_ms: i64,
    clocks: Now,
    /// Whether the kept session is still being looked for, and who waits for that.
    restoring: bool,
    unsettled: Vec<oneshot::Sender<SessionState>>,
    /// Answers that go out after the frames they belong to.
    answers: Vec<(Answer, Result<Reply, AppError>)>,
}

impl Actor {
    pub(crate) fn new(options: EngineOptions, host: Arc<dyn Host>, background: Background) -> Self {
        let clocks = options.clock.now();
        Self {
            options,
            host,
            background,
            profile: None,
            preferences: BTreeMap::new(),
            session: SessionState::Starting,
            connection: None,
            memberships: Vec::new(),
            memberships_stale: false,
            workspace: None,
            openings: 0,
            pages: Pages::default(),
            views: Views::default(),
            views_not_before_ms: 0,
            tomorrow_ms: 0,
            clocks,
            restoring: false,
            unsettled: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Runs until the engine ends.
    pub(crate) fn run(mut self, handle: &Handle, mut messages: mpsc::Receiver<Message>, end: &CancellationToken) {
        self.expect_tomorrow();
        self.start();
        loop {
            self.flush();
            let wait = self.wait();
            let first = handle.block_on(async {
                tokio::select! {
                    biased;
                    () = end.cancelled() => Wake::End,
                    message = messages.recv() => message.map_or(Wake::End, |message| Wake::Message(Box::new(message))),
                    () = tokio::time::sleep(wait) => Wake::Time,
                }
            });
            let mut next = match first {
                Wake::End => break,
                Wake::Time => None,
                Wake::Message(message) => Some(*message),
            };
            self.time_passed();
            for _ in 0..BURST {
                match next.take() {
                    Some(Message::Shutdown { answer }) => {
                        self.flush();
                        self.workspace = None;
                        self.profile = None;
                        // Whoever asked may have stopped waiting.
                        _ = answer.send(());
                        return;
                    }
                    Some(message) => self.take(message),
                    None => break,
                }
                next = messages.try_recv().ok();
            }
            if let Some(message) = next {
                self.take(message);
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Attach { window, nonce, answer } => {
                let (epoch, open) = self.pages.attach(window, nonce);
                open.iter().for_each(|spec| self.views.close(spec));
                _ = answer.send(epoch);
            }
            Message::Detach { window, epoch } => {
                let open = self.pages.detach(&window, epoch);
                open.iter().for_each(|spec| self.views.close(spec));
                if self.pages.get_mut(&window).is_none() {
                    self.window_left(&window);
                }
            }
            Message::Ack { window, epoch, rev } => self.pages.acknowledge(&window, epoch, rev),
            Message::Command { window, command, answer } => self.command(window, command, answer),
            Message::Session { answer } => self.unsettled.push(answer),
            Message::Census { answer } => {
                _ = answer.send(Census { windows: self.pages.iter_mut().count(), views: self.views.len() });
            }
            Message::SignedIn { outcome, answer } => self.signed_in(outcome, answer),
            Message::Restored { account, outcome } => self.restored(account, outcome),
            Message::Memberships { account, outcome, open } => self.memberships_came(account, outcome, open),
            Message::SignedOut { answer } => self.answer(answer, Ok(Reply::Done)),
            Message::Sync { opening, event } => {
                if self.workspace.as_ref().is_some_and(|workspace| workspace.opening == opening) {
                    self.step(event);
                }
            }
            Message::Heard { opening, heard } => {
                if self.workspace.as_ref().is_some_and(|workspace| workspace.opening == opening) {
                    self.heard(heard);
                }
            }
            // Taken by the loop.
            Message::Shutdown { .. } => {}
        }
    }

    fn now(&self) -> Now {
        self.options.clock.now()
    }

    /// Answers after the next frames.
    fn answer(&mut self, answer: Answer, result: Result<Reply, AppError>) {
        self.answers.push((answer, result));
    }

    fn set_session(&mut self, session: SessionState) {
        if self.session != session {
            self.session = session;
            self.pages.tell_session();
        }
    }

    /// The local data cannot be used.
    fn break_down(&mut self, error: &StoreError) {
        tracing::error!(%error, "the local data cannot be opened");
        self.close_workspace();
        self.set_session(SessionState::Broken { error: app_error(error) });
    }
}

enum Wake {
    End,
    Time,
    Message(Box<Message>),
}
