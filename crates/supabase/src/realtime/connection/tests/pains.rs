//! The pains of clients of Supabase Realtime, one test or more for each, under its name.

use std::time::Duration;

use serde_json::{Value, json};

use super::script::{Script, broken, events, frames, join_reference, person, specs};
use crate::Error;
use crate::realtime::connection::{Effect, Input};
use crate::realtime::protocol::{Binding, BroadcastPayload, Json, Outgoing, ServerMessage};
use crate::realtime::{ChannelSpec, CloseReason, Extension, RealtimeEvent, SystemMessage};

const SECOND: Duration = Duration::from_secs(1);

fn rows() -> ChannelSpec {
    ChannelSpec::private("a").changes(Binding::table("public", "rows"))
}

fn ready() -> RealtimeEvent {
    RealtimeEvent::Ready { topic: "a".into(), extension: Extension::PostgresChanges }
}

fn joined() -> RealtimeEvent {
    RealtimeEvent::Joined { topic: "a".into() }
}

fn broadcast(request: u64, payload: Value) -> Input {
    let payload = BroadcastPayload::Json(payload.into());
    Input::Broadcast { request, topic: "a".into(), event: "e".into(), payload }
}

fn answers(effects: Vec<Effect>) -> Vec<Result<(), Error>> {
    let answers = effects.into_iter().filter_map(|effect| match effect {
        Effect::Answer { outcome, .. } => Some(outcome),
        _ => None,
    });
    answers.collect()
}

#[test]
fn events_between_reply_and_readiness_the_reply_alone_promises_nothing() {
    let mut script = Script::connected();
    let effects = script.put(Input::Wanted(vec![rows()]));
    assert_eq!(events(&script.let_join(&effects)), [joined()], "joined is not ready");
    assert_eq!(events(&script.subscribed("a")), [ready()]);
    let spec = ChannelSpec::private("b").replication_ready();
    let effects = script.put(Input::Wanted(vec![rows(), spec]));
    assert_eq!(events(&script.let_join(&effects)), [RealtimeEvent::Joined { topic: "b".into() }]);
    let effects = script.say("b", "ok", "Replication connection established", "broadcast");
    let expected = RealtimeEvent::Ready { topic: "b".into(), extension: Extension::DatabaseBroadcasts };
    assert_eq!(events(&effects), [expected]);
}

#[test]
fn events_between_reply_and_readiness_a_server_that_never_gets_ready_is_asked_anew() {
    let mut script = Script::joined_to(rows());
    assert_eq!(script.live_on(29 * SECOND), []);
    // It says that it is trying, which begins the time anew.
    script.say("a", "error", "{:error, \"Too many database timeouts\"}", "postgres_changes");
    assert_eq!(script.live_on(29 * SECOND), []);
    let effects = script.pass(SECOND);
    let closed = RealtimeEvent::ChannelClosed { topic: "a".into(), reason: CloseReason::Unconfirmed };
    assert_eq!(events(&effects), [closed]);
    assert!(matches!(frames(&effects).as_slice(), [Outgoing::Leave { .. }]), "{effects:?}");
    script.live_on(2 * SECOND);
    script.put(Input::Timer);
    assert!(script.connection.channels[0].state.is_on_the_server(), "joined anew");
}

#[test]
fn lost_subscription_after_reconnect_every_binding_is_asked_for_and_confirmed_again() {
    let mut script = Script::joined_to(rows());
    script.subscribed("a");
    let effects = script.reconnect("t1");
    let [Outgoing::Join { config, .. }] = frames(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(**config, rows().config);
    assert_eq!(events(&script.let_join(&effects)), [joined()]);
    assert_eq!(events(&script.subscribed("a")), [ready()]);
    assert_eq!(events(&script.changed("a", &[1])).len(), 1);
}

#[test]
fn stale_token_on_rejoin_a_fresh_one_comes_first() {
    let mut script = Script::joined_to(rows());
    let effects = script.reconnect("t2");
    let [Outgoing::Join { token: Some(token), .. }] = frames(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(token.expose(), "t2");
}

#[test]
fn first_join_without_a_token_waits_for_the_token() {
    let mut script = Script::new(1);
    script.put(Input::Wanted(vec![rows()]));
    for _ in 0..10 {
        let effects = script.put(Input::Token(Err("not signed in yet".into())));
        assert!(frames(&effects).is_empty() && !effects.contains(&Effect::Open), "{effects:?}");
        assert_eq!(script.next(), [Effect::FetchToken]);
    }
    assert_eq!(script.put(Input::Token(Ok("t1".into()))), [Effect::Open]);
    let effects = script.put(Input::Opened);
    assert!(join_reference(&effects, "a").is_some());
}

#[test]
fn closed_for_ever_after_expiry_it_is_joined_again_with_another_token() {
    for complaint in ["Token has expired 0 seconds ago", ":signature_error", "The token provided is not a valid JWT"] {
        let mut script = Script::joined_to(rows());
        let effects = script.close_channel("a", "2", complaint);
        assert!(effects.contains(&Effect::RejectToken("t1".into())), "{complaint}: the source must not repeat it");
        assert_eq!(script.next(), [Effect::FetchToken]);
        let effects = script.put(Input::Token(Ok("t2".into())));
        let [Outgoing::Join { token: Some(token), .. }] = frames(&effects)[..] else { panic!("{effects:?}") };
        assert_eq!(token.expose(), "t2");
    }
}

#[test]
fn a_pushed_token_that_the_server_never_confirms_joins_anew() {
    let mut script = Script::joined_to(rows());
    script.subscribed("a");
    script.put(Input::TokenChanged);
    let effects = script.put(Input::Token(Ok("t2".into())));
    assert!(matches!(frames(&effects)[..], [Outgoing::AccessToken { .. }]), "{effects:?}");
    assert_eq!(events(&script.pass(9 * SECOND)), []);
    let effects = script.pass(SECOND);
    let closed = RealtimeEvent::ChannelClosed { topic: "a".into(), reason: CloseReason::Unconfirmed };
    assert_eq!(events(&effects), [closed]);

    let mut script = Script::joined_to(rows());
    script.subscribed("a");
    script.put(Input::TokenChanged);
    script.put(Input::Token(Ok("t2".into())));
    assert_eq!(events(&script.subscribed("a")), [ready()], "under the new claims: read again");
    assert_eq!(events(&script.pass(11 * SECOND)), []);
}

#[test]
fn duplicate_bindings_are_sent_once_and_each_gets_its_changes() {
    let (rows, other) = (Binding::table("public", "rows"), Binding::table("public", "other"));
    let spec = ChannelSpec::private("a").changes(rows.clone()).changes(other.clone()).changes(rows.clone());
    let mut script = Script::connected();
    let effects = script.put(Input::Wanted(vec![spec]));
    let [Outgoing::Join { config, .. }] = frames(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(config.postgres_changes, [rows, other]);
    script.let_join(&effects);
    let matched = |effects: Vec<Effect>| match &events(&effects)[..] {
        [RealtimeEvent::PostgresChange { bindings, .. }] => bindings.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(matched(script.changed("a", &[1, 1])), [0, 2], "the event is told once, for both");
    assert_eq!(matched(script.changed("a", &[2, 1])), [0, 1, 2]);
    assert_eq!(script.changed("a", &[77]), [], "of a binding of an earlier specification");
}

#[test]
fn one_bad_binding_cancels_all_and_is_no_retry_loop() {
    let mut script = Script::joined_to(rows());
    let text = "Error parsing `filter` params: [\"undefined\"]";
    let refused = RealtimeEvent::BindingsRefused { topic: "a".into(), reason: text.into() };
    assert_eq!(events(&script.say("a", "error", text, "postgres_changes")), [refused]);
    let told = script.live_on(600 * SECOND);
    assert!(told.iter().all(|event| matches!(event, RealtimeEvent::ReadAgain { .. })), "{told:?}");
    let effects = script.put(Input::Wanted(vec![rows()]));
    let anew = matches!(frames(&effects)[..], [Outgoing::Leave { .. }, Outgoing::Join { .. }]);
    assert!(anew, "set again, it is tried again: {effects:?}");
    assert_eq!(script.put(Input::Wanted(vec![rows()])), [], "once");
}

#[test]
fn a_reply_that_does_not_number_every_binding_is_a_refusal() {
    let mut script = Script::connected();
    let effects = script.put(Input::Wanted(vec![rows()]));
    let reference = join_reference(&effects, "a").unwrap();
    let effects = script.reply("a", &reference, Ok(()));
    assert!(matches!(&events(&effects)[..], [RealtimeEvent::Joined { .. }, RealtimeEvent::BindingsRefused { .. }]));
}

#[test]
fn presence_ghosts_leave_when_there_is_no_connection_any_more() {
    let mut script = Script::joined_to(ChannelSpec::private("a").presence("me"));
    script.state("a", vec![person("ada", "1", None), person("ben", "2", None)]);
    let effects = script.put(Input::SocketClosed(broken("1006")));
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Emit(RealtimeEvent::Presence { .. }))),
        "not at once"
    );
    let lost = script.now;
    let left = loop {
        assert!(script.now - lost <= 80 * SECOND, "the ghosts stay");
        let effects = script.next();
        if effects.contains(&Effect::FetchToken) {
            script.put(Input::Token(Ok("t".into())));
            script.put(Input::OpenFailed(broken("refused")));
        }
        let presence = events(&effects).into_iter().find_map(|event| match event {
            RealtimeEvent::Presence { change, .. } => Some(change.left),
            _ => None,
        });
        if let Some(left) = presence {
            break left;
        }
    };
    assert_eq!(left.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["ada", "ben"]);
    assert_eq!(script.now - lost, 75 * SECOND);
}

#[test]
fn presence_flicker_is_not_told() {
    let mut script = Script::joined_to(ChannelSpec::private("a").presence("me"));
    script.state("a", vec![person("ada", "1", None)]);
    assert_eq!(script.diff("a", vec![], vec![person("ada", "1", None)]), [], "held back");
    script.pass(2 * SECOND);
    assert_eq!(events(&script.diff("a", vec![person("ada", "2", None)], vec![])), [], "she is back");
    assert_eq!(script.live_on(10 * SECOND), []);
    script.diff("a", vec![], vec![person("ada", "2", None)]);
    let told = script.live_on(3 * SECOND);
    assert!(matches!(&told[..], [RealtimeEvent::Presence { change, .. }] if change.left.len() == 1), "{told:?}");
}

#[test]
fn oversized_payloads_are_refused_before_they_cost_the_socket() {
    let mut script = Script::joined(&["a"]);
    let answer = answers(script.put(broadcast(1, json!("x".repeat(3_000 * 1024)))));
    assert_eq!(answer, [Err(Error::PayloadTooLarge { size: 3_000 * 1024 + 2, limit: 3_000 * 1024 })]);
    let effects = script.put(broadcast(2, json!("x".repeat(3_000 * 1024 - 2))));
    assert_eq!(frames(&effects).len(), 1, "the largest that is taken goes");
}

#[test]
fn rate_limits_a_budget_of_ones_own_keeps_the_projects() {
    let mut options = super::script::options();
    options.broadcasts_per_second = Some(10);
    let mut script = Script::with(1, options);
    script.put(Input::Wanted(specs(&["a"])));
    script.put(Input::Token(Ok("t1".into())));
    let effects = script.put(Input::Opened);
    script.let_join(&effects);
    let outcomes: Vec<_> = (0..15).map(|request| frames(&script.put(broadcast(request, json!(1)))).len()).collect();
    assert_eq!(outcomes.iter().sum::<usize>(), 10);
    assert!(matches!(answers(script.put(broadcast(99, json!(1))))[..], [Err(Error::OverBudget { .. })]));
    script.pass(SECOND);
    assert_eq!(frames(&script.put(broadcast(100, json!(1)))).len(), 1);
}

#[test]
fn rate_limits_of_the_server_close_a_channel_that_comes_back() {
    let mut script = Script::joined(&["a"]);
    let effects = script.close_channel("a", "2", "Too many messages per second");
    let reason = CloseReason::Said(SystemMessage::TooManyMessages);
    assert_eq!(events(&effects), [RealtimeEvent::ChannelClosed { topic: "a".into(), reason }]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::RejectToken(_))), "the token is good");
    script.live_on(2 * SECOND);
    assert!(script.connection.channels[0].state.is_on_the_server());
}

#[test]
fn a_postgres_restart_that_the_server_never_mentions_one_is_told_to_read_on_a_timer() {
    let mut script = Script::joined_to(rows());
    script.subscribed("a");
    let told = script.live_on(600 * SECOND);
    assert!(told.iter().all(|event| *event == RealtimeEvent::ReadAgain { topic: "a".into() }), "{told:?}");
    assert!((9..=11).contains(&told.len()), "{}", told.len());
    // Clients of clients need no reading: nothing of theirs is in the database.
    let mut script = Script::joined(&["a"]);
    assert_eq!(script.live_on(600 * SECOND), []);
}

#[test]
fn a_postgres_restart_that_the_server_never_mentions_subscriptions_can_be_renewed() {
    let mut options = super::script::options();
    (options.read_again_every, options.resubscribe_every) = (None, Some(100 * SECOND));
    let mut script = Script::with(1, options);
    script.put(Input::Wanted(vec![rows()]));
    script.put(Input::Token(Ok("t1".into())));
    let effects = script.put(Input::Opened);
    script.answer_heartbeat(&effects);
    script.put(Input::Token(Ok("t1".into())));
    script.let_join(&effects);
    script.subscribed("a");
    let told = script.live_on(111 * SECOND);
    assert_eq!(told, [RealtimeEvent::ChannelClosed { topic: "a".into(), reason: CloseReason::Renewed }]);
    assert!(script.connection.channels[0].state.is_on_the_server(), "and joined again at once");
}

#[test]
fn a_message_that_is_replayed_or_comes_twice_is_told_once() {
    let mut script = Script::joined_to(ChannelSpec::private("a").replay(0, 25));
    let comes = |script: &mut Script, id: &str, replayed: bool| {
        let (topic, event, id) = ("realtime:a".to_owned(), "e".to_owned(), Some(id.to_owned()));
        let payload = BroadcastPayload::Json(Json::default());
        events(&script.put(Input::Message(ServerMessage::Broadcast { topic, event, payload, id, replayed }))).len()
    };
    assert_eq!((comes(&mut script, "1", false), comes(&mut script, "1", false)), (1, 0));
    let effects = script.reconnect("t1");
    let [Outgoing::Join { config, .. }] = frames(&effects)[..] else { panic!("{effects:?}") };
    assert!(config.broadcast.replay.is_some(), "asked for at each join");
    script.let_join(&effects);
    assert_eq!((comes(&mut script, "1", true), comes(&mut script, "2", true)), (0, 1));
}
