//! Two people in one workspace see the same.

use cockpit_domain::{Command, Reply, SyncPhase, TaskField, TaskStatus, TaskViewSpec};

use crate::{
    model::Model,
    support::{ADA, BEN, Desk, Habits, Office, with_status},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_converge_by_polling_alone() {
    let office = Office::open(20).await;
    follow_each_other(&office, Habits::polling()).await;
    office_closes(office).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_converge_by_the_feed_alone() {
    let office = Office::open(20).await;
    follow_each_other(&office, Habits::listening()).await;
    office_closes(office).await;
}

/// One lost hint among many is found late, by a timer; here there is none for an hour.
#[tokio::test(flavor = "multi_thread")]
async fn no_hint_of_the_feed_is_lost() {
    let office = Office::open(20).await;
    let ada = Desk::signed_in(&office, ADA, Habits::listening()).await;
    let ben = Desk::signed_in(&office, BEN, Habits::listening()).await;
    let (adas, bens) = (ada.list().await, ben.list().await);
    for desk in [&ada, &ben] {
        desk.wait("main", "the feed", |model| model.phase() == Some(SyncPhase::Live)).await;
    }
    let id = ada.create("0").await;
    ben.wait("main", "the new task", |model| model.named(bens, "0").is_some()).await;
    for n in 1..=100 {
        let name = n.to_string();
        // By turns, so that no one's own push is what the other's change comes with; each third time both at once.
        let (writer, reader, list) = if n % 2 == 0 { (&ada, &ben, bens) } else { (&ben, &ada, adas) };
        writer.edit(id, TaskField::Name(name.clone())).await;
        if n % 3 == 0 {
            reader.edit(id, TaskField::Billable(n % 2 == 0)).await;
        }
        reader.wait("main", &format!("change {n}"), |model| model.named(list, &name).is_some()).await;
    }
    agree(&ada, &ben).await;
    ada.engine.shutdown().await;
    ben.engine.shutdown().await;
    office_closes(office).await;
}

async fn office_closes(mut office: Office) {
    office.close().await;
}

/// Create, edit, complete, delete, undo and redo in one appear in the other.
async fn follow_each_other(office: &Office, habits: Habits) {
    let ada = Desk::signed_in(office, ADA, habits.clone()).await;
    let ben = Desk::signed_in(office, BEN, habits.clone()).await;
    let (adas, bens) = (ada.list().await, ben.list().await);
    if habits.realtime {
        for desk in [&ada, &ben] {
            desk.wait("main", "the feed", |model| model.phase() == Some(SyncPhase::Live)).await;
        }
    }
    let before = ben.screen.model("main").views[&bens].count;

    let id = ada.create("Größere Fenster bestellen").await;
    let seen = ben.wait("main", "the new task", |model| model.named(bens, "Größere Fenster bestellen").is_some()).await;
    assert_eq!(seen.views[&bens].count, before + 1);
    assert_eq!(seen.views[&bens].ids.first(), Some(&id), "a new task comes first");
    ada.wait("main", "its confirmation", |model| model.settled() && model.rows[&id].task.version > 0).await;

    ben.edit(id, TaskField::Name("Fenster bestellen".into())).await;
    ada.wait("main", "the edit", |model| model.named(adas, "Fenster bestellen").is_some()).await;

    ada.edit(id, TaskField::Status(TaskStatus::Done)).await;
    ben.wait("main", "the completion", |model| model.rows[&id].task.status == TaskStatus::Done).await;

    ben.run(Command::TaskDelete { id }).await;
    ada.wait("main", "the deletion", |model| !model.views[&adas].ids.contains(&id)).await;

    let Reply::Undone { record, what, .. } = ben.run(Command::Undo).await else { panic!("nothing was undone") };
    assert_eq!((record, what.as_str()), (id, "delete"));
    ada.wait("main", "the task to come back", |model| model.views[&adas].ids.contains(&id)).await;

    ben.run(Command::Redo).await;
    ada.wait("main", "the task to go again", |model| !model.views[&adas].ids.contains(&id)).await;

    agree(&ada, &ben).await;
    ada.engine.shutdown().await;
    ben.engine.shutdown().await;
}

/// Both have confirmed everything and hold the same rows in the same order.
pub(crate) async fn agree(ada: &Desk, ben: &Desk) {
    for spec in [TaskViewSpec::default(), with_status(TaskStatus::Done)] {
        let adas = ada.view("main", spec.clone(), 0, 500).await;
        let bens = ben.view("main", spec, 0, 500).await;
        let rows = |model: &Model, view| {
            model
                .settled()
                .then(|| model.shown(view))
                .flatten()
                .map(|rows| rows.into_iter().map(|row| (row.task.clone(), row.pending)).collect::<Vec<_>>())
        };
        // Each waits for what the other has; when neither moves any more they are equal.
        ada.wait("main", "agreement", |model| {
            let (mine, theirs) = (rows(model, adas), rows(&ben.screen.model("main"), bens));
            mine.is_some() && mine == theirs
        })
        .await;
    }
}
