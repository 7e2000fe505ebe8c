//! What the server refuses: parked, told once, and never in the way of anything else.

use cockpit_domain::{ErrorCode, TaskField};
use cockpit_sync::{Edit, OutboxState};
use serde_json::json;

use crate::support::{
    Rig,
    client::{Kind, task},
};

#[test]
fn a_refused_change_is_parked_and_told_once_and_the_rest_flows() {
    let mut rig = Rig::ready();
    let (good, bad) = (rig.client.create("Good"), rig.client.create("Bad"));
    rig.settle();
    rig.client.rename(bad, "!bad");
    rig.client.rename(good, "Better");
    rig.settle();
    let notices = rig.client.take_notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(notices[0].code, ErrorCode::Invalid);
    assert_eq!(rig.client.shows(bad, "name"), "Bad", "what was refused is still on the screen");
    assert_eq!(rig.server.row("tasks", good.0).unwrap()["name"], "Better");
    let status = rig.client.status();
    assert_eq!((status.pending, status.parked), (0, 1));
    rig.pass(60_000);
    assert!(rig.client.take_notices().is_empty(), "a person was told twice");
}

#[test]
fn what_was_written_on_top_of_a_refused_change_is_parked_with_it() {
    let mut rig = Rig::ready();
    let (bad, other) = (rig.client.create("!bad"), rig.client.create("Other"));
    let push = rig.take(Kind::Push);
    rig.client.rename(bad, "Fine now");
    rig.client.rename(other, "Other two");
    rig.answer(&push);
    rig.settle();
    assert_eq!(rig.client.visible(bad), None);
    let status = rig.client.status();
    assert_eq!((status.pending, status.parked), (0, 2));
    assert_eq!(rig.client.take_notices().len(), 1, "one refusal is one notice, however much hangs on it");
    assert_eq!(rig.server.row("tasks", other.0).unwrap()["name"], "Other two");
}

#[test]
fn a_change_of_another_field_does_not_depend_on_the_refused_one() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.settle();
    rig.client.rename(id, "!bad");
    let push = rig.take(Kind::Push);
    rig.client.set(id, TaskField::Billable(false));
    rig.answer(&push);
    rig.settle();
    assert_eq!(rig.client.status().parked, 1);
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["billable"], false);
}

#[test]
fn later_edits_of_a_record_go_out_while_an_earlier_one_is_parked() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.settle();
    rig.client.rename(id, "!bad");
    rig.settle();
    rig.client.rename(id, "Good");
    rig.settle();
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "Good");
    assert_eq!(rig.client.shows(id, "name"), "Good");
    assert_eq!(rig.client.status().parked, 1);
}

#[test]
fn a_parked_insert_is_retried_together_with_what_hangs_on_it() {
    let mut rig = Rig::ready();
    rig.server.remove(1);
    rig.server.join(1, false);
    let id = rig.client.create("!bad");
    let push = rig.take(Kind::Push);
    rig.client.rename(id, "Good");
    rig.answer(&push);
    rig.settle();
    let parked = rig.client.outbox();
    assert_eq!(parked.len(), 2);
    // Refused again, and parked again, together.
    rig.client.edit(Edit::ParkedRetry { mutation: parked[0].mutation });
    assert_eq!(rig.client.shows(id, "name"), "Good", "a retried change is back on the screen");
    rig.settle();
    assert_eq!(rig.client.status().parked, 2);
    assert_eq!(rig.client.visible(id), None);
    let mutation = rig.client.outbox()[0].mutation;
    rig.client.edit(Edit::ParkedDiscard { mutation });
    assert_eq!(rig.client.outbox(), [], "what hung on a discarded insert can never be sent");
    assert!(rig.client.try_edit(Edit::ParkedRetry { mutation }).is_err());
}

#[test]
fn a_parked_change_is_retried_on_top_of_what_the_record_is_now() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.client.set(id, TaskField::Notes(Some("one\n".into())));
    rig.settle();
    rig.client.set(id, TaskField::Notes(Some("mine\n".into())));
    rig.server.write("tasks", id.0, json!({ "notes": "theirs\n" }));
    rig.settle();
    assert_eq!(rig.client.shows(id, "notes"), "theirs\n");
    let mutation = rig.client.outbox()[0].mutation;
    rig.client.edit(Edit::ParkedRetry { mutation });
    assert_eq!(rig.client.shows(id, "notes"), "mine\n");
    rig.settle();
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["notes"], "mine\n");
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn a_discarded_change_leaves_what_the_server_has() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.settle();
    rig.client.rename(id, "!bad");
    rig.settle();
    let mutation = rig.client.outbox()[0].mutation;
    rig.client.edit(Edit::ParkedDiscard { mutation });
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.client.shows(id, "name"), "Task");
}

#[test]
fn long_text_of_two_people_is_merged_by_line() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.client.set(id, TaskField::Notes(Some("a\nb\nc\nd\ne\n".into())));
    rig.settle();
    rig.client.set(id, TaskField::Notes(Some("A\nb\nc\nd\ne\n".into())));
    let push = rig.take(Kind::Push);
    // Written on top of the first, and sent after it was refused.
    rig.client.set(id, TaskField::Notes(Some("A\nb\nC\nd\ne\n".into())));
    rig.server.write("tasks", id.0, json!({ "notes": "a\nb\nc\nd\nE\n" }));
    rig.answer(&push);
    rig.settle();
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["notes"], "A\nb\nC\nd\nE\n");
    assert_eq!(rig.client.shows(id, "notes"), "A\nb\nC\nd\nE\n");
    assert_eq!(rig.client.outbox(), []);
    assert!(rig.client.take_notices().is_empty(), "a merge that worked is nobody's concern");
}

#[test]
fn long_text_that_cannot_be_merged_is_asked_about_with_both_sides() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.client.set(id, TaskField::Notes(Some("one\n".into())));
    rig.settle();
    rig.client.set(id, TaskField::Notes(Some("mine\n".into())));
    rig.server.write("tasks", id.0, json!({ "notes": "theirs\n" }));
    rig.settle();
    let notices = rig.client.take_notices();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].code, ErrorCode::Conflict);
    assert_eq!(
        notices[0].details["fields"]["notes"],
        json!({ "base": "one\n", "mine": "mine\n", "theirs": "theirs\n" })
    );
    assert!(matches!(rig.client.outbox()[0].state, OutboxState::Parked { .. }));
}

#[test]
fn tags_of_two_people_are_united() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.client.set(id, TaskField::Tags(vec!["a".into(), "b".into()]));
    rig.settle();
    rig.client.set(id, TaskField::Tags(vec!["b".into(), "c".into()]));
    rig.server.write("tasks", id.0, json!({ "tags": ["a", "b", "d"] }));
    rig.settle();
    assert_eq!(rig.client.shows(id, "tags"), json!(["b", "d", "c"]));
}

#[test]
fn a_delete_of_what_somebody_changed_is_refused_and_the_record_stays() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.settle();
    rig.client.edit(Edit::Delete { key: task(id) });
    rig.server.write("tasks", id.0, json!({ "name": "Changed" }));
    rig.settle();
    assert_eq!(rig.client.shows(id, "name"), "Changed");
    assert_eq!(rig.client.shows(id, "deleted_at"), json!(null));
    assert_eq!(rig.client.status().parked, 1);
}
