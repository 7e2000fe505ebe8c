//! Taking back and doing again.

use cockpit_domain::{ErrorCode, TaskField, TaskStatus};
use cockpit_sync::{Edit, EditError, Event};
use serde_json::json;

use crate::support::{Rig, client::task};

#[test]
fn an_edit_is_taken_back_and_done_again_and_both_travel() {
    let mut rig = Rig::ready();
    let id = rig.client.create("One");
    rig.client.rename(id, "Two");
    rig.settle();
    let undone = rig.client.edit(Edit::Undo).undone.unwrap();
    assert_eq!((undone.record, undone.what.as_str(), undone.name.as_str()), (id, "edit", "Two"));
    rig.settle();
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "One");
    rig.client.edit(Edit::Redo);
    rig.settle();
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "Two");
}

#[test]
fn a_creation_a_delete_and_a_completion_are_taken_back_in_order() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.client.set(id, TaskField::Status(TaskStatus::Done));
    rig.client.edit(Edit::Delete { key: task(id) });
    let what = |rig: &mut Rig, edit| rig.client.edit(edit).undone.unwrap().what;
    assert_eq!(what(&mut rig, Edit::Undo), "delete");
    assert_eq!(rig.client.shows(id, "deleted_at"), json!(null));
    assert_eq!(what(&mut rig, Edit::Undo), "complete");
    assert_eq!(rig.client.shows(id, "status"), "open");
    assert_eq!(what(&mut rig, Edit::Undo), "create");
    assert!(!rig.client.shows(id, "deleted_at").is_null());
    assert_eq!(what(&mut rig, Edit::Redo), "create");
    assert_eq!(what(&mut rig, Edit::Redo), "complete");
    rig.settle();
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["status"], "done");
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn what_somebody_changed_since_is_not_taken_back_and_the_next_undo_is_about_the_change_before() {
    let mut rig = Rig::ready();
    let (first, second) = (rig.client.create("First"), rig.client.create("Second"));
    rig.client.rename(first, "First two");
    rig.client.rename(second, "Second two");
    rig.settle();
    rig.server.write("tasks", second.0, json!({ "name": "Theirs" }));
    rig.client.step(Event::Nudge);
    rig.settle();
    let edited = rig.client.edit(Edit::Undo);
    assert_eq!(edited.refused.unwrap().code, ErrorCode::Conflict);
    assert_eq!(rig.client.shows(second, "name"), "Theirs");
    assert_eq!(rig.client.edit(Edit::Undo).undone.unwrap().record, first);
    assert_eq!(rig.client.shows(first, "name"), "First");
}

#[test]
fn a_new_change_forgets_what_was_undone() {
    let mut rig = Rig::ready();
    let id = rig.client.create("One");
    rig.client.rename(id, "Two");
    rig.client.edit(Edit::Undo);
    rig.client.rename(id, "Three");
    let error = rig.client.try_edit(Edit::Redo).unwrap_err();
    assert!(matches!(error, EditError::Refused(error) if error.code == ErrorCode::NothingToUndo));
}

#[test]
fn hours_that_the_server_writes_with_more_zeros_are_still_the_same() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    let hours = |text: &str| TaskField::EstimateHours(Some(serde_json::from_value(json!(text)).unwrap()));
    rig.client.set(id, hours("12.5"));
    rig.settle();
    rig.server.write("tasks", id.0, json!({ "estimate_hours": "12.50" }));
    rig.client.step(Event::Nudge);
    rig.settle();
    rig.client.set(id, hours("12.5"));
    assert!(rig.client.calls.is_empty(), "an edit that changes nothing was sent");
    assert_eq!(rig.client.edit(Edit::Undo).refused, None, "the server's spelling was taken for somebody's change");
}
