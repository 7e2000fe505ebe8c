//! The handle on the engine.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use cockpit_domain::{AppError, Command, Reply, SessionState};
use cockpit_sync::CoreOptions;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::{
    Clock, Host, SystemClock, WindowLabel,
    actor::{Actor, Background, Census, Message},
    session::{complete, internal},
};

/// Requests that wait for the engine's thread; whoever has one more waits for a place.
const WAITING: usize = 1024;
/// How long a shutdown waits for what is under way.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// What the engine needs to know.
#[derive(Clone)]
pub struct EngineOptions {
    /// The folder of the profile; made when it is not there.
    pub profile_dir: PathBuf,
    /// Where network tasks run.
    pub runtime: Handle,
    /// The clocks of the machine.
    pub clock: Arc<dyn Clock>,
    /// Whether to listen to the feed. Without it the engine asks every few seconds: slower, and just as right.
    pub realtime: bool,
    /// How the sync core behaves; its seed is replaced by a random one.
    pub core: CoreOptions,
}

impl EngineOptions {
    /// The usual behaviour, with the profile in `profile_dir`.
    pub fn new(profile_dir: impl Into<PathBuf>, runtime: Handle) -> Self {
        Self {
            profile_dir: profile_dir.into(),
            runtime,
            clock: Arc::new(SystemClock::default()),
            realtime: true,
            core: CoreOptions::default(),
        }
    }
}

impl fmt::Debug for EngineOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineOptions")
            .field("profile_dir", &self.profile_dir)
            .field("realtime", &self.realtime)
            .finish_non_exhaustive()
    }
}

/// An account to be signed in with at the start, as a command line names it.
#[derive(Clone)]
pub struct StartUp {
    /// Address of the server as typed.
    pub address: String,
    /// The key of a Supabase project; a hub tells its own.
    pub anon_key: Option<String>,
    /// The account.
    pub email: String,
    /// Kept nowhere.
    pub password: String,
}

impl StartUp {
    /// The account that a command line names, its password read from the first line of a file: other users can read command lines.
    ///
    /// # Errors
    /// When the file cannot be read; the message names it.
    pub fn with_password_file(
        address: &str,
        anon_key: Option<&str>,
        email: &str,
        file: &Path,
    ) -> std::io::Result<Self> {
        let text = fs::read_to_string(file).map_err(|error| {
            std::io::Error::new(error.kind(), format!("{} cannot be read: {error}", file.display()))
        })?;
        let password = text.lines().next().unwrap_or_default().to_owned();
        Ok(Self {
            address: address.to_owned(),
            anon_key: anon_key.map(str::to_owned),
            email: email.to_owned(),
            password,
        })
    }
}

/// A handle on the engine. Cloning shares it; when the last one is dropped the engine ends by itself.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    messages: mpsc::Sender<Message>,
    background: Background,
    // A plain mutex: it is held to take the handle out once.
    thread: Mutex<Option<JoinHandle<()>>>,
    _end: DropGuard,
}

impl Engine {
    /// Starts the engine: its thread opens the profile and, before any network, the workspace that was open last. A profile that cannot be
    /// opened is told as [`SessionState::Broken`].
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(options: EngineOptions, host: Arc<dyn Host>) -> std::io::Result<Self> {
        let (messages, queue) = mpsc::channel(WAITING);
        let end = CancellationToken::new();
        let runtime = options.runtime.clone();
        let background = Background::new(runtime.clone(), end.clone(), messages.clone());
        let actor = Actor::new(options, host, background.clone());
        let watched = end.clone();
        let thread = std::thread::Builder::new()
            .name("cockpit-engine".into())
            .spawn(move || actor.run(&runtime, queue, &watched))?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { shared: Arc::new(Shared { messages, background, thread, _end: end.drop_guard() }) })
    }

    /// A page of a window begins; a snapshot follows, and the former page of that window, with its views, is forgotten. `nonce` is new with
    /// every page load. Answers the epoch of its frames.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn attach(&self, window: WindowLabel, nonce: Uuid) -> Result<u64, AppError> {
        self.ask(|answer| Message::Attach { window, nonce, answer }).await
    }

    /// A window is gone; with an epoch only if no later attachment has taken its place.
    pub async fn detach(&self, window: WindowLabel, epoch: Option<u64>) {
        self.tell(Message::Detach { window, epoch }).await;
    }

    /// A page shows everything up to `rev` of `epoch`.
    pub async fn ack(&self, window: WindowLabel, epoch: u64, rev: u64) {
        self.tell(Message::Ack { window, epoch, rev }).await;
    }

    /// Carries out a command of a window.
    ///
    /// # Errors
    /// Why it was not carried out; nothing happened then.
    pub async fn command(&self, window: WindowLabel, command: Command) -> Result<Reply, AppError> {
        self.ask(|answer| Message::Command { window: Some(window), command, answer }).await?
    }

    /// Where the app stands, once it is known whether there is a kept session.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn session(&self) -> Result<SessionState, AppError> {
        self.ask(|answer| Message::Session { answer }).await
    }

    /// How much is held for windows.
    ///
    /// # Errors
    /// When the engine has ended.
    pub async fn census(&self) -> Result<Census, AppError> {
        self.ask(|answer| Message::Census { answer }).await
    }

    /// Signs in unless that account is signed in already.
    ///
    /// # Errors
    /// As a sign-in by hand. Offline, a workspace of the account that is known here stays open and editable all the same.
    pub async fn sign_in_if_needed(&self, wanted: StartUp) -> Result<(), AppError> {
        let address = complete(&wanted.address)?;
        let session = self.session().await?;
        let is_this = |at: &str, who: &str| at == address.as_str() && who.eq_ignore_ascii_case(wanted.email.trim());
        let signed_in = match &session {
            SessionState::Open { address, email, sign_in_needed: false, .. } => is_this(address, email),
            SessionState::Choosing { address, email, .. } => is_this(address, email),
            SessionState::Broken { error } => return Err(error.clone()),
            _ => false,
        };
        if signed_in {
            return Ok(());
        }
        let StartUp { address, anon_key, email, password } = wanted;
        // A certificate is trusted by a person who sees it; one that was trusted before holds.
        let command = Command::SignIn { address, anon_key, email, password, certificate: None };
        self.ask(|answer| Message::Command { window: None, command, answer }).await?.map(drop)
    }

    /// Ends the engine: what was asked before is carried out, the connection is closed, and no task is left. Waits for at most ten seconds.
    pub async fn shutdown(&self) {
        let asked = tokio::time::timeout(SHUTDOWN, self.ask(|answer| Message::Shutdown { answer })).await;
        if asked.is_err() {
            tracing::warn!("the engine's thread is busy and is left behind");
        }
        if tokio::time::timeout(SHUTDOWN, self.shared.background.close()).await.is_err() {
            tracing::warn!("network tasks did not end in time");
        }
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && matches!(asked, Ok(Ok(())))
        {
            // It has answered that it ends, so this waits for next to nothing.
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the engine's thread ended by a panic");
            }
        }
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, AppError> {
        let (answer, answered) = oneshot::channel();
        self.tell(message(answer)).await;
        answered.await.map_err(|_| internal("the engine has ended"))
    }

    async fn tell(&self, message: Message) {
        // An error only says that the engine has ended; whoever waits for an answer sees that.
        drop(self.shared.messages.send(message).await);
    }
}
