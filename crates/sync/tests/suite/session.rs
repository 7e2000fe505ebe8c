//! Sessions that end, and servers that do not fit.

use cockpit_domain::SyncPhase;
use cockpit_sync::{CallError, Event};

use crate::support::{
    Rig,
    client::{Kind, answer, mismatch},
};

#[test]
fn when_sign_in_is_needed_calls_stop_and_work_goes_on() {
    let mut rig = Rig::ready();
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    rig.fail(&pull, CallError::SignInNeeded);
    assert_eq!(rig.client.phase(), SyncPhase::SignInNeeded);
    let id = rig.client.create("Offline");
    rig.client.rename(id, "Still offline");
    rig.client.step(Event::Nudge);
    rig.client.step(Event::Tick);
    assert!(rig.client.calls.is_empty(), "{:?}", rig.client.calls);
    assert_eq!(rig.client.shows(id, "name"), "Still offline");
    assert!(rig.client.topics.is_empty(), "a channel is kept without a session");
    rig.sign_in();
    rig.settle();
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.client.topics.len(), 1);
}

#[test]
fn an_answer_of_a_session_that_ended_is_ignored_and_said_again() {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    let push = rig.take(Kind::Push);
    let late = answer(&mut rig.server, 1, &push);
    rig.client.step(Event::SignedOut);
    rig.client.step(late);
    assert_eq!(rig.client.outbox().len(), 1);
    rig.sign_in();
    rig.settle();
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.client.shows(id, "name"), "Task");
    assert!(rig.server.db.effects.values().all(|times| *times == 1));
}

#[test]
fn a_server_that_does_not_fit_parks_the_queue_until_it_does() {
    let mut rig = Rig::ready();
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    rig.fail(&pull, mismatch());
    assert_eq!(rig.client.phase(), SyncPhase::UpdateRequired);
    let id = rig.client.create("Task");
    assert!(rig.client.calls.is_empty(), "an app that cannot read wrote");
    assert_eq!(rig.client.shows(id, "name"), "Task");
    let alarm = rig.client.wake_ms.expect("nobody looks whether the server fits again") - rig.client.mono_ms;
    assert!((15_000..=30_000).contains(&alarm), "{alarm} ms");
    rig.pass(30_000);
    assert_eq!(rig.client.phase(), SyncPhase::Polling);
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn a_write_that_does_not_fit_is_not_tried_at_every_edit_and_reading_goes_on() {
    let mut rig = Rig::ready();
    rig.client.create("Task");
    let push = rig.take(Kind::Push);
    rig.fail(&push, mismatch());
    rig.settle();
    assert_eq!(rig.client.phase(), SyncPhase::UpdateRequired);
    rig.client.create("Another");
    assert!(!rig.wants(Kind::Push));
    rig.server.write("tasks", uuid::Uuid::from_u128(1), serde_json::json!({ "name": "Theirs" }));
    rig.pass(6_000);
    assert_eq!(rig.client.shows(cockpit_domain::RecordId(uuid::Uuid::from_u128(1)), "name"), "Theirs");
    rig.pass(30_000);
    assert_eq!(rig.client.outbox(), []);
}
