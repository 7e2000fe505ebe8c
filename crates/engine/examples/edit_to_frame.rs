//! How long a person's edit takes until the frame that shows it is handed to the window, and how that grows with the number of tasks.
//!
//! `cargo run --release -p cockpit-engine --example edit_to_frame -- [tasks] [edits]` needs no network: it signs in to a hub that it starts
//! itself, fetches everything, stops the hub, and edits offline.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement ends with the first thing that goes wrong"
)]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cockpit_domain::{Command, Frame, Op, RecordId, Reply, SyncPhase, TaskDraft, TaskField, TaskViewSpec};
use cockpit_engine::{Engine, EngineOptions, Host, MemorySecrets, SecretStore, StartUp, WindowLabel};
use cockpit_hub::{DEMO_OWNER, DEMO_PASSWORD, Hub, HubOptions};
use tokio::{runtime::Handle, sync::mpsc};
use uuid::Uuid;

/// Passes frames on, with the moment they came.
struct Window {
    frames: Mutex<mpsc::UnboundedSender<(Instant, Frame)>>,
    secrets: Arc<MemorySecrets>,
}

impl Host for Window {
    fn frame(&self, _: &WindowLabel, frame: Frame) {
        self.frames.lock().unwrap().send((Instant::now(), frame)).unwrap();
    }

    fn secrets(&self) -> Arc<dyn SecretStore> {
        self.secrets.clone()
    }
}

#[tokio::main]
async fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let tasks = arguments.next().unwrap_or(1_000);
    let edits = arguments.next().unwrap_or(300);

    let data = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(data.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let hub = Hub::start(HubOptions { port: 0, ..HubOptions::new(data.path().join("hub")) }).await.unwrap();
    hub.make_demo(tasks).await.unwrap();

    let (sender, mut frames) = mpsc::unbounded_channel();
    let window = Arc::new(Window { frames: Mutex::new(sender), secrets: Arc::default() });
    let engine = Engine::start(EngineOptions::new(data.path().join("profile"), Handle::current()), window).unwrap();
    let main = WindowLabel::new("main").unwrap();
    engine.attach(main.clone(), Uuid::new_v4()).await.unwrap();
    let began = Instant::now();
    engine
        .sign_in_if_needed(StartUp {
            address: hub.url().to_owned(),
            anon_key: None,
            email: DEMO_OWNER.to_owned(),
            password: DEMO_PASSWORD.to_owned(),
        })
        .await
        .unwrap();
    let open = Command::ViewOpen { spec: TaskViewSpec::default(), from: 0, to: 60 };
    let Ok(Reply::View { .. }) = engine.command(main.clone(), open).await else { panic!("no view") };
    next(
        &engine,
        &main,
        &mut frames,
        |op| matches!(op, Op::Sync { status } if matches!(status.phase, SyncPhase::Live | SyncPhase::Polling)),
    )
    .await;
    println!("{tasks} tasks, first copy in {:?}", began.elapsed());
    hub.stop().await.unwrap();

    let id = RecordId(Uuid::now_v7());
    let draft = TaskDraft { id, name: "Measured".to_owned(), set: vec![] };
    engine.command(main.clone(), Command::TaskCreate { draft }).await.unwrap();
    let mut times = Vec::with_capacity(edits);
    for edit in 0..edits {
        // A person types no faster than a picture is shown; so no edit waits for the frame of the one before.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let name = format!("Measured {edit}");
        let began = Instant::now();
        let set = vec![TaskField::Name(name.clone())];
        engine.command(main.clone(), Command::TaskEdit { id, set }).await.unwrap();
        let shown = next(
            &engine,
            &main,
            &mut frames,
            |op| matches!(op, Op::View { rows, .. } if rows.iter().any(|row| row.task.name == name)),
        );
        times.push(shown.await.duration_since(began));
    }
    times.sort_unstable();
    let at = |part: usize| times.get(edits.saturating_sub(1) * part / 100).copied().unwrap_or_default();
    println!("edit to frame: p50 {:?}, p90 {:?}, p99 {:?}", at(50), at(90), at(99));
    engine.shutdown().await;
}

/// Acknowledges frames until one has an operation that is wanted; answers when that one came.
async fn next(
    engine: &Engine,
    window: &WindowLabel,
    frames: &mut mpsc::UnboundedReceiver<(Instant, Frame)>,
    wanted: impl Fn(&Op) -> bool,
) -> Instant {
    loop {
        let (at, frame) = frames.recv().await.unwrap();
        engine.ack(window.clone(), frame.epoch, frame.rev).await;
        if frame.ops.iter().any(&wanted) {
            return at;
        }
    }
}
