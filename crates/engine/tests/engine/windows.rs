//! Windows of one engine: they agree, they are patched and not flooded, and they leave nothing behind.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use cockpit_domain::{
    Command, DueFilter, ErrorCode, Priority, RecordId, TaskField, TaskFilter, TaskOrder, TaskSort, TaskStatus,
    TaskViewSpec,
};
use cockpit_engine::{Census, Clock, Now, SystemClock};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;
use uuid::Uuid;

use crate::{
    model::Model,
    support::{ADA, Desk, Habits, Office, label, with_status},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_agree_after_random_commands() {
    let mut office = Office::open(60).await;
    let desk = Desk::signed_in(&office, ADA, Habits::polling()).await;
    desk.attach("main-2").await;
    let specs = [
        TaskViewSpec::default(),
        with_status(TaskStatus::Open),
        TaskViewSpec { order: TaskOrder { by: TaskSort::Name, descending: true }, ..with_status(TaskStatus::Done) },
        TaskViewSpec { order: TaskOrder { by: TaskSort::Updated, descending: true }, ..TaskViewSpec::default() },
        TaskViewSpec { order: TaskOrder { by: TaskSort::Due, descending: false }, ..TaskViewSpec::default() },
    ];
    let mut views = Vec::new();
    for spec in &specs {
        views.push((
            spec.clone(),
            desk.view("main", spec.clone(), 0, 500).await,
            desk.view("main-2", spec.clone(), 0, 500).await,
        ));
    }
    // A small slice in the middle moves while everything changes around it.
    let moving = desk.view("main-2", TaskViewSpec::default(), 10, 20).await;

    let mut rng = StdRng::seed_from_u64(7);
    let mut ids: Vec<RecordId> = desk.screen.model("main").rows.keys().copied().collect();
    for round in 0..150 {
        let id = *ids.choose(&mut rng).unwrap();
        let command = match rng.random_range(0..10) {
            0 | 1 => {
                ids.push(desk.create(&format!("Aufgabe {round} – übrig")).await);
                continue;
            }
            2 => Command::TaskDelete { id },
            3 => Command::TaskRestore { id },
            4 => Command::Undo,
            5 => Command::Redo,
            6 => set(id, TaskField::Status(*[TaskStatus::Open, TaskStatus::Done].choose(&mut rng).unwrap())),
            7 => set(id, TaskField::Priority(*[Priority::Low, Priority::Urgent].choose(&mut rng).unwrap())),
            8 => {
                let from = rng.random_range(0..60);
                desk.command("main-2", Command::ViewMove { view: moving, from, to: from + 10 }).await.unwrap();
                continue;
            }
            _ => set(id, TaskField::Name(format!("Zeile {}", rng.random_range(0..1000)))),
        };
        // What cannot be done at the moment (nothing to redo, already deleted) is refused, and that is all.
        if let Err(error) = desk.command("main", command.clone()).await {
            assert!(
                matches!(
                    error.code,
                    ErrorCode::NothingToUndo | ErrorCode::NotFound | ErrorCode::Invalid | ErrorCode::Conflict
                ),
                "{command:?}: {error:?}"
            );
        }
    }
    desk.wait("main", "everything to be confirmed", Model::settled).await;
    desk.wait("main-2", "everything to be confirmed", Model::settled).await;

    for (spec, first, second) in &views {
        // A view that is opened now is read from the store afresh.
        let fresh = desk.view("main", TaskViewSpec { filter: spec.filter.clone(), ..spec.clone() }, 0, 500).await;
        let tasks = |model: &Model, view| model.shown(view).map(|rows| rows.into_iter().cloned().collect::<Vec<_>>());
        let truth = desk.wait("main", "a fresh look", |model| tasks(model, fresh) == tasks(model, *first)).await;
        let truth = tasks(&truth, fresh);
        assert!(truth.as_ref().is_some_and(|rows| !rows.is_empty()), "an empty list proves nothing: {spec:?}");
        desk.wait("main-2", "agreement", |model| tasks(model, *second) == truth).await;
    }
    let (whole, part) = (views[0].2, moving);
    desk.wait("main-2", "the moved slice", |model| {
        let (whole, part) = (&model.views[&whole], &model.views[&part]);
        let from = usize::try_from(part.from).unwrap();
        whole.ids.get(from..from + part.ids.len()) == Some(&part.ids) && model.shown(moving).is_some()
    })
    .await;
    desk.engine.shutdown().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_leaks_no_view_and_equal_views_are_one() {
    let mut office = Office::open(5).await;
    let desk = Desk::signed_in(&office, ADA, Habits::polling()).await;
    desk.attach("main-2").await;
    for _ in 0..20 {
        desk.attach("main").await;
        desk.list().await;
        desk.view("main", with_status(TaskStatus::Open), 0, 50).await;
        desk.view("main-2", TaskViewSpec::default(), 0, 50).await;
    }
    assert_eq!(desk.engine.census().await.unwrap(), Census { windows: 2, views: 2 });
    desk.engine.detach(label("main-2"), None).await;
    assert_eq!(desk.engine.census().await.unwrap(), Census { windows: 1, views: 2 });
    desk.attach("main").await;
    assert_eq!(desk.engine.census().await.unwrap(), Census { windows: 1, views: 0 });
    desk.engine.shutdown().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_old_page_does_not_detach_the_new_one() {
    let desk = Desk::new(Habits::polling());
    // The same page may attach twice, when it has lost its place.
    let page = Uuid::new_v4();
    let old = desk.engine.attach(label("main"), page).await.unwrap();
    let new = desk.engine.attach(label("main"), page).await.unwrap();
    desk.engine.detach(label("main"), Some(old)).await;
    assert_eq!(desk.engine.census().await.unwrap().windows, 1);
    desk.engine.detach(label("main"), Some(new)).await;
    assert_eq!(desk.engine.census().await.unwrap().windows, 0);
    desk.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_acknowledges_nothing_gets_no_flood_and_then_a_snapshot() {
    let mut office = Office::open(5).await;
    let desk = Desk::signed_in(&office, ADA, Habits::polling()).await;
    let list = desk.list().await;
    desk.screen.hidden.lock().unwrap().push("main".into());
    let id = desk.create("Seen by nobody yet").await;
    let before = desk.screen.model("main");
    for number in 0..50 {
        desk.edit(id, TaskField::Name(format!("Name {number}"))).await;
    }
    let after = desk.screen.model("main");
    // On a slow machine the edits take longer than the window is waited for, and a snapshot comes in between.
    let during = (after.frames - before.frames) - (after.snapshots - before.snapshots);
    assert!(during <= 1, "{during} frames went to a window that acknowledged none");
    let model = desk.wait("main", "a snapshot", |model| model.snapshots > before.snapshots).await;
    assert_eq!(model.named(list, "Name 49").map(|row| row.task.id), Some(id), "the snapshot is the state of now");
    desk.engine.shutdown().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_are_shared_by_windows_and_outlive_a_restart() {
    let desk = Desk::new(Habits::polling());
    desk.attach("main").await;
    desk.attach("main-2").await;
    desk.run(Command::PreferenceSet { key: "theme".into(), value: json!("dark") }).await;
    desk.run(Command::PreferenceSet { key: "sidebar".into(), value: json!({ "open": false }) }).await;
    desk.run(Command::PreferenceSet { key: "sidebar".into(), value: json!(null) }).await;
    let model = desk.wait("main-2", "the preference", |model| model.preferences.contains_key("theme")).await;
    assert_eq!(model.preferences.get("theme"), Some(&json!("dark")));
    let error =
        desk.command("main", Command::PreferenceSet { key: "k".repeat(65), value: json!(1) }).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid);
    let (profile, secrets) = desk.kill().await;

    let desk = Desk::at(profile, secrets, Habits::polling());
    desk.attach("main").await;
    let model = desk.wait("main", "the preference", |model| !model.preferences.is_empty()).await;
    assert_eq!(model.preferences, [("theme".to_owned(), json!("dark"))].into());
    desk.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_may_only_send_what_its_kind_may() {
    let desk = Desk::new(Habits::polling());
    let error = desk.command("quick-add", Command::SignOut { discard_unsent: true }).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::CommandNotAllowed);
    let error = desk.command("main", Command::Undo).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NoWorkspace);
    tokio::time::timeout(Duration::from_secs(10), desk.engine.shutdown()).await.unwrap();
    assert!(desk.command("main", Command::Undo).await.is_err(), "an engine that has ended answers nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_what_is_due_today_changes_with_the_day() {
    let mut office = Office::open(3).await;
    let clock = Arc::new(Movable::default());
    let desk = Desk::signed_in(&office, ADA, Habits { clock: clock.clone(), ..Habits::polling() }).await;
    let filter = TaskFilter { due: Some(DueFilter::Today), text: Some("Tomorrow".into()), ..TaskFilter::default() };
    let due = desk.view("main", TaskViewSpec { filter, ..TaskViewSpec::default() }, 0, 50).await;
    let id = desk.create("Tomorrow's call").await;
    let tomorrow = clock.today().tomorrow().unwrap();
    desk.edit(id, TaskField::DueDate(Some(tomorrow))).await;
    desk.wait("main", "confirmation", Model::settled).await;
    assert_eq!(desk.screen.model("main").views[&due].count, 0);

    clock.ahead_ms.store(24 * 3_600_000, Ordering::Relaxed);
    desk.wait("main", "the new day", |model| model.named(due, "Tomorrow's call").is_some()).await;
    desk.engine.shutdown().await;
    office.close().await;
}

/// The real clocks, moved ahead: a machine that has slept.
#[derive(Default)]
struct Movable {
    real: SystemClock,
    ahead_ms: AtomicI64,
}

impl Clock for Movable {
    fn now(&self) -> Now {
        let now = self.real.now();
        Now { wall_ms: now.wall_ms + self.ahead_ms.load(Ordering::Relaxed), ..now }
    }

    fn zone(&self) -> jiff::tz::TimeZone {
        self.real.zone()
    }
}

fn set(id: RecordId, field: TaskField) -> Command {
    Command::TaskEdit { id, set: vec![field] }
}
