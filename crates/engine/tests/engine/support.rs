//! An office (a hub with its data) and desks (an engine with its profile, windows and secrets).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use cockpit_domain::{
    AppError, Command, Frame, RecordId, Reply, TaskDraft, TaskField, TaskFilter, TaskStatus, TaskViewSpec, ViewId,
};
use cockpit_engine::{
    Clock, CoreOptions, Engine, EngineOptions, Host, MemorySecrets, SecretStore, StartUp, SystemClock, WindowLabel,
};
use cockpit_hub::{DEMO_PASSWORD, Hub, HubOptions, Limits};
use cockpit_supabase::{Client, ClientOptions};
use tempfile::TempDir;
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use uuid::Uuid;

use crate::model::Model;

pub(crate) const ADA: &str = cockpit_hub::DEMO_OWNER;
pub(crate) const BEN: &str = cockpit_hub::DEMO_MANAGER;
/// Longer than anything here takes on a busy machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A hub with its data.
pub(crate) struct Office {
    hub: Option<Hub>,
    options: HubOptions,
    pub(crate) url: String,
    _data: TempDir,
}

impl Office {
    /// A hub with the demo people and so many tasks.
    pub(crate) async fn open(tasks: usize) -> Self {
        Self::open_with(tasks, |_| {}).await
    }

    pub(crate) async fn open_with(tasks: usize, change: impl FnOnce(&mut HubOptions)) -> Self {
        install_tls();
        let data = tempfile::tempdir().unwrap();
        make_traversable(&data);
        let mut options = HubOptions { port: 0, ..HubOptions::new(data.path().join("hub")) };
        // A test edits faster than people do, and its hub has no minute of quiet behind it.
        options.limits = Limits::lifted();
        change(&mut options);
        let hub = Hub::start(options.clone()).await.unwrap();
        hub.make_demo(tasks).await.unwrap();
        // The same port again after a restart, as a person's server has.
        options.port = hub.address().port();
        Self { url: hub.url().to_owned(), hub: Some(hub), options, _data: data }
    }

    /// The hub goes away; its data stays.
    pub(crate) async fn close(&mut self) {
        self.hub.take().unwrap().stop().await.unwrap();
    }

    /// The hub comes back on the same address.
    pub(crate) async fn reopen(&mut self) {
        self.hub = Some(Hub::start(self.options.clone()).await.unwrap());
    }
}

/// An engine with its profile, windows and secrets.
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) screen: Arc<Screen>,
    pub(crate) profile: Arc<TempDir>,
    acks: JoinHandle<()>,
}

/// How a desk differs from the usual.
#[derive(Clone)]
pub(crate) struct Habits {
    pub(crate) realtime: bool,
    pub(crate) core: CoreOptions,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Default for Habits {
    fn default() -> Self {
        Self { realtime: true, core: CoreOptions::default(), clock: Arc::new(SystemClock::default()) }
    }
}

impl Habits {
    /// Only asks, and often.
    pub(crate) fn polling() -> Self {
        let core = CoreOptions { poll_without_feed_ms: 200, retry_max_ms: 500, ..CoreOptions::default() };
        Self { realtime: false, core, ..Self::default() }
    }

    /// Only listens: a change that is not told by the feed is not seen within a test.
    pub(crate) fn listening() -> Self {
        let core =
            CoreOptions { poll_ms: 3_600_000, poll_without_feed_ms: 500, retry_max_ms: 500, ..CoreOptions::default() };
        Self { realtime: true, core, ..Self::default() }
    }
}

impl Desk {
    pub(crate) fn new(habits: Habits) -> Self {
        Self::at(Arc::new(tempfile::tempdir().unwrap()), Arc::default(), habits)
    }

    /// The engine of a profile that may have been used before.
    pub(crate) fn at(profile: Arc<TempDir>, secrets: Arc<MemorySecrets>, habits: Habits) -> Self {
        install_tls();
        let (acks, mut due) = mpsc::unbounded_channel();
        let screen = Arc::new(Screen::new(secrets, acks));
        let options = EngineOptions {
            realtime: habits.realtime,
            core: habits.core,
            clock: habits.clock,
            ..EngineOptions::new(profile.path(), Handle::current())
        };
        let engine = Engine::start(options, screen.clone()).unwrap();
        let acking = engine.clone();
        let acks = tokio::spawn(async move {
            while let Some((window, epoch, rev)) = due.recv().await {
                acking.ack(window, epoch, rev).await;
            }
        });
        Self { engine, screen, profile, acks }
    }

    /// A desk whose person is signed in and has everything, with the main window attached.
    pub(crate) async fn signed_in(office: &Office, email: &str, habits: Habits) -> Self {
        Self::signed_in_at(&office.url, email, habits).await
    }

    pub(crate) async fn signed_in_at(url: &str, email: &str, habits: Habits) -> Self {
        let desk = Self::new(habits);
        desk.attach("main").await;
        desk.engine.sign_in_if_needed(start_up(url, email, DEMO_PASSWORD)).await.unwrap();
        desk.wait("main", "everything to be fetched", Model::settled).await;
        desk
    }

    pub(crate) async fn attach(&self, window: &str) {
        self.engine.attach(label(window), Uuid::new_v4()).await.unwrap();
    }

    pub(crate) async fn command(&self, window: &str, command: Command) -> Result<Reply, AppError> {
        self.engine.command(label(window), command).await
    }

    pub(crate) async fn run(&self, command: Command) -> Reply {
        let said = format!("{command:?}");
        self.command("main", command).await.unwrap_or_else(|error| panic!("{said}: {error:?}"))
    }

    /// Opens a view in a window and waits for its first slice.
    pub(crate) async fn view(&self, window: &str, spec: TaskViewSpec, from: u32, to: u32) -> ViewId {
        let Reply::View { view } = self.command(window, Command::ViewOpen { spec, from, to }).await.unwrap() else {
            panic!("no view");
        };
        self.wait(window, "the view", |model| model.shown(view).is_some()).await;
        view
    }

    /// The whole list of living tasks.
    pub(crate) async fn list(&self) -> ViewId {
        self.view("main", TaskViewSpec::default(), 0, 500).await
    }

    pub(crate) async fn create(&self, name: &str) -> RecordId {
        let id = RecordId(Uuid::now_v7());
        self.run(Command::TaskCreate { draft: TaskDraft { id, name: name.into(), set: vec![] } }).await;
        id
    }

    pub(crate) async fn edit(&self, id: RecordId, field: TaskField) {
        self.run(Command::TaskEdit { id, set: vec![field] }).await;
    }

    /// Waits until a window's model is as wanted.
    pub(crate) async fn wait(&self, window: &str, what: &str, is: impl Fn(&Model) -> bool) -> Model {
        let mut changes = self.screen.changed.subscribe();
        let reached = tokio::time::timeout(PATIENCE, async {
            loop {
                changes.borrow_and_update();
                let model = self.screen.model(window);
                assert_eq!(model.gaps, 0, "{window} got a frame that does not follow on what it held");
                if is(&model) {
                    return model;
                }
                changes.changed().await.unwrap();
            }
        });
        match reached.await {
            Ok(model) => model,
            Err(_) => {
                let Model { session, sync, views, rows, notices, .. } = self.screen.model(window);
                panic!(
                    "{window} waited in vain for {what}: {session:?}\n{sync:?}\n{notices:?}\n{} views, {} rows",
                    views.len(),
                    rows.len()
                )
            }
        }
    }

    /// Ends as a process that is killed does: nobody is told.
    pub(crate) async fn kill(self) -> (Arc<TempDir>, Arc<MemorySecrets>) {
        let (profile, secrets) = (self.profile.clone(), self.screen.secrets.clone());
        drop(self);
        // The thread frees the profile's lock as its last act, as the system does for a killed process.
        let lock = std::fs::File::open(profile.path().join("profile.lock")).unwrap();
        tokio::task::spawn_blocking(move || lock.lock()).await.unwrap().unwrap();
        (profile, secrets)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.acks.abort();
    }
}

/// The windows of a desk.
pub(crate) struct Screen {
    models: Mutex<BTreeMap<String, Model>>,
    changed: watch::Sender<u64>,
    acks: mpsc::UnboundedSender<(WindowLabel, u64, u64)>,
    pub(crate) secrets: Arc<MemorySecrets>,
    /// Windows that acknowledge nothing.
    pub(crate) hidden: Mutex<Vec<String>>,
}

impl Screen {
    fn new(secrets: Arc<MemorySecrets>, acks: mpsc::UnboundedSender<(WindowLabel, u64, u64)>) -> Self {
        Self { models: Mutex::default(), changed: watch::Sender::new(0), acks, secrets, hidden: Mutex::default() }
    }

    pub(crate) fn model(&self, window: &str) -> Model {
        self.models.lock().unwrap().get(window).cloned().unwrap_or_default()
    }
}

impl Host for Screen {
    fn frame(&self, window: &WindowLabel, frame: Frame) {
        let (epoch, rev) = (frame.epoch, frame.rev);
        self.models.lock().unwrap().entry(window.to_string()).or_default().apply(frame);
        if !self.hidden.lock().unwrap().iter().any(|hidden| hidden == window.as_str()) {
            // After the desk is gone nobody acknowledges.
            drop(self.acks.send((window.clone(), epoch, rev)));
        }
        self.changed.send_modify(|count| *count += 1);
    }

    fn secrets(&self) -> Arc<dyn SecretStore> {
        self.secrets.clone()
    }
}

pub(crate) fn start_up(url: &str, email: &str, password: &str) -> StartUp {
    StartUp { address: url.into(), anon_key: None, email: email.into(), password: password.into() }
}

pub(crate) fn label(window: &str) -> WindowLabel {
    WindowLabel::new(window).unwrap()
}

pub(crate) fn with_status(status: TaskStatus) -> TaskViewSpec {
    TaskViewSpec { filter: TaskFilter { statuses: vec![status], ..TaskFilter::default() }, ..TaskViewSpec::default() }
}

/// A client of the office as one of its people, with their token.
pub(crate) async fn client_of(office: &Office, email: &str) -> (Client, String) {
    let client = |anon_key: &str| {
        let (url, timeout) = (office.url.parse().unwrap(), Duration::from_secs(10));
        Client::new(ClientOptions { url, anon_key: anon_key.into(), timeout }).unwrap()
    };
    let info: serde_json::Value = client("").get_json("hub/v1/info", None).await.unwrap();
    let client = client(info["anon_key"].as_str().unwrap());
    let session = client.auth().sign_in_with_password(email, DEMO_PASSWORD).await.unwrap();
    (client, session.access_token.expose().to_owned())
}

fn install_tls() {
    // The second test of the process finds it installed.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Tests may run as root, and then PostgreSQL runs as another user, who has to get through to its data.
fn make_traversable(data: &TempDir) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}
