//! Presence: folding what the server says, and making oneself known.

use std::time::Duration;

use serde_json::{Value, json};

use super::script::{Script, events, frames, person};
use crate::Error;
use crate::realtime::connection::{Effect, Input};
use crate::realtime::presence::PresenceMap;
use crate::realtime::protocol::{Json, Outgoing};
use crate::realtime::{ChannelSpec, PresenceChange, PresenceProblem, RealtimeEvent};

const SECOND: Duration = Duration::from_secs(1);

fn n(payload: &Json) -> u64 {
    payload.get::<Value>().unwrap()["n"].as_u64().unwrap()
}

fn room() -> ChannelSpec {
    ChannelSpec::private("a").presence("me")
}

fn keys(map: &PresenceMap) -> Vec<&str> {
    map.iter().map(|(key, _)| key.as_str()).collect()
}

/// Who joined, changed and left.
fn told(effects: &[Effect]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut all = PresenceChange::default();
    for event in events(effects) {
        if let RealtimeEvent::Presence { change, .. } = event {
            all.joined.extend(change.joined);
            all.updated.extend(change.updated);
            all.left.extend(change.left);
        }
    }
    let owned = |map: &PresenceMap| keys(map).into_iter().map(str::to_owned).collect();
    (owned(&all.joined), owned(&all.updated), owned(&all.left))
}

fn lists(joined: &[&str], updated: &[&str], left: &[&str]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let owned = |list: &[&str]| list.iter().map(|key| (*key).to_owned()).collect();
    (owned(joined), owned(updated), owned(left))
}

fn renamed(key: &str, reference: &str, previous: &str) -> PresenceMap {
    let (key, mut metas) = person(key, reference, Some(previous));
    metas[0].payload = json!({ "name": "another" }).into();
    vec![(key, metas)]
}

#[test]
fn a_leave_and_a_join_of_one_key_is_an_update() {
    let mut script = Script::joined_to(room());
    assert_eq!(told(&script.state("a", vec![person("ada", "1", None)])), lists(&["ada"], &[], &[]));
    let effects = script.diff("a", renamed("ada", "2", "1"), vec![person("ada", "1", None)]);
    assert_eq!(told(&effects), lists(&[], &["ada"], &[]));
    let Some(Effect::Roster { everybody: Some(everybody), .. }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(everybody[0].1.len(), 1, "the old one is replaced, not kept beside");
    assert_eq!(script.live_on(20 * SECOND), []);
}

#[test]
fn two_windows_of_one_person_are_one_key() {
    let mut script = Script::joined_to(room());
    script.state("a", vec![person("ada", "1", None)]);
    assert_eq!(told(&script.diff("a", vec![person("ada", "2", None)], vec![])), lists(&[], &["ada"], &[]));
    let effects = script.diff("a", vec![], vec![person("ada", "1", None)]);
    assert_eq!(told(&effects), lists(&[], &["ada"], &[]), "one window closed");
    script.diff("a", vec![], vec![person("ada", "2", None)]);
    assert_eq!(told(&script.pass(3 * SECOND)), lists(&[], &[], &["ada"]));
}

#[test]
fn differences_before_the_state_are_added_to_it() {
    let mut script = Script::joined_to(room());
    assert_eq!(script.diff("a", vec![person("ben", "2", None)], vec![]), []);
    assert_eq!(script.diff("a", vec![], vec![person("ada", "1", None)]), []);
    let effects = script.state("a", vec![person("ada", "1", None), person("cleo", "3", None)]);
    assert_eq!(told(&effects), lists(&["ben", "cleo"], &[], &[]));
}

#[test]
fn a_reconnect_is_neither_a_leave_of_all_nor_a_join_of_all() {
    let mut script = Script::joined_to(room());
    script.state("a", vec![person("ada", "1", None), person("ben", "2", None)]);
    let effects = script.reconnect("t1");
    assert_eq!(told(&effects), lists(&[], &[], &[]));
    script.let_join(&effects);
    // Ada is there under a new reference, Ben is not, Cleo is new.
    let effects = script.state("a", vec![person("ada", "7", None), person("cleo", "8", None)]);
    assert_eq!(told(&effects), lists(&["cleo"], &[], &[]));
    script.pass(9 * SECOND);
    assert_eq!(told(&script.pass(SECOND)), lists(&[], &[], &["ben"]), "after a longer grace");
}

#[test]
fn the_state_of_an_earlier_join_is_old() {
    let mut script = Script::joined_to(room());
    let (topic, join_ref) = ("realtime:a".to_owned(), Some("999".to_owned()));
    let presences = vec![person("ada", "1", None)];
    let state = crate::realtime::protocol::ServerMessage::PresenceState { topic, join_ref, presences };
    assert_eq!(script.put(Input::Message(state)), []);
}

#[test]
fn a_channel_that_is_not_followed_says_nothing_and_forgets() {
    let mut script = Script::joined(&["a"]);
    assert_eq!(
        script.diff("a", vec![person("ada", "1", None)], vec![]),
        [],
        "differences come without being asked for"
    );
    let mut script = Script::joined_to(room());
    script.state("a", vec![person("ada", "1", None)]);
    let effects = script.put(Input::Wanted(vec![]));
    assert!(effects.contains(&Effect::Roster { topic: "a".into(), everybody: None }));
    assert_eq!(script.live_on(200 * SECOND), [], "nobody waits to hear that she left");
}

#[test]
fn what_is_tracked_is_told_again_after_each_rejoin() {
    let mut script = Script::connected();
    let effects = script.put(Input::Wanted(vec![room()]));
    let wish = script.track("a", 5);
    assert_eq!(wish, [Effect::Answer { request: 1005, outcome: Ok(()) }], "kept until the channel is live");
    let tracks = |effects: &[Effect]| {
        frames(effects).into_iter().find_map(|frame| match frame {
            Outgoing::Track { payload, .. } => Some(n(payload)),
            _ => None,
        })
    };
    assert_eq!(tracks(&script.let_join(&effects)), Some(5));
    let effects = script.reconnect("t1");
    assert_eq!(tracks(&script.let_join(&effects)), Some(5));
    // The same under a changed specification.
    let effects = script.put(Input::Wanted(vec![room().echo()]));
    assert_eq!(tracks(&script.let_join(&effects)), Some(5));
    let effects = script.put(Input::Track { request: 1, topic: "a".into(), payload: None });
    assert!(matches!(frames(&effects)[..], [Outgoing::Untrack { .. }]));
    let effects = script.reconnect("t1");
    assert_eq!(frames(&script.let_join(&effects)), Vec::<&Outgoing>::new());
}

#[test]
fn tracking_faster_than_the_server_allows_sends_the_last_wish() {
    let mut script = Script::joined_to(room());
    let sent: usize = (0..100).map(|n| frames(&script.track("a", n)).len()).sum();
    assert_eq!(sent, 4);
    assert_eq!(frames(&script.pass(29 * SECOND)).len(), 1, "the heartbeat only");
    let effects = script.pass(SECOND);
    let last = frames(&effects).into_iter().find_map(|frame| match frame {
        Outgoing::Track { payload, .. } => Some(n(payload)),
        _ => None,
    });
    assert_eq!(last, Some(99));
}

#[test]
fn what_cannot_be_tracked_is_a_typed_error() {
    let mut script = Script::joined(&["a"]);
    let outcome = |problem| Err(Error::Presence { topic: "a".into(), problem });
    let refused = Effect::Answer { request: 1001, outcome: outcome(PresenceProblem::NotEnabled) };
    assert_eq!(script.track("a", 1), [refused]);
    script.put(Input::Wanted(vec![]));
    let refused = Effect::Answer { request: 1001, outcome: outcome(PresenceProblem::UnknownChannel) };
    assert_eq!(script.track("a", 1), [refused]);
}

#[test]
fn a_call_on_a_channel_that_the_server_lost_joins_anew_and_tells_again() {
    let mut script = Script::joined_to(room());
    let effects = script.track("a", 1);
    let reference = frames(&effects).into_iter().find_map(|frame| match frame {
        Outgoing::Track { reference, .. } => Some(reference.clone()),
        _ => None,
    });
    let effects = script.reply("a", &reference.unwrap(), Err("unmatched topic"));
    assert!(matches!(events(&effects)[..], [RealtimeEvent::ChannelClosed { .. }]), "{effects:?}");
    let effects = script.next();
    let effects =
        if effects.contains(&Effect::FetchToken) { script.put(Input::Token(Ok("t1".into()))) } else { effects };
    let effects = script.let_join(&effects);
    assert!(matches!(frames(&effects)[..], [Outgoing::Track { .. }]), "{effects:?}");
}

#[test]
fn a_refused_call_is_told_and_not_repeated() {
    let mut script = Script::joined_to(room());
    let effects = script.track("a", 1);
    let reference = frames(&effects).into_iter().find_map(|frame| match frame {
        Outgoing::Track { reference, .. } => Some(reference.clone()),
        _ => None,
    });
    let effects = script.reply("a", &reference.unwrap(), Err("no right to write"));
    let refused = RealtimeEvent::PresenceRefused { topic: "a".into(), reason: "no right to write".into() };
    assert_eq!(events(&effects), [refused]);
    assert_eq!(script.live_on(100 * SECOND), []);
}
