//! A server that went back to an earlier state.

use cockpit_domain::RecordId;
use cockpit_sync::{Effect, Event, OutboxState};
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

/// The rows of a bootstrap's later pages are newer than the cursor that it ends with. When the server then goes back to between the two, that
/// cursor fits, and only the heads at which the pages were read tell that the rows are of a lost history.
#[rstest::rstest]
fn a_server_that_goes_back_right_after_a_bootstrap_is_noticed(
    #[values(0, 1, 9)] written_after: u128,
    #[values(false, true)] restart: bool,
) {
    let mut rig = Rig::new();
    let id = RecordId(Uuid::from_u128(1));
    rig.server.write("tasks", id.0, json!({ "name": "One" }));
    rig.sign_in();
    let first = rig.take(Kind::Page);
    rig.answer(&first);
    let backup = rig.server.backup();
    rig.server.write("tasks", id.0, json!({ "name": "Lost" }));
    while let Some(page) = rig.client.calls.iter().position(|call| matches!(call, Effect::Page { .. })) {
        let page = rig.client.calls.remove(page).unwrap();
        rig.answer(&page);
    }
    assert_eq!(rig.client.shows(id, "name"), "Lost");
    rig.server.restore(backup);
    for n in 0..written_after {
        rig.server.write("tasks", Uuid::from_u128(2 + n), json!({ "name": "Another" }));
    }
    if restart {
        rig.client.reopen();
        rig.sign_in();
    }
    rig.client.step(Event::Nudge);
    rig.settle();
    assert_eq!(rig.client.shows(id, "name"), "One", "a row of the lost history stayed");
    assert_eq!(rig.client.store.scopes().unwrap()[0].read_at.len(), 0);
}

#[test]
fn an_acknowledgement_by_a_restored_server_does_not_let_the_screen_go_back() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.settle();
    let backup = rig.server.backup();
    for n in 0..3 {
        rig.server.write("tasks", id.0, json!({ "priority": if n % 2 == 0 { "high" } else { "low" } }));
    }
    rig.client.step(Event::Nudge);
    rig.settle();
    rig.server.restore(backup);
    for n in 0..3 {
        rig.server.write("tasks", Uuid::from_u128(50 + n), json!({ "name": "Another" }));
    }
    // The cursor is of the lost history and stands at or behind the place that this acknowledgement names.
    rig.client.rename(id, "Mine");
    let push = rig.take(Kind::Push);
    rig.answer(&push);
    assert_eq!(rig.client.shows(id, "name"), "Mine");
    while let Some(call) = rig.client.calls.pop_front() {
        rig.answer(&call);
        assert_eq!(rig.client.shows(id, "name"), "Mine", "the screen went back");
    }
    assert_eq!(rig.client.outbox(), []);
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
