//! An engine with one window that takes every frame at once.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use cockpit_domain::{Command, Frame, Op, Reply, SyncPhase, TaskViewSpec};
use cockpit_engine::{Engine, EngineOptions, Host, MemorySecrets, SecretStore, StartUp, WindowLabel};
use cockpit_hub::DEMO_PASSWORD;
use tokio::{runtime::Handle, sync::mpsc};
use uuid::Uuid;

use crate::hub::Office;

/// Longer than anything here may take; a measurement that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Passes frames on, with the moment they came.
struct Window {
    // A plain mutex: it is held to send, which never waits.
    frames: Mutex<mpsc::UnboundedSender<(Instant, Frame)>>,
    secrets: Arc<MemorySecrets>,
}

impl Host for Window {
    fn frame(&self, _: &WindowLabel, frame: Frame) {
        let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        // Fails only after the desk is gone.
        drop(frames.send((Instant::now(), frame)));
    }

    fn secrets(&self) -> Arc<dyn SecretStore> {
        self.secrets.clone()
    }
}

/// An engine that runs.
pub(super) struct Desk {
    engine: Engine,
    window: WindowLabel,
    frames: mpsc::UnboundedReceiver<(Instant, Frame)>,
    secrets: Arc<MemorySecrets>,
    started: Instant,
    live: bool,
    /// From signing in until everything was here; only of a desk that was opened.
    pub(super) took: Duration,
}

impl Desk {
    /// Starts the engine of a profile.
    pub(super) fn start(profile: &Path, secrets: Arc<MemorySecrets>) -> Result<Self> {
        let (sender, frames) = mpsc::unbounded_channel();
        let window = Arc::new(Window { frames: Mutex::new(sender), secrets: secrets.clone() });
        let started = Instant::now();
        let engine = Engine::start(EngineOptions::new(profile, Handle::current()), window)?;
        let window = WindowLabel::new("main").context("no such label")?;
        Ok(Self { engine, window, frames, secrets, started, live: false, took: Duration::ZERO })
    }

    /// Starts it, signs in when nobody is, opens the list, and waits until everything is here.
    pub(super) async fn open(
        office: &Office,
        email: &str,
        profile: &Path,
        secrets: Option<Arc<MemorySecrets>>,
    ) -> Result<Self> {
        let mut desk = Self::start(profile, secrets.unwrap_or_default())?;
        desk.engine.attach(desk.window.clone(), Uuid::new_v4()).await?;
        let began = Instant::now();
        let (address, password) = (office.hub.url().to_owned(), DEMO_PASSWORD.to_owned());
        desk.engine.sign_in_if_needed(StartUp { address, anon_key: None, email: email.to_owned(), password }).await?;
        desk.list().await?;
        desk.settled().await?;
        desk.took = began.elapsed();
        Ok(desk)
    }

    /// Opens the list as a page does as soon as it is loaded, and answers how long it took from the start to its first rows; then ends.
    pub(super) async fn first_rows(mut self) -> Result<Duration> {
        self.engine.attach(self.window.clone(), Uuid::new_v4()).await?;
        self.engine.session().await?;
        self.list().await?;
        let at = self.until(|op| matches!(op, Op::View { rows, .. } if !rows.is_empty())).await?;
        let time = at.duration_since(self.started);
        self.close().await;
        Ok(time)
    }

    /// How long it took from the start until a task of that name was shown.
    pub(super) async fn shows(&mut self, name: &str) -> Result<Duration> {
        self.engine.attach(self.window.clone(), Uuid::new_v4()).await?;
        self.engine.session().await?;
        self.list().await?;
        Ok(self.frame_with(name).await?.duration_since(self.started))
    }

    /// Waits for the frame in which a task has that name, and answers when it came.
    pub(super) async fn frame_with(&mut self, name: &str) -> Result<Instant> {
        let found =
            self.until(|op| matches!(op, Op::View { rows, .. } if rows.iter().any(|row| row.task.name == name)));
        found.await.with_context(|| format!("no frame with “{name}”"))
    }

    /// Waits until changes arrive as they happen.
    pub(super) async fn live(&mut self) -> Result<()> {
        if !self.live {
            self.until(|op| matches!(op, Op::Sync { status } if status.phase == SyncPhase::Live)).await?;
        }
        Ok(())
    }

    /// Takes the frames that have come.
    pub(super) async fn drain(&mut self) {
        while let Ok((_, frame)) = self.frames.try_recv() {
            self.engine.ack(self.window.clone(), frame.epoch, frame.rev).await;
        }
    }

    pub(super) async fn command(&self, command: Command) -> Result<Reply> {
        Ok(self.engine.command(self.window.clone(), command).await?)
    }

    /// Ends it; what it keeps in the keyring stays for the next start.
    pub(super) async fn close(self) -> Arc<MemorySecrets> {
        self.engine.shutdown().await;
        self.secrets
    }

    async fn list(&self) -> Result<()> {
        match self.command(Command::ViewOpen { spec: TaskViewSpec::default(), from: 0, to: 60 }).await? {
            Reply::View { .. } => Ok(()),
            other => bail!("no view but {other:?}"),
        }
    }

    async fn settled(&mut self) -> Result<()> {
        self.until(
            |op| matches!(op, Op::Sync { status } if matches!(status.phase, SyncPhase::Live | SyncPhase::Polling)),
        )
        .await
        .map(drop)
    }

    /// Acknowledges frames until one has an operation that is wanted; answers when that one came.
    async fn until(&mut self, wanted: impl Fn(&Op) -> bool) -> Result<Instant> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let next =
                tokio::time::timeout_at(deadline, self.frames.recv()).await.context("waited in vain for a frame")?;
            let (at, frame) = next.context("the engine has ended")?;
            self.engine.ack(self.window.clone(), frame.epoch, frame.rev).await;
            self.live |=
                frame.ops.iter().any(|op| matches!(op, Op::Sync { status } if status.phase == SyncPhase::Live));
            if frame.ops.iter().any(&wanted) {
                return Ok(at);
            }
        }
    }
}
