//! What a person sees of their own work, from the key stroke to the log.

use cockpit_sync::{OutboxState, wire::PushAnswer};
use serde_json::json;

use crate::support::{Rig, client::Kind};

#[test]
fn an_edit_is_visible_and_saved_before_anything_is_sent() {
    let mut rig = Rig::new();
    let id = rig.client.create("Call the printer");
    assert_eq!(rig.client.shows(id, "name"), "Call the printer");
    assert!(rig.client.calls.is_empty(), "a call was made without a session");
    assert_eq!(rig.client.status().pending, 1);
}

#[test]
fn an_entry_leaves_the_overlay_only_when_the_cursor_reached_its_acknowledgement() {
    let mut rig = Rig::ready();
    let id = rig.client.create("First");
    rig.settle();
    rig.client.rename(id, "Second");
    let push = rig.take(Kind::Push);
    rig.answer(&push);
    let entry = rig.client.outbox().pop().expect("the entry left at the acknowledgement, before its row came");
    assert!(matches!(entry.state, OutboxState::Acknowledged { .. }));
    assert_eq!(rig.client.shows(id, "name"), "Second", "the screen went back between acknowledgement and pull");
    assert_eq!(rig.client.confirmed(id).unwrap()["name"], "First");
    rig.settle();
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.client.confirmed(id).unwrap()["name"], "Second");
    assert_eq!(rig.client.status().pending, 0);
}

#[test]
fn an_acknowledgement_that_comes_after_its_row_leaves_with_the_next_pull() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    let push = rig.take(Kind::Push);
    let answer = crate::support::client::answer(&mut rig.server, 1, &push);
    // The row comes by a pull that somebody else's change caused.
    rig.client.step(cockpit_sync::Event::Nudge);
    rig.settle();
    assert_eq!(rig.client.confirmed(id).unwrap()["name"], "Task");
    assert_eq!(rig.client.outbox().len(), 1);
    rig.client.step(answer);
    rig.settle();
    assert_eq!(rig.client.outbox(), [], "nothing else is pulled, so nothing would let it go");
}

#[test]
fn a_change_of_another_does_not_hide_what_is_pending() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.settle();
    rig.client.rename(id, "Mine");
    let _unanswered = rig.take(Kind::Push);
    rig.server.write("tasks", id.0, json!({ "name": "Theirs", "priority": "high" }));
    rig.client.step(cockpit_sync::Event::Nudge);
    rig.settle();
    assert_eq!(rig.client.shows(id, "name"), "Mine");
    assert_eq!(rig.client.shows(id, "priority"), "high");
}

#[test]
fn a_pull_that_ends_before_the_acknowledged_place_does_not_take_the_screen_back() {
    let mut rig = Rig::ready();
    let id = rig.client.create("First");
    rig.settle();
    for n in 0..5 {
        rig.server.write("tasks", uuid::Uuid::from_u128(n), json!({ "name": "Other" }));
    }
    rig.client.rename(id, "Second");
    let push = rig.take(Kind::Push);
    rig.answer(&push);
    rig.server.limit = 2;
    for _ in 0..2 {
        let pull = rig.take(Kind::Pull);
        rig.answer(&pull);
        assert_eq!(rig.client.shows(id, "name"), "Second");
        assert_eq!(rig.client.outbox().len(), 1, "the entry left before the cursor was there");
    }
    rig.settle();
    assert_eq!(rig.client.shows(id, "name"), "Second");
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn a_change_that_changes_nothing_on_the_server_leaves_without_waiting_for_a_row() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.settle();
    rig.server.write("tasks", id.0, json!({ "name": "Same" }));
    rig.client.rename(id, "Same");
    rig.settle();
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn an_answer_without_any_fate_is_a_failure_and_not_a_loop() {
    let mut rig = Rig::ready();
    rig.client.create("Task");
    let push = rig.take(Kind::Push);
    let cockpit_sync::Effect::Push { request, .. } = push else { unreachable!() };
    let answer = PushAnswer { server_ms: 0, error: None, expected: 1, scopes: vec![], results: vec![] };
    rig.client.step(cockpit_sync::Event::Pushed { request, answer: Ok(answer) });
    assert!(!rig.wants(Kind::Push), "the same batch was sent again without a pause");
    assert!(rig.client.status().problem.is_some());
    rig.pass(2_000);
    assert_eq!(rig.client.outbox(), []);
}
