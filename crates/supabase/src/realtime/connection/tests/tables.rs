//! One test per rule. Many carry the name of a pain of existing clients.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::script::{Script, broken, events, frames, heartbeat, join_reference, specs};
use crate::Error;
use crate::realtime::connection::{Effect, Input};
use crate::realtime::protocol::{Binding, BroadcastPayload, Json, Outgoing, ServerMessage};
use crate::realtime::{ChannelSpec, CloseReason, JoinRefusal, RealtimeEvent, SystemMessage};

const SECOND: Duration = Duration::from_secs(1);

fn broadcast(request: u64) -> Input {
    Input::Broadcast { request, topic: "a".into(), event: "e".into(), payload: BroadcastPayload::Json(json!(1).into()) }
}

fn disconnected(effects: &[Effect]) -> Option<(String, Duration)> {
    events(effects).into_iter().find_map(|event| match event {
        RealtimeEvent::Disconnected { reason, retry_in } => Some((reason.to_string(), retry_in)),
        _ => None,
    })
}

#[test]
fn a_token_comes_before_the_socket_and_the_socket_before_the_join() {
    let mut script = Script::new(1);
    assert_eq!(script.put(Input::Wanted(specs(&["a"]))), [Effect::FetchToken]);
    assert_eq!(script.put(Input::Token(Ok("t1".into()))), [Effect::Open]);
    let effects = script.put(Input::Opened);
    let [Effect::Send(Outgoing::Heartbeat { .. }), Effect::FetchToken, Effect::Send(Outgoing::Join { token, .. })] =
        effects.as_slice()
    else {
        panic!("{effects:?}");
    };
    assert_eq!(token.as_ref().unwrap().expose(), "t1");
}

#[rstest]
#[case::failed(Err("the network is down".to_owned()))]
#[case::empty(Ok("".into()))]
fn nothing_is_opened_or_joined_without_a_token(#[case] token: Result<crate::Secret, String>) {
    let mut script = Script::new(1);
    script.put(Input::Wanted(specs(&["a"])));
    let effects = script.put(Input::Token(token));
    assert!(disconnected(&effects).is_some_and(|(reason, _)| reason.starts_with("no access token")));
    assert!(!effects.contains(&Effect::Open));
    assert_eq!(script.next(), [Effect::FetchToken], "it is asked for again");
}

#[test]
fn an_accepted_socket_is_no_connection_until_the_server_speaks() {
    let mut script = Script::new(1);
    script.put(Input::Timer);
    script.put(Input::Token(Ok("t1".into())));
    let effects = script.put(Input::Opened);
    assert_eq!(events(&effects), []);
    assert_eq!(events(&script.answer_heartbeat(&effects)), [RealtimeEvent::Connected]);
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_found_within_one_heartbeat() {
    let mut script = Script::new(1);
    script.put(Input::Timer);
    script.put(Input::Token(Ok("t1".into())));
    script.put(Input::Opened);
    assert_eq!(disconnected(&script.pass(24 * SECOND)), None);
    let effects = script.pass(SECOND);
    assert!(effects.contains(&Effect::Close));
    assert!(disconnected(&effects).is_some_and(|(reason, _)| reason.contains("heartbeat")));
}

#[test]
fn a_live_socket_beats_every_interval_and_a_missing_reply_ends_it() {
    let mut script = Script::connected();
    for _ in 0..5 {
        let effects = script.next();
        script.answer_heartbeat(&effects);
        script.put(Input::Token(Ok("t1".into())));
    }
    assert!(heartbeat(&script.next()).is_some());
    // Another frame is no substitute: what we send may be what gets lost.
    script.put(Input::Message(ServerMessage::Other { topic: "realtime:x".into(), event: "e".into() }));
    assert!(disconnected(&script.next()).is_some());
}

#[test]
fn our_own_slow_reader_is_not_the_servers_silence() {
    let mut script = Script::connected();
    script.put(Input::Reading(false));
    for _ in 0..10 {
        assert_eq!(disconnected(&script.next()), None);
    }
    script.put(Input::Reading(true));
    assert_eq!(disconnected(&script.pass(24 * SECOND)), None, "the whole interval counts from here");
    assert!(disconnected(&script.pass(SECOND)).is_some());
}

#[test]
fn without_a_reader_neither_a_join_nor_a_confirmation_is_missed() {
    let mut script = Script::joined_to(ChannelSpec::private("a").changes(Binding::table("public", "rows")));
    script.put(Input::Wanted(vec![
        ChannelSpec::private("a").changes(Binding::table("public", "rows")),
        ChannelSpec::private("b"),
    ]));
    script.put(Input::Reading(false));
    let mut told = Vec::new();
    for _ in 0..200 {
        told.extend(events(&script.next()));
    }
    assert!(told.iter().all(|event| matches!(event, RealtimeEvent::ReadAgain { .. })), "{told:?}");
    script.put(Input::Reading(true));
    assert_eq!(script.live_on(9 * SECOND), [], "it may lie unread");
    assert!(matches!(script.live_on(2 * SECOND)[..], [RealtimeEvent::ChannelClosed { .. }]), "and then it is missing");
}

#[test]
fn the_pause_grows_without_an_end_and_is_reset_only_after_a_stable_while() {
    let mut script = Script::new(7);
    let (mut longest, mut last) = (Duration::ZERO, Duration::ZERO);
    script.put(Input::Timer);
    for _ in 0..40 {
        script.put(Input::Token(Ok("t".into())));
        // Opened and closed at once each time: that is not stable.
        script.put(Input::Opened);
        let effects = script.put(Input::SocketClosed(broken("close 1000")));
        last = disconnected(&effects).unwrap().1;
        longest = longest.max(last);
        script.next();
    }
    assert!(longest > 10 * SECOND && longest <= 30 * SECOND, "{longest:?}");
    assert!(last > Duration::ZERO);
    script.put(Input::Token(Ok("t".into())));
    let effects = script.put(Input::Opened);
    script.answer_heartbeat(&effects);
    script.now += 31 * SECOND;
    let effects = script.put(Input::SocketClosed(broken("close 1012")));
    assert!(disconnected(&effects).unwrap().1 <= SECOND, "a stable connection starts afresh");
}

#[test]
fn one_join_at_a_time() {
    let mut script = Script::connected();
    let effects = script.put(Input::Wanted(specs(&["a", "b", "c"])));
    assert_eq!(frames(&effects).len(), 1, "{effects:?}");
    let first = join_reference(&effects, "a").unwrap();
    let effects = script.reply("a", &first, Ok(()));
    let second = join_reference(&effects, "b").unwrap();
    let effects = script.reply("b", &second, Err("Unauthorized: no"));
    assert!(join_reference(&effects, "c").is_some(), "a refusal does not hold up the others");
}

#[test]
fn setting_the_same_channels_again_changes_nothing() {
    let mut script = Script::joined(&["a", "b"]);
    assert_eq!(script.put(Input::Wanted(specs(&["a", "b"]))), []);
    assert_eq!(
        script.put(Input::Wanted(specs(&["realtime:b", "a", "a"]))),
        [],
        "prefix, order and repetition are no change"
    );
}

#[test]
fn what_is_no_longer_wanted_is_left_and_not_heard() {
    let mut script = Script::joined(&["a", "b"]);
    let effects = script.put(Input::Wanted(specs(&["b"])));
    assert!(matches!(frames(&effects).as_slice(), [Outgoing::Leave { topic, .. }] if topic == "a"));
    let late = ServerMessage::Broadcast {
        topic: "realtime:a".into(),
        event: "e".into(),
        payload: BroadcastPayload::Json(Json::default()),
        id: None,
        replayed: false,
    };
    assert_eq!(script.put(Input::Message(late)), []);
}

#[test]
fn a_changed_specification_leaves_and_joins_anew() {
    let mut script = Script::joined(&["a"]);
    let effects = script.put(Input::Wanted(vec![ChannelSpec::public("a")]));
    assert!(
        matches!(frames(&effects).as_slice(), [Outgoing::Leave { .. }, Outgoing::Join { config, .. }] if !config.private)
    );
    // The close of the old join, which comes after the new one was sent, must not end the new one.
    let closed = ServerMessage::Closed { topic: "realtime:a".into(), join_ref: Some("2".into()) };
    assert_eq!(events(&script.put(Input::Message(closed))), []);
}

#[test]
fn a_refused_channel_is_reported_and_not_retried_by_itself() {
    let mut script = Script::connected();
    let effects = script.put(Input::Wanted(specs(&["a"])));
    let reference = join_reference(&effects, "a").unwrap();
    let reason = "Unauthorized: You do not have permissions to read from this Channel topic: a";
    let effects = script.reply("a", &reference, Err(reason));
    assert_eq!(
        events(&effects),
        [RealtimeEvent::Refused { topic: "a".into(), reason: JoinRefusal::Unauthorized(reason.into()) }]
    );
    for _ in 0..20 {
        let effects = script.next();
        assert_eq!(join_reference(&effects, "a"), None);
        script.answer_heartbeat(&effects);
        script.put(Input::Token(Ok("t1".into())));
    }
    let effects = script.put(Input::Wanted(specs(&["a"])));
    assert!(join_reference(&effects, "a").is_some(), "set again, it is tried again: {effects:?}");
}

#[test]
fn a_refused_channel_set_again_at_once_waits_out_its_pause() {
    let mut script = Script::connected();
    let effects = script.put(Input::Wanted(specs(&["a"])));
    let reference = join_reference(&effects, "a").unwrap();
    script.reply("a", &reference, Err("Unauthorized: no"));
    for _ in 0..10 {
        assert_eq!(script.put(Input::Wanted(specs(&["a"]))), [], "never a join loop");
    }
    script.pass(5 * SECOND);
    let effects = script.put(Input::Token(Ok("t1".into())));
    assert!(join_reference(&effects, "a").is_some());
}

#[test]
fn first_a_fresh_token_then_the_rejoin() {
    let mut script = Script::joined(&["a"]);
    script.put(Input::SocketClosed(broken("close 1012")));
    assert_eq!(script.next(), [Effect::FetchToken]);
    assert_eq!(script.put(Input::Token(Ok("t2".into()))), [Effect::Open]);
    script.put(Input::Opened);
    let effects = script.next();
    let rejoined = frames(&effects)
        .into_iter()
        .any(|frame| matches!(frame, Outgoing::Join { token: Some(token), .. } if token.expose() == "t2"));
    assert!(rejoined, "{effects:?}");
}

#[test]
fn a_new_token_is_pushed_to_live_channels() {
    let mut script = Script::joined(&["a", "b"]);
    assert_eq!(script.put(Input::TokenChanged), [Effect::FetchToken]);
    let effects = script.put(Input::Token(Ok("t2".into())));
    let pushed: Vec<_> = frames(&effects)
        .into_iter()
        .filter_map(|frame| match frame {
            Outgoing::AccessToken { topic, token, .. } if token.expose() == "t2" => Some(topic.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(pushed, ["a", "b"]);
}

#[test]
fn a_token_that_is_replaced_on_the_beat_is_pushed_too() {
    let mut script = Script::joined(&["a"]);
    assert!(script.next().contains(&Effect::FetchToken), "a source that cannot tell is asked on each beat");
    let effects = script.put(Input::Token(Ok("t2".into())));
    assert!(matches!(frames(&effects).as_slice(), [Outgoing::AccessToken { .. }]));
    script.next();
    assert_eq!(script.put(Input::Token(Ok("t2".into()))), [], "the same token is not pushed twice");
}

#[test]
fn a_channel_closed_for_an_expired_token_is_joined_again_with_another() {
    let mut script = Script::joined(&["a"]);
    let join_ref = "2";
    let effects = script.close_channel("a", join_ref, "Token has expired 0 seconds ago");
    let reason = CloseReason::Said(SystemMessage::TokenExpired("Token has expired 0 seconds ago".to_owned()));
    assert_eq!(events(&effects), [RealtimeEvent::ChannelClosed { topic: "a".into(), reason }]);
    assert!(effects.contains(&Effect::RejectToken("t1".into())), "the source must not give it out again");
    assert_eq!(frames(&effects), Vec::<&Outgoing>::new(), "not at once");
    assert_eq!(script.next(), [Effect::FetchToken]);
    let effects = script.put(Input::Token(Ok("t2".into())));
    assert!(join_reference(&effects, "a").is_some(), "closed is not for ever");
}

#[test]
fn the_close_of_an_earlier_join_does_not_touch_the_present_one() {
    let mut script = Script::joined(&["a"]);
    let old = ServerMessage::Closed { topic: "realtime:a".into(), join_ref: Some("999".into()) };
    assert_eq!(script.put(Input::Message(old)), []);
}

#[test]
fn a_channel_that_the_server_no_longer_has_is_joined_again() {
    let mut script = Script::joined(&["a"]);
    let effects = script.put(broadcast(1));
    let [Effect::Send(Outgoing::Broadcast { reference, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let effects = script.reply("a", &reference.clone(), Err("unmatched topic"));
    assert!(matches!(events(&effects).as_slice(), [RealtimeEvent::ChannelClosed { .. }]), "{effects:?}");
    let effects = script.next();
    assert!(join_reference(&effects, "a").is_some(), "{effects:?}");
}

#[test]
fn a_join_without_an_answer_is_given_up_after_its_time() {
    let mut script = Script::connected();
    script.put(Input::Wanted(specs(&["a"])));
    let effects = script.pass(12 * SECOND);
    assert!(matches!(frames(&effects).as_slice(), [Outgoing::Leave { .. }]), "{effects:?}");
    assert!(matches!(events(&effects).as_slice(), [RealtimeEvent::ChannelClosed { .. }]));
}

#[test]
fn a_confirmed_broadcast_waits_for_the_servers_word() {
    let mut script = Script::joined(&["a"]);
    let effects = script.put(broadcast(1));
    let [Effect::Send(Outgoing::Broadcast { reference, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let reference = reference.clone();
    assert_eq!(script.reply("a", &reference, Ok(())), [Effect::Answer { request: 1, outcome: Ok(()) }]);
    script.put(broadcast(2));
    // A sender without the right to write never gets an answer.
    let effects = script.pass(10 * SECOND);
    assert!(effects.contains(&Effect::Answer { request: 2, outcome: Err(Error::Timeout) }));
    script.put(broadcast(3));
    let effects = script.put(Input::SocketClosed(broken("gone")));
    assert!(effects.contains(&Effect::Answer { request: 3, outcome: Err(Error::Closed) }));
    let not_joined = Err(Error::NotJoined { topic: "a".into() });
    assert_eq!(script.put(broadcast(4)), [Effect::Answer { request: 4, outcome: not_joined }]);
}

#[test]
fn a_payload_that_would_cost_the_socket_is_not_sent() {
    let mut script = Script::joined(&["a"]);
    let payload = BroadcastPayload::Json(json!("x".repeat(3_100_000)).into());
    let effects = script.put(Input::Broadcast { request: 1, topic: "a".into(), event: "e".into(), payload });
    assert!(matches!(effects.as_slice(), [Effect::Answer { outcome: Err(Error::PayloadTooLarge { .. }), .. }]));
}

#[test]
fn waking_ends_the_pause_and_probes_a_live_socket() {
    let mut script = Script::joined(&["a"]);
    let effects = script.put(Input::Wake);
    assert!(heartbeat(&effects).is_some() && effects.contains(&Effect::FetchToken));
    let effects = script.pass(8 * SECOND);
    assert!(disconnected(&effects).is_some(), "the probe is quicker than a heartbeat");
    for _ in 0..6 {
        // Long pauses from here on.
        script.next();
        script.put(Input::Token(Ok("t".into())));
        script.put(Input::OpenFailed(broken("refused")));
    }
    script.now += SECOND;
    assert_eq!(script.put(Input::Wake), [Effect::FetchToken]);
}

#[test]
fn waking_without_end_is_no_storm_of_attempts() {
    let mut script = Script::new(3);
    let mut attempts = 0;
    for _ in 0..1000 {
        let effects = script.put(Input::Wake);
        if effects.contains(&Effect::FetchToken) {
            attempts += 1;
            script.put(Input::Token(Ok("t".into())));
            script.put(Input::OpenFailed(broken("refused")));
        }
        script.now += Duration::from_millis(1);
    }
    assert!(attempts <= 3, "{attempts} attempts in a second");
}
