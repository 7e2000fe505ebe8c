//! A server that went back to an earlier state.

use cockpit_domain::RecordId;
use cockpit_sync::{Event, OutboxState};
use serde_json::json;
use uuid::Uuid;

use crate::support::{Rig, client::Kind};

#[test]
fn versions_that_went_back_are_taken() {
    let mut rig = Rig::ready();
    let id = RecordId(Uuid::from_u128(1));
    rig.server.write("tasks", id.0, json!({ "name": "One" }));
    let backup = rig.server.backup();
    for n in 0..5 {
        rig.server.write("tasks", id.0, json!({ "name": format!("Later {n}") }));
    }
    rig.client.step(Event::Nudge);
    rig.settle();
    rig.server.restore(backup);
    rig.client.step(Event::Nudge);
    rig.settle();
    assert_eq!(rig.client.shows(id, "name"), "One");
    // The same sequence numbers come again, with other marks.
    rig.server.write("tasks", id.0, json!({ "name": "Two" }));
    rig.client.step(Event::Nudge);
    rig.settle();
    assert_eq!(rig.client.shows(id, "name"), "Two");
}

#[test]
fn an_acknowledged_change_that_the_server_lost_is_sent_again() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.settle();
    let backup = rig.server.backup();
    rig.client.rename(id, "Lost");
    let push = rig.take(Kind::Push);
    rig.answer(&push);
    assert!(matches!(rig.client.outbox()[0].state, OutboxState::Acknowledged { .. }));
    let before = rig.take(Kind::Pull);
    // The cursor fits the earlier state, so nothing but the missing change tells.
    rig.server.restore(backup);
    rig.answer(&before);
    rig.settle();
    rig.pass(10_000);
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "Lost");
    assert_eq!(rig.client.outbox(), [], "the change waits for a place in the log that never comes");
}

#[test]
fn what_was_acknowledged_under_another_numbering_of_the_log_does_not_wait_for_ever() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    for n in 0..30 {
        rig.server.write("tasks", Uuid::from_u128(7), json!({ "name": format!("{n}") }));
    }
    rig.settle();
    rig.client.rename(id, "Renamed");
    let push = rig.take(Kind::Push);
    rig.answer(&push);
    // The change is there, and its place in the log is not any more.
    rig.server.replace_logs();
    rig.settle();
    rig.pass(30_000);
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.client.shows(id, "name"), "Renamed");
    assert!(rig.server.db.effects.values().all(|times| *times == 1));
}

#[test]
fn retention_past_the_cursor_is_caught_up_by_a_refetch_without_a_second_effect() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    let push = rig.take(Kind::Push);
    rig.answer(&push);
    rig.client.calls.clear();
    rig.client.reopen();
    for n in 0..5 {
        rig.server.write("tasks", Uuid::from_u128(7), json!({ "name": format!("{n}") }));
    }
    rig.server.prune(1);
    rig.sign_in();
    rig.settle();
    rig.pass(10_000);
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.client.shows(id, "name"), "Task");
    assert!(rig.server.db.effects.values().all(|times| *times == 1));
}
