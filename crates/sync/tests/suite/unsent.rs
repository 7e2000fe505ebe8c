//! Work on records that the server has not seen.

use cockpit_domain::TaskField;
use cockpit_sync::Edit;
use serde_json::json;

use crate::support::{Rig, client::task};

#[test]
fn a_task_whose_insert_is_unsent_can_be_edited() {
    let mut rig = Rig::new();
    let id = rig.client.create("One");
    rig.client.rename(id, "Two");
    rig.client.set(id, TaskField::Billable(false));
    assert_eq!(rig.client.shows(id, "name"), "Two");
    assert_eq!(rig.client.status().pending, 3);
    rig.sign_in();
    rig.settle();
    let row = rig.server.row("tasks", id.0).unwrap();
    assert_eq!((&row["name"], &row["billable"]), (&json!("Two"), &json!(false)));
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn a_task_whose_insert_is_unsent_can_be_deleted() {
    let mut rig = Rig::new();
    let id = rig.client.create("One");
    rig.client.edit(Edit::Delete { key: task(id) });
    assert!(!rig.client.shows(id, "deleted_at").is_null());
    assert!(rig.client.try_edit(Edit::Delete { key: task(id) }).is_err(), "what is in the trash was deleted again");
    rig.sign_in();
    rig.settle();
    assert!(!rig.server.row("tasks", id.0).unwrap()["deleted_at"].is_null());
    assert!(rig.server.db.effects.values().all(|times| *times == 1));
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn new_tasks_go_to_the_top() {
    let mut rig = Rig::new();
    let (first, second) = (rig.client.create("First"), rig.client.create("Second"));
    let rank = |id| rig.client.shows(id, "rank").as_str().unwrap().to_owned();
    assert!(rank(second) < rank(first));
}

#[test]
fn the_same_id_is_not_created_twice() {
    let mut rig = Rig::ready();
    let id = rig.client.create("One");
    let draft = cockpit_domain::TaskDraft { id, name: "Again".into(), set: vec![] };
    assert!(rig.client.try_edit(Edit::Create { key: task(id), set: draft.columns() }).is_err());
    assert_eq!(rig.client.outbox().len(), 1);
}

#[test]
fn emptied_notes_are_the_empty_text_and_not_null() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.client.set(id, TaskField::Notes(Some("text\n".into())));
    rig.client.set(id, TaskField::Notes(None));
    rig.settle();
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["notes"], "");
    assert_eq!(rig.client.outbox(), []);
}
