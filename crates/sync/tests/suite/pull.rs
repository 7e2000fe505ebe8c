//! What comes in: whole transactions, in order, only when newer, and from hints that prove nothing.

use cockpit_domain::{RecordId, ScopeKind};
use cockpit_sync::{Effect, Event, wire::FeedMessage};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Rig,
    client::{Kind, answer},
};

fn rows(names: &[&str]) -> Vec<(Uuid, serde_json::Value)> {
    (1..).zip(names).map(|(n, name)| (Uuid::from_u128(n), json!({ "name": name }))).collect()
}

fn id(n: u128) -> RecordId {
    RecordId(Uuid::from_u128(n))
}

#[test]
fn a_transaction_that_did_not_come_whole_is_kept_back_and_applied_at_once() {
    let mut rig = Rig::ready();
    rig.server.write_many("tasks", &rows(&["a", "b", "c", "d", "e"]));
    rig.server.limit = 2;
    let cursor = rig.client.store.scopes().unwrap()[0].cursor;
    rig.client.step(Event::Nudge);
    for _ in 0..2 {
        let pull = rig.take(Kind::Pull);
        rig.answer(&pull);
        assert_eq!(rig.client.visible(id(1)), None, "a part of a transaction is visible");
        assert_eq!(rig.client.store.scopes().unwrap()[0].cursor, cursor, "the cursor passed what is not applied");
    }
    let pull = rig.take(Kind::Pull);
    rig.answer(&pull);
    assert!((1..=5).all(|n| rig.client.visible(id(n)).is_some()));
    assert_eq!(rig.client.store.scopes().unwrap()[0].cursor.seq, rig.server.scope(ScopeKind::Tenant).head());
}

#[test]
fn what_ends_one_transaction_and_begins_another_is_cut_between_them() {
    let mut rig = Rig::ready();
    rig.server.write_many("tasks", &rows(&["a", "b", "c"]));
    rig.server.write_many("tasks", &rows(&["A", "B", "C"]));
    rig.server.limit = 4;
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    rig.answer(&pull);
    assert_eq!(rig.client.shows(id(1), "name"), "a");
    rig.settle();
    assert!((1..=3).zip(["A", "B", "C"]).all(|(n, name)| rig.client.shows(id(n), "name") == name));
}

#[test]
fn what_is_kept_back_survives_a_crash() {
    let mut rig = Rig::ready();
    rig.server.write_many("tasks", &rows(&["a", "b", "c"]));
    rig.server.limit = 2;
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    rig.answer(&pull);
    rig.client.reopen();
    rig.sign_in();
    let Effect::Pull { cursors, .. } = rig.client.calls[0].clone() else { panic!() };
    assert_eq!(cursors[0].seq, rig.server.scope(ScopeKind::Tenant).head() - 1, "it asks for what it has already");
    rig.settle();
    assert!((1..=3).all(|n| rig.client.visible(id(n)).is_some()));
}

#[test]
fn must_refetch_throws_away_what_is_kept_back() {
    let mut rig = Rig::ready();
    let backup = rig.server.backup();
    rig.server.write_many("tasks", &rows(&["a", "b", "c"]));
    rig.server.limit = 2;
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    rig.answer(&pull);
    rig.server.restore(backup);
    rig.server.write_many("tasks", &rows(&["x"]));
    rig.server.limit = 100;
    rig.settle();
    assert_eq!(rig.client.shows(id(1), "name"), "x");
    assert_eq!(rig.client.visible(id(2)), None);
}

#[test]
fn a_table_of_a_newer_server_is_skipped_and_the_cursor_goes_on() {
    let mut rig = Rig::ready();
    rig.server.write("holidays", Uuid::from_u128(1), json!({ "name": "Easter" }));
    rig.server.write_many("tasks", &rows(&["a"]));
    rig.client.step(Event::Nudge);
    rig.settle();
    assert_eq!(rig.client.shows(id(1), "name"), "a");
    assert_eq!(rig.client.store.scopes().unwrap()[0].cursor.seq, rig.server.scope(ScopeKind::Tenant).head());
}

#[test]
fn an_answer_with_a_gap_is_not_taken() {
    let mut rig = Rig::ready();
    rig.server.write_many("tasks", &rows(&["a", "b"]));
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    let Event::Pulled { request, answer: Ok(mut answer) } = answer(&mut rig.server, 1, &pull) else { panic!() };
    answer.scopes[0].body.as_mut().unwrap().changes.remove(0);
    rig.client.step(Event::Pulled { request, answer: Ok(answer) });
    assert_eq!(rig.client.visible(id(2)), None, "the cursor passed a change that was not applied");
    assert!(rig.client.status().problem.is_some());
    rig.pass(2_000);
    assert_eq!(rig.client.shows(id(1), "name"), "a");
    assert_eq!(rig.client.status().problem, None);
}

#[test]
fn a_change_whose_image_was_dropped_is_read_from_the_rows() {
    let mut rig = Rig::ready();
    rig.server.write_many("tasks", &rows(&["a"]));
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    let Event::Pulled { request, answer: Ok(mut answer) } = answer(&mut rig.server, 1, &pull) else { panic!() };
    answer.scopes[0].body.as_mut().unwrap().changes[0].row = None;
    rig.client.step(Event::Pulled { request, answer: Ok(answer) });
    rig.settle();
    assert_eq!(rig.client.shows(id(1), "name"), "a");
}

#[test]
fn a_purge_removes_and_an_id_that_comes_back_is_shown_again() {
    let mut rig = Rig::ready();
    rig.server.write_many("tasks", &rows(&["a"]));
    rig.client.step(Event::Nudge);
    rig.settle();
    rig.server.purge("tasks", Uuid::from_u128(1));
    rig.client.step(Event::Nudge);
    rig.settle();
    assert_eq!(rig.client.visible(id(1)), None);
    rig.server.write_many("tasks", &rows(&["again"]));
    rig.client.step(Event::Nudge);
    rig.settle();
    assert_eq!(rig.client.shows(id(1), "name"), "again");
}

#[test]
fn a_feed_message_only_causes_a_pull_and_only_when_it_is_news() {
    let mut rig = Rig::ready();
    let scope = rig.server.scope(ScopeKind::Tenant).id;
    let head = rig.server.scope(ScopeKind::Tenant).head();
    rig.client.step(Event::Feed(FeedMessage { scope, to: Some(head) }));
    assert!(rig.client.calls.is_empty(), "what is known already was asked for");
    rig.client.step(Event::Feed(FeedMessage { scope: cockpit_domain::ScopeId(Uuid::nil()), to: Some(9) }));
    assert!(rig.client.calls.is_empty(), "a scope that nobody reads was asked for");
    rig.client.step(Event::Feed(FeedMessage { scope, to: Some(head + 1) }));
    assert_eq!(rig.client.store.scopes().unwrap()[0].cursor.seq, head, "a message moved the cursor");
    rig.take(Kind::Pull);
}

#[test]
fn moved_topics_are_joined_anew_without_a_bootstrap() {
    let mut rig = Rig::ready();
    rig.hear();
    let before = rig.client.topics.clone();
    rig.server.remove(9);
    let scope = rig.server.scope(ScopeKind::Tenant).id;
    rig.client.step(Event::Feed(FeedMessage { scope, to: None }));
    rig.pass(500);
    assert_ne!(rig.client.topics, before);
    assert!(rig.client.topics[0].ends_with(":2:changes"), "{:?}", rig.client.topics);
    assert_eq!(rig.client.phase(), cockpit_domain::SyncPhase::Polling, "an unconfirmed topic was taken for live");
    assert_eq!(rig.client.store.scopes().unwrap()[0].generation, 1);
}

#[test]
fn the_servers_clock_is_told_when_an_answer_says_more_of_it() {
    let mut rig = Rig::new();
    rig.server.now_ms = 1_700_000_000_000;
    rig.sign_in();
    let offsets = |rig: &mut Rig| {
        let told = std::mem::take(&mut rig.client.told);
        let offset = |effect| if let Effect::ServerClock { offset_ms } = effect { Some(offset_ms) } else { None };
        told.into_iter().filter_map(offset).collect::<Vec<_>>()
    };
    let page = rig.take(Kind::Page);
    rig.client.mono_ms += 600;
    rig.answer(&page);
    assert_eq!(offsets(&mut rig), [1_700_000_000_000 - 300], "half of the round trip");
    // Everything else is answered at once.
    rig.settle();
    assert_eq!(offsets(&mut rig), [1_700_000_000_000 - 600]);
    rig.server.now_ms += 40;
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    rig.client.mono_ms += 50;
    rig.answer(&pull);
    assert_eq!(
        offsets(&mut rig),
        [1_700_000_000_040 - 625],
        "after a wake-up the next answer counts, though it took longer"
    );
}

/// The server's hints come from its log of writes, where a commit can be read a moment before other transactions see it.
#[test]
fn a_hint_that_comes_before_its_change_can_be_seen_is_pulled_for_again() {
    let mut rig = Rig::ready();
    let scope = rig.server.scope(ScopeKind::Tenant).id;
    let to = rig.server.scope(ScopeKind::Tenant).head() + 1;
    rig.client.step(Event::Feed(FeedMessage { scope, to: Some(to) }));
    let early = rig.take(Kind::Pull);
    rig.answer(&early);
    assert!(rig.client.calls.is_empty());
    rig.server.write("tasks", Uuid::from_u128(1), json!({ "name": "Seen a moment later" }));
    rig.pass(30);
    assert_eq!(rig.client.shows(RecordId(Uuid::from_u128(1)), "name"), "Seen a moment later");
}

#[test]
fn a_hint_of_what_never_comes_does_not_make_it_ask_for_ever() {
    let mut rig = Rig::ready();
    let scope = rig.server.scope(ScopeKind::Tenant).id;
    rig.client.step(Event::Feed(FeedMessage { scope, to: Some(i64::MAX) }));
    let mut pulls = 0;
    for _ in 0..200 {
        while let Some(call) = rig.client.calls.pop_front() {
            pulls += 1;
            rig.answer(&call);
        }
        rig.client.mono_ms += 10;
        if rig.client.wake_ms.is_some_and(|at| at <= rig.client.mono_ms) {
            rig.client.wake_ms = None;
            rig.client.step(Event::Tick);
        }
    }
    assert!((2..=8).contains(&pulls), "{pulls} pulls in two seconds");
}
