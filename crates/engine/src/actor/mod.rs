//! The engine's thread. It alone owns the profile, the open workspace, the views and what windows were told, so that nothing of it needs
//! a lock, and SQLite never blocks the runtime.

mod account;
mod background;
mod commands;
mod message;
mod sync;
mod workspaces;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

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
    window::{Pages, Picture},
    workspace::Workspace,
};

/// How often the clocks are compared, to notice that the machine slept; only while a workspace is connected.
const WATCH_MS: i64 = 5_000;
/// Clocks that have drifted apart by this much in between mean sleep, or a clock that was set.
const SLEPT_MS: i64 = 10_000;
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
            // Taken by the loop.
            Message::Shutdown { .. } => {}
        }
    }

    /// Hands out the frames that are due, then the answers that belong after them.
    fn flush(&mut self) {
        if !self.restoring && self.session != SessionState::Starting {
            for waiting in self.unsettled.drain(..) {
                _ = waiting.send(self.session.clone());
            }
        }
        let now = self.now();
        self.refresh_views(now);
        if self.pages.due_ms().is_some_and(|due| due <= now.mono_ms) {
            let status = self.workspace.as_ref().map(Workspace::status);
            let offset = self.workspace.as_ref().and_then(|workspace| workspace.server_offset_ms);
            let picture = Picture {
                session: &self.session,
                status: status.as_ref(),
                preferences: &self.preferences,
                store: self.workspace.as_ref().map(|workspace| &workspace.store),
                views: &self.views,
                server_now: offset.map(|offset| now.wall_ms.saturating_add(offset)),
            };
            for (window, page) in self.pages.iter_mut() {
                if page.due_ms().is_none_or(|due| due > now.mono_ms) {
                    continue;
                }
                match page.frame(&picture, now.mono_ms) {
                    Ok(Some(frame)) => self.host.frame(window, frame),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%window, %error, "a frame could not be made; it is tried again");
                        page.retry_at(now.mono_ms.saturating_add(1_000));
                    }
                }
            }
        }
        for (answer, result) in self.answers.drain(..) {
            // A window that is gone needs no answer.
            _ = answer.send(result);
        }
    }

    /// Asks again for the ids of stale views. What that costs decides how soon it may be done again, so that a bootstrap with many pages
    /// does not spend its time on lists nobody can read that fast.
    fn refresh_views(&mut self, now: Now) {
        if !self.views.any_stale() || now.mono_ms < self.views_not_before_ms {
            return;
        }
        let today = self.options.clock.today();
        let Some(workspace) = &self.workspace else {
            self.views.empty();
            self.pages.tell_views();
            return;
        };
        match self.views.refresh(&workspace.store, today) {
            Ok(any) if any => self.pages.tell_views(),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a view could not be read; it is tried again"),
        }
        let cost = self.now().mono_ms.saturating_sub(now.mono_ms);
        self.views_not_before_ms = now.mono_ms.saturating_add(cost.saturating_mul(5));
    }

    /// How long nothing has to be done.
    fn wait(&self) -> Duration {
        let now = self.now().mono_ms;
        let workspace = self.workspace.as_ref();
        let views = self.views.any_stale().then_some(self.views_not_before_ms.max(now.saturating_add(1)));
        let watch = workspace.and_then(|one| one.live.as_ref()).map(|_| self.clocks.mono_ms.saturating_add(WATCH_MS));
        let due = [
            self.pages.due_ms(),
            views,
            watch,
            workspace.and_then(|one| one.wake_at_ms),
            workspace.and_then(Workspace::retry_at_ms),
            Some(self.tomorrow_ms),
        ];
        let next = due.into_iter().flatten().min().unwrap_or(i64::MAX);
        Duration::from_millis(u64::try_from(next.saturating_sub(now)).unwrap_or_default())
    }

    /// What is due by time alone.
    fn time_passed(&mut self) {
        let now = self.now();
        let slept = now
            .wall_ms
            .saturating_sub(self.clocks.wall_ms)
            .saturating_sub(now.mono_ms.saturating_sub(self.clocks.mono_ms));
        self.clocks = now;
        if now.mono_ms >= self.tomorrow_ms || slept.abs() >= SLEPT_MS {
            self.expect_tomorrow();
            self.views.invalidate();
        }
        if slept.abs() >= SLEPT_MS {
            tracing::info!(slept_ms = slept, "the clocks drifted apart: the machine slept, or its clock was set");
            self.nudge();
        }
        self.workspace_time(now);
    }

    fn expect_tomorrow(&mut self) {
        let left = i64::try_from(self.options.clock.until_tomorrow().as_millis()).unwrap_or(i64::MAX);
        // At least once an hour, so that a change of the zone or the clock is noticed in time.
        self.tomorrow_ms = self.now().mono_ms.saturating_add(left.min(3_600_000));
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
