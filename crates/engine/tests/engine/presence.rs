//! Who is here: two people on two engines through a real hub.

use cockpit_domain::{Activity, Command, Place, PlaceRecord, SyncPhase, Table};

use crate::{
    model::Model,
    support::{ADA, BEN, Desk, Habits, Office, label},
};

fn touch(module: &str, editing: bool) -> Command {
    Command::PresenceTouch { place: Place { module: module.into(), record: None }, editing }
}

fn somebody(module: &str, activity: Activity) -> impl Fn(&Model) -> bool {
    let places = [Place { module: module.into(), record: None }];
    move |model| model.people.iter().any(|one| one.activity == activity && one.places == places)
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_each_other_come_work_point_and_go() {
    let mut office = Office::open(5).await;
    let ada = Desk::signed_in(&office, ADA, Habits::listening()).await;
    let ben = Desk::signed_in(&office, BEN, Habits::listening()).await;
    for desk in [&ada, &ben] {
        desk.wait("main", "the feed", |model| model.phase() == Some(SyncPhase::Live)).await;
    }
    ada.command("main", touch("tasks", false)).await.unwrap();
    ben.command("main", touch("projects", false)).await.unwrap();
    let seen = ben.wait("main", "both people", |model| model.people.len() == 2).await;
    assert!(somebody("tasks", Activity::Viewing)(&seen) && somebody("projects", Activity::Viewing)(&seen));
    ada.wait("main", "both people", |model| model.people.len() == 2).await;

    // A second window of the same device is not a second person, and the one touched last speaks.
    ada.attach("main-2").await;
    ada.command("main-2", touch("time", true)).await.unwrap();
    let seen = ben.wait("main", "Ada at her time", somebody("time", Activity::Editing)).await;
    assert_eq!(seen.people.len(), 2);
    assert!(seen.people.iter().all(|one| one.devices == 1));

    let id = ada.create("Text").await;
    let record = PlaceRecord { table: Table::Tasks, id };
    let pointer = Command::PointerMove { record, field: "notes".into(), from: 3, to: 7, typing: true };
    ada.command("main", pointer).await.unwrap();
    let seen = ben.wait("main", "Ada's pointer", |model| !model.pointers.is_empty()).await;
    assert_eq!((seen.pointers[0].record, seen.pointers[0].from, seen.pointers[0].to), (record, 3, 7));
    assert!(ada.screen.model("main").pointers.is_empty(), "one's own pointer is not shown to oneself");
    ben.wait("main", "the pointer to go by itself", |model| model.pointers.is_empty()).await;

    // A window that closes is somewhere no longer; a program that ends is gone.
    ada.engine.detach(label("main-2"), None).await;
    ben.wait("main", "Ada back at her tasks", somebody("tasks", Activity::Viewing)).await;
    ada.engine.shutdown().await;
    ben.wait("main", "Ada to be gone", |model| model.people.len() == 1).await;
    ben.engine.shutdown().await;
    office.close().await;
}
