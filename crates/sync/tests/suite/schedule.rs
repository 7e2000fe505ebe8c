//! When calls are made, and that one is always made again.

use cockpit_domain::{ScopeKind, SyncPhase};
use cockpit_sync::{Event, wire::FeedMessage};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Rig,
    client::{Kind, later},
};

/// Pauses between pulls over a while, in milliseconds.
fn pauses(rig: &mut Rig, count: usize) -> Vec<i64> {
    let mut pauses = Vec::new();
    let mut last = rig.client.mono_ms;
    while pauses.len() < count {
        let wake = rig.client.wake_ms.take().expect("no alarm is set: the client sleeps for ever");
        rig.client.mono_ms = wake;
        rig.client.step(Event::Tick);
        if rig.wants(Kind::Pull) {
            pauses.push(wake - last);
            last = wake;
        }
        rig.settle();
    }
    pauses
}

#[test]
fn without_a_feed_the_server_is_asked_every_five_seconds() {
    let mut rig = Rig::ready();
    assert_eq!(rig.client.phase(), SyncPhase::Polling);
    let pauses = pauses(&mut rig, 50);
    assert!(pauses.iter().all(|pause| (4_000..=6_000).contains(pause)), "{pauses:?}");
    assert!(pauses.iter().any(|pause| *pause != pauses[0]), "without jitter all clients ask at once");
}

#[test]
fn with_a_feed_the_server_is_asked_every_thirty_seconds() {
    let mut rig = Rig::ready();
    rig.hear();
    assert_eq!(rig.client.phase(), SyncPhase::Live);
    let pauses = pauses(&mut rig, 50);
    assert!(pauses.iter().skip(1).all(|pause| (24_000..=36_000).contains(pause)), "{pauses:?}");
}

#[test]
fn a_lost_socket_brings_the_short_pause_back() {
    let mut rig = Rig::ready();
    rig.hear();
    rig.client.step(Event::Socket { open: false });
    assert_eq!(rig.client.phase(), SyncPhase::Polling);
    assert!(rig.client.wake_ms.unwrap() - rig.client.mono_ms <= 6_000);
}

#[test]
fn a_confirmed_channel_proves_nothing_and_is_followed_by_a_pull() {
    let mut rig = Rig::ready();
    rig.server.write("tasks", Uuid::from_u128(1), json!({ "name": "Missed" }));
    rig.client.step(Event::Socket { open: true });
    let topic = rig.client.topics[0].clone();
    rig.client.step(Event::Channel { topic, joined: true });
    rig.take(Kind::Pull);
}

#[test]
fn pauses_after_failures_grow_to_half_a_minute_and_never_end() {
    let mut rig = Rig::ready();
    rig.client.step(Event::Nudge);
    let mut longest = 0;
    for _ in 0..40 {
        let pull = rig.take(Kind::Pull);
        rig.fail(&pull, later());
        assert_eq!(rig.client.phase(), SyncPhase::Offline);
        let wake = rig.client.wake_ms.take().expect("the client gave up");
        longest = longest.max(wake - rig.client.mono_ms);
        rig.client.mono_ms = wake;
        rig.client.step(Event::Tick);
    }
    assert!((15_000..=30_000).contains(&longest), "{longest} ms");
    rig.client.step(Event::Nudge);
    rig.settle();
    assert_eq!(rig.client.phase(), SyncPhase::Polling);
}

#[test]
fn a_feed_message_does_not_shorten_the_pause_after_a_failure_and_a_person_does() {
    let mut rig = Rig::ready();
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    rig.fail(&pull, later());
    let scope = rig.server.scope(ScopeKind::Tenant).id;
    rig.client.step(Event::Feed(FeedMessage { scope, to: Some(1_000) }));
    assert!(!rig.wants(Kind::Pull));
    rig.client.step(Event::Nudge);
    assert!(rig.wants(Kind::Pull));
}

#[test]
fn a_hint_while_a_pull_is_in_flight_is_not_lost() {
    let mut rig = Rig::ready();
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    let answer = crate::support::client::answer(&mut rig.server, 1, &pull);
    rig.server.write("tasks", Uuid::from_u128(1), json!({ "name": "After the snapshot" }));
    let scope = rig.server.scope(ScopeKind::Tenant).id;
    let to = Some(rig.server.scope(ScopeKind::Tenant).head());
    rig.client.step(Event::Feed(FeedMessage { scope, to }));
    rig.client.step(answer);
    rig.take(Kind::Pull);
}

#[test]
fn a_push_that_fails_alone_is_a_problem_and_not_an_absent_server() {
    let mut rig = Rig::ready();
    rig.client.create("Task");
    let push = rig.take(Kind::Push);
    rig.fail(&push, later());
    rig.settle();
    assert_eq!(rig.client.phase(), SyncPhase::Polling);
    assert!(rig.client.status().problem.is_some(), "a pull that works says nothing about the push");
    rig.pass(1_000);
    assert_eq!(rig.client.status().problem, None);
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn a_client_far_behind_says_that_it_is_catching_up() {
    let mut rig = Rig::ready();
    for n in 1..=10 {
        rig.server.write("tasks", Uuid::from_u128(n), json!({ "name": "Task" }));
    }
    rig.server.limit = 3;
    rig.client.step(Event::Nudge);
    let synced = rig.client.status().last_synced_ms;
    rig.client.mono_ms += 1;
    let pull = rig.take(Kind::Pull);
    rig.answer(&pull);
    assert_eq!(rig.client.phase(), SyncPhase::CatchingUp);
    assert_eq!(rig.client.status().last_synced_ms, synced, "half of the news is no complete pull");
    rig.settle();
    assert_eq!(rig.client.phase(), SyncPhase::Polling);
}
