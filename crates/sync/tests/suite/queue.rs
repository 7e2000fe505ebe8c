//! Numbers, batches and everything that may happen to a call on its way.

use cockpit_domain::TaskField;
use cockpit_sync::{Effect, OutboxState, wire::MutationStatus};

use crate::support::{
    Client, Rig,
    client::{Kind, answer, later},
};

fn numbers(push: &Effect) -> Vec<i64> {
    match push {
        Effect::Push { batch, .. } => batch.iter().map(|sent| sent.no).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_numbers_and_nothing_happens_twice() {
    let mut rig = Rig::ready();
    let id = rig.client.create("One");
    let first = rig.take(Kind::Push);
    rig.client.rename(id, "Two");
    drop(answer(&mut rig.server, 1, &first));
    rig.fail(&first, later());
    rig.client.mono_ms += 1_000;
    rig.client.step(cockpit_sync::Event::Tick);
    let again = rig.take(Kind::Push);
    assert_eq!(numbers(&first), [1]);
    assert_eq!(numbers(&again), [1, 2], "a change that was sent keeps its number");
    rig.answer(&again);
    rig.settle();
    assert!(rig.server.db.effects.values().all(|times| *times == 1));
    assert_eq!(rig.server.db.effects.len(), 2);
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "Two");
}

#[test]
fn a_lost_request_is_sent_again() {
    let mut rig = Rig::ready();
    rig.client.create("One");
    let push = rig.take(Kind::Push);
    rig.fail(&push, later());
    rig.pass(1_000);
    assert_eq!(rig.server.db.effects.len(), 1);
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn a_request_that_arrives_after_its_successor_changes_nothing() {
    let mut rig = Rig::ready();
    let id = rig.client.create("One");
    let late = rig.take(Kind::Push);
    rig.fail(&late, later());
    rig.client.rename(id, "Two");
    rig.pass(1_000);
    rig.answer(&late);
    rig.settle();
    assert!(rig.server.db.effects.values().all(|times| *times == 1));
    assert_eq!(rig.client.shows(id, "name"), "Two");
}

#[test]
fn an_answer_that_comes_twice_or_to_an_earlier_call_is_ignored() {
    let mut rig = Rig::ready();
    rig.client.create("One");
    let push = rig.take(Kind::Push);
    let event = answer(&mut rig.server, 1, &push);
    rig.client.step(event.clone());
    rig.settle();
    rig.client.create("Two");
    let next = rig.take(Kind::Push);
    rig.client.step(event);
    assert_eq!(rig.client.outbox().len(), 1, "a stale answer settled what it does not know");
    assert_eq!(numbers(&next), [2]);
    rig.answer(&next);
    rig.settle();
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn one_batch_is_in_flight_and_carries_at_most_fifty() {
    let mut rig = Rig::ready();
    for n in 0..120 {
        rig.client.create(&format!("Task {n}"));
    }
    let first = rig.take(Kind::Push);
    assert!(!rig.wants(Kind::Push), "a second batch was sent while one was in flight");
    rig.answer(&first);
    let second = rig.take(Kind::Push);
    assert_eq!(numbers(&second).len(), 50);
    assert_eq!(numbers(&second)[0], 2, "the first call carried the first change alone");
    rig.answer(&second);
    rig.settle();
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.server.db.effects.len(), 120);
}

#[test]
fn a_server_that_forgot_numbers_is_given_new_ones() {
    let mut rig = Rig::ready();
    let id = rig.client.create("One");
    rig.settle();
    let backup = rig.server.backup();
    rig.client.rename(id, "Two");
    rig.settle();
    rig.server.restore(backup);
    rig.client.rename(id, "Three");
    rig.settle();
    assert_eq!(rig.server.gaps, 1);
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "Three");
}

#[test]
fn a_copied_data_file_becomes_a_device_of_its_own_and_nothing_happens_twice() {
    let mut rig = Rig::ready();
    let id = rig.client.create("One");
    rig.settle();
    rig.client.set(id, TaskField::Billable(false));
    let mut copy = rig.client.copy(99);
    let device = copy.store.device().unwrap();
    rig.settle();
    rig.client.rename(id, "Original");
    rig.settle();
    copy.rename(id, "Copy");
    let mut second = Rig { client: copy, server: rig.server };
    second.sign_in();
    second.settle();
    assert_eq!(second.server.forks, 1);
    assert_ne!(second.client.store.device().unwrap(), device);
    assert_eq!(second.client.outbox(), []);
    assert!(second.server.db.effects.values().all(|times| *times == 1));
    assert_eq!(second.server.row("tasks", id.0).unwrap()["name"], "Copy");
}

#[test]
fn a_record_that_is_locked_by_another_waits_and_is_sent_again() {
    let mut rig = Rig::ready();
    let id = rig.client.create("One");
    let push = rig.take(Kind::Push);
    let (Effect::Push { request, batch, .. }, server_ms) = (&push, 0) else { panic!() };
    let waiting = serde_json::json!({ "id": batch[0].id, "no": 1, "status": "waiting" });
    let waiting = serde_json::from_value(waiting).unwrap();
    let answer =
        cockpit_sync::wire::PushAnswer { server_ms, error: None, expected: 1, scopes: vec![], results: vec![waiting] };
    assert_eq!(answer.results[0].status, MutationStatus::Waiting);
    rig.client.step(cockpit_sync::Event::Pushed { request: *request, answer: Ok(answer) });
    assert!(!rig.wants(Kind::Push), "a locked record is worth a pause");
    assert_eq!(rig.client.outbox()[0].state, OutboxState::Queued);
    rig.pass(2_000);
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.client.shows(id, "name"), "One");
}

#[test]
fn numbers_begin_at_one_for_every_device_and_have_no_holes() {
    let mut rig = Rig::ready();
    let mut other = Client::new(1, 7);
    let id = rig.client.create("One");
    rig.settle();
    std::mem::swap(&mut rig.client, &mut other);
    rig.sign_in();
    rig.settle();
    rig.client.rename(id, "!refused");
    rig.settle();
    rig.client.rename(id, "Two");
    let push = rig.take(Kind::Push);
    assert_eq!(numbers(&push), [2], "a refused change has used its number");
}
