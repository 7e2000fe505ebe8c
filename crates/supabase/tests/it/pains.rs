//! The pains of clients of Supabase Realtime over real sockets, each under its name. Those of time (ghosts, rates, timers) are in the
//! state machine's own tests.

use bytes::Bytes;
use std::time::Duration;

use cockpit_supabase::realtime::change::{ColumnValue, Subject};
use cockpit_supabase::realtime::protocol::Binding;
use cockpit_supabase::realtime::{AnonKey, CloseReason, DisconnectReason, Extension, HandshakeRefusal};
use cockpit_supabase::{ChannelSpec, Error, Realtime, RealtimeEvent};
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::server::{Peer, Server, Tokens, joined_to, next, soon, spec};

fn rows() -> ChannelSpec {
    ChannelSpec::private("room").changes(Binding::table("public", "rt_default"))
}

fn ready() -> RealtimeEvent {
    RealtimeEvent::Ready { topic: "room".into(), extension: Extension::PostgresChanges }
}

/// Of the real server, with what a test needs of its columns.
fn deletion() -> Value {
    json!({
        "data": {
            "table": "rt_default",
            "type": "DELETE",
            "columns": [{ "name": "id", "type": "int8" }, { "name": "tenant_id", "type": "uuid" }],
            "errors": null,
            "schema": "public",
            "commit_timestamp": "2026-11-23T03:44:45.882Z",
            "old_record": { "id": 1 },
        },
        "ids": [1],
    })
}

fn insertion(text: &str) -> Value {
    json!({
        "data": {
            "table": "rt_default",
            "type": "INSERT",
            "record": { "t": text, "id": 2 },
            "columns": [{ "name": "id", "type": "int8" }, { "name": "t", "type": "text" }],
            "errors": null,
            "schema": "public",
            "commit_timestamp": "2026-11-23T03:44:45.882Z",
        },
        "ids": [1],
    })
}

async fn anew(server: &Server, events: &mut mpsc::Receiver<RealtimeEvent>) -> (Peer, Value) {
    assert!(matches!(next(events).await, RealtimeEvent::Disconnected { .. }));
    let mut peer = server.accept().await;
    let join = peer.let_join().await;
    assert_eq!(next(events).await, RealtimeEvent::Connected);
    assert_eq!(next(events).await, RealtimeEvent::Joined { topic: "room".into() });
    (peer, join)
}

#[tokio::test]
async fn events_between_reply_and_readiness_ready_is_said_apart() {
    let server = Server::start().await;
    let (realtime, mut events, mut peer) = joined_to(rows(), &server, server.options(), Tokens::new("t1")).await;
    peer.say("ok", "Subscribed to PostgreSQL", "postgres_changes").await;
    assert_eq!(next(&mut events).await, ready());
    peer.tell("postgres_changes", insertion("after")).await;
    let RealtimeEvent::PostgresChange { bindings, change, .. } = next(&mut events).await else { panic!("no change") };
    assert_eq!(bindings, [0]);
    let Subject::Row(row) = change.subject() else { panic!("{change:?}") };
    assert_eq!(row.get("t"), Some(&ColumnValue::Text("after".into())));
    realtime.shutdown().await;
}

#[tokio::test]
async fn lost_subscription_after_reconnect_the_same_bindings_are_asked_for() {
    let server = Server::start().await;
    let (realtime, mut events, peer) = joined_to(rows(), &server, server.options(), Tokens::new("t1")).await;
    drop(peer);
    let (mut peer, join) = anew(&server, &mut events).await;
    let expected = json!([{ "event": "*", "schema": "public", "table": "rt_default" }]);
    assert_eq!(join[4]["config"]["postgres_changes"], expected);
    peer.say("ok", "Subscribed to PostgreSQL", "postgres_changes").await;
    assert_eq!(next(&mut events).await, ready(), "and read again after it");
    realtime.shutdown().await;
}

#[tokio::test]
async fn stale_token_on_rejoin_the_source_is_asked_first() {
    let server = Server::start().await;
    let tokens = Tokens::new("t1");
    let (realtime, mut events, peer) = joined_to(rows(), &server, server.options(), tokens.clone()).await;
    tokens.set("t2", false);
    drop(peer);
    let (_peer, join) = anew(&server, &mut events).await;
    assert_eq!(join[4]["access_token"], "t2");
    realtime.shutdown().await;
}

#[tokio::test]
async fn first_join_without_a_token_only_on_purpose() {
    let server = Server::start().await;
    let (realtime, mut events) = Realtime::spawn(server.options(), Tokens::new(""));
    realtime.set_channels(vec![spec("room")]);
    let RealtimeEvent::Disconnected { reason, .. } = next(&mut events).await else { panic!("connected") };
    assert!(matches!(reason, DisconnectReason::NoToken(_)), "{reason:?}");
    realtime.shutdown().await;
    let (realtime, _events) = Realtime::spawn(server.options(), Arc::new(AnonKey::new("anon-key")));
    realtime.set_channels(vec![spec("room")]);
    assert_eq!(server.accept().await.let_join().await[4]["access_token"], "anon-key");
    realtime.shutdown().await;
}

#[tokio::test]
async fn closed_for_ever_after_expiry_it_is_joined_again() {
    let server = Server::start().await;
    let tokens = Tokens::new("t1");
    let (realtime, mut events, mut peer) = joined_to(rows(), &server, server.options(), tokens.clone()).await;
    for round in 0..3 {
        tokens.set(&format!("fresh {round}"), false);
        peer.say("error", "Token has expired 0 seconds ago", "system").await;
        peer.tell("phx_close", json!({})).await;
        assert!(matches!(next(&mut events).await, RealtimeEvent::System { .. }));
        assert!(matches!(next(&mut events).await, RealtimeEvent::ChannelClosed { .. }));
        assert_eq!(peer.let_join().await[4]["access_token"], format!("fresh {round}"));
        assert_eq!(next(&mut events).await, RealtimeEvent::Joined { topic: "room".into() });
    }
    realtime.shutdown().await;
}

#[tokio::test]
async fn duplicate_bindings_are_sent_once() {
    let server = Server::start().await;
    let spec = rows().changes(Binding::table("public", "rt_default"));
    let (realtime, mut events) = Realtime::spawn(server.options(), Tokens::new("t1"));
    realtime.set_channels(vec![spec]);
    let mut peer = server.accept().await;
    let join = peer.let_join().await;
    assert_eq!(join[4]["config"]["postgres_changes"].as_array().unwrap().len(), 1);
    peer.tell("postgres_changes", insertion("x")).await;
    let bindings = loop {
        if let RealtimeEvent::PostgresChange { bindings, .. } = next(&mut events).await {
            break bindings;
        }
    };
    assert_eq!(bindings, [0, 1]);
    realtime.shutdown().await;
}

#[tokio::test]
async fn one_bad_binding_is_a_typed_refusal() {
    let server = Server::start().await;
    let (realtime, mut events, mut peer) = joined_to(rows(), &server, server.options(), Tokens::new("t1")).await;
    let text = "Unable to subscribe to changes with given parameters. Please check Realtime is enabled";
    peer.say("error", text, "postgres_changes").await;
    let refused = RealtimeEvent::BindingsRefused { topic: "room".into(), reason: text.into() };
    assert_eq!(next(&mut events).await, refused);
    // Its broadcasts go on.
    peer.broadcast("room", json!(1)).await;
    assert!(matches!(next(&mut events).await, RealtimeEvent::Broadcast { .. }));
    realtime.set_channels(vec![rows()]);
    peer.expect("phx_leave").await;
    peer.let_join().await;
    let closed = RealtimeEvent::ChannelClosed { topic: "room".into(), reason: CloseReason::Renewed };
    assert_eq!(next(&mut events).await, closed);
    realtime.shutdown().await;
}

#[tokio::test]
async fn oversized_payloads_never_reach_the_socket() {
    let server = Server::start().await;
    let (realtime, _events, mut peer) =
        joined_to(ChannelSpec::private("room"), &server, server.options(), Tokens::new("t1")).await;
    let large = realtime.broadcast("room", "e", json!("x".repeat(3_000 * 1024))).await;
    assert!(matches!(large, Err(Error::PayloadTooLarge { .. })), "{large:?}");
    let bytes = realtime.broadcast("room", "e", Bytes::from(vec![0; 3_000 * 1024 + 1])).await;
    assert!(matches!(bytes, Err(Error::PayloadTooLarge { .. })), "{bytes:?}");
    let event = "e".repeat(256);
    assert!(matches!(realtime.broadcast("room", &event, json!(1)).await, Err(Error::Refused { .. })));
    realtime.broadcast("room", "small", json!(1)).await.unwrap();
    assert_eq!(peer.expect("broadcast").await[4]["event"], "small", "nothing came before it");
    realtime.shutdown().await;
}

#[tokio::test]
async fn oversized_payloads_not_even_a_join_may_cost_the_socket() {
    let server = Server::start().await;
    let mut options = server.options();
    (options.join_timeout, options.refused_pause) = (Duration::from_millis(100), Duration::from_secs(60));
    let (realtime, mut events) = Realtime::spawn(options, Tokens::new("t1"));
    // The real server closes the socket at a frame of five million bytes.
    realtime.set_channels(vec![ChannelSpec::private("large").presence("x".repeat(5_000_001)), spec("room")]);
    let mut peer = server.accept().await;
    assert_eq!(peer.expect("phx_leave").await[2], "realtime:large", "given up, and no join came before it");
    assert_eq!(peer.let_join().await[2], "realtime:room");
    let reason = CloseReason::Unanswered(Duration::from_millis(100));
    let closed = RealtimeEvent::ChannelClosed { topic: "large".into(), reason };
    let mut expected = vec![RealtimeEvent::Connected, closed, RealtimeEvent::Joined { topic: "room".into() }];
    while !expected.is_empty() {
        let event = next(&mut events).await;
        let place = expected.iter().position(|other| *other == event);
        expected.remove(place.unwrap_or_else(|| panic!("{event:?}")));
    }
    realtime.shutdown().await;
}

#[tokio::test]
async fn rate_limits_try_broadcast_fails_at_once_when_others_wait() {
    let server = Server::start().await;
    let spec = ChannelSpec::private("room");
    let (realtime, _events, _deaf) = joined_to(spec, &server, server.options(), Tokens::new("t1")).await;
    // The peer reads nothing, so that the socket fills up.
    let bytes = Bytes::from(vec![0; 3_000_000]);
    let payload = || bytes.clone();
    let full = soon(async {
        loop {
            if let Err(error) = realtime.try_broadcast("room", "e", payload()) {
                break error;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(full.await, Error::QueueFull);
    soon(realtime.shutdown()).await;
    assert_eq!(realtime.try_broadcast("room", "e", payload()), Err(Error::Closed));
}

#[tokio::test]
async fn deletes_under_rls_carry_a_key_and_cannot_be_taken_for_a_row() {
    let server = Server::start().await;
    let (realtime, mut events, mut peer) = joined_to(rows(), &server, server.options(), Tokens::new("t1")).await;
    peer.tell("postgres_changes", deletion()).await;
    let RealtimeEvent::PostgresChange { change, .. } = next(&mut events).await else { panic!("no change") };
    assert!(change.record.is_empty(), "there is no row");
    let Subject::Deleted(key) = change.subject() else { panic!("{change:?}") };
    assert_eq!(key.get("id"), Some(&ColumnValue::Int(1)));
    assert_eq!(key.get("tenant_id"), None, "unknown, which is not null");
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_postgres_restart_that_the_server_never_mentions_the_timer_says_to_read() {
    let server = Server::start().await;
    let mut options = server.options();
    options.read_again_every = Some(Duration::from_millis(200));
    let (realtime, mut events, mut peer) = joined_to(rows(), &server, options, Tokens::new("t1")).await;
    peer.say("ok", "Subscribed to PostgreSQL", "postgres_changes").await;
    assert_eq!(next(&mut events).await, ready());
    for _ in 0..3 {
        assert_eq!(next(&mut events).await, RealtimeEvent::ReadAgain { topic: "room".into() });
    }
    realtime.shutdown().await;
}

#[rstest]
#[case(401, "API key is missing", HandshakeRefusal::KeyMissing)]
#[case(403, "", HandshakeRefusal::Forbidden)]
#[case(404, "Tenant not found", HandshakeRefusal::NoSuchProject)]
#[case(429, "Too many connected users", HandshakeRefusal::TooManyUsers)]
#[tokio::test]
async fn a_refused_socket_is_typed(
    #[case] status: u16,
    #[case] text: &str,
    #[case] expected: fn(String) -> HandshakeRefusal,
) {
    let server = Server::start().await;
    let (realtime, mut events) = Realtime::spawn(server.options(), Tokens::new("t1"));
    let (mut stream, _) = soon(server.listener.accept()).await.unwrap();
    let mut request = [0; 4096];
    assert!(soon(stream.read(&mut request)).await.unwrap() > 0);
    let body = json!({ "error": text }).to_string();
    let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    let RealtimeEvent::Disconnected { reason, .. } = next(&mut events).await else { panic!("connected") };
    assert_eq!(reason, DisconnectReason::Refused(expected(text.to_owned())));
    realtime.shutdown().await;
}
