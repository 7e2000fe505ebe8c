//! Presence, bytes and version 1 over real sockets.

use bytes::Bytes;
use cockpit_supabase::realtime::PresenceProblem;
use cockpit_supabase::realtime::protocol::ProtocolVersion;
use cockpit_supabase::{ChannelSpec, Error, Realtime, RealtimeEvent};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Server, Tokens, joined_to, next, soon};

fn room() -> ChannelSpec {
    ChannelSpec::private("room").presence("me")
}

fn keys(map: &[(String, Vec<cockpit_supabase::realtime::presence::Presence>)]) -> Vec<&str> {
    map.iter().map(|(key, _)| key.as_str()).collect()
}

#[tokio::test]
async fn who_is_here_is_folded_and_can_be_asked_for() {
    let server = Server::start().await;
    let mut options = server.options();
    options.presence_grace = std::time::Duration::from_millis(50);
    let (realtime, mut events, mut peer) = joined_to(room(), &server, options, Tokens::new("t1")).await;
    assert!(realtime.presences("room").is_empty());
    let ada = json!({ "metas": [{ "phx_ref": "1", "name": "Ada" }] });
    peer.tell("presence_state", json!({ "ada": ada })).await;
    let RealtimeEvent::Presence { change, .. } = next(&mut events).await else { panic!("no presence") };
    assert_eq!(keys(&change.joined), ["ada"]);
    let ben = json!({ "metas": [{ "phx_ref": "2", "name": "Ben" }] });
    peer.tell("presence_diff", json!({ "joins": { "ben": ben }, "leaves": {} })).await;
    assert!(matches!(next(&mut events).await, RealtimeEvent::Presence { .. }));
    assert_eq!(keys(&realtime.presences("realtime:room")), ["ada", "ben"]);
    let name: Value = realtime.presences("room")[1].1[0].payload.get().unwrap();
    assert_eq!(name, json!({ "name": "Ben" }), "without the server's references");
    peer.tell("presence_diff", json!({ "joins": {}, "leaves": { "ada": ada } })).await;
    let RealtimeEvent::Presence { change, .. } = next(&mut events).await else { panic!("no presence") };
    assert_eq!(keys(&change.left), ["ada"]);
    realtime.shutdown().await;
}

#[tokio::test]
async fn what_is_tracked_survives_a_reconnect() {
    let server = Server::start().await;
    let (realtime, mut events) = Realtime::spawn(server.options(), Tokens::new("t1"));
    realtime.set_channels(vec![room()]);
    // Before there is a connection, and right after saying what is wanted.
    realtime.track("room", json!({ "name": "Ada" })).await.unwrap();
    let mut peer = server.accept().await;
    let join = peer.let_join().await;
    assert_eq!(join[4]["config"]["presence"], json!({ "key": "me", "enabled": true }));
    let expected = json!({ "type": "presence", "event": "track", "payload": { "name": "Ada" } });
    let call = peer.expect("presence").await;
    assert_eq!((&call[0], &call[4]), (&join[0], &expected));
    drop(peer);
    let mut peer = server.accept().await;
    peer.let_join().await;
    let call = peer.expect("presence").await;
    assert_eq!(call[4], expected);
    let response = json!({ "status": "error", "response": { "reason": "no" } });
    peer.send(&json!([call[0], call[1], call[2], "phx_reply", response])).await;
    loop {
        if let RealtimeEvent::PresenceRefused { reason, .. } = next(&mut events).await {
            assert_eq!(reason, "no");
            break;
        }
    }
    realtime.untrack("room").await.unwrap();
    assert_eq!(peer.expect("presence").await[4], json!({ "type": "presence", "event": "untrack" }));
    realtime.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_tracked_is_typed() {
    let server = Server::start().await;
    let (realtime, _events) = Realtime::spawn(server.options(), Tokens::new("t1"));
    realtime.set_channels(vec![ChannelSpec::private("plain")]);
    let problem = |outcome| match outcome {
        Err(Error::Presence { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(realtime.track("room", "text").await), PresenceProblem::NotAMap);
    assert_eq!(problem(realtime.track("room", json!({})).await), PresenceProblem::UnknownChannel);
    assert_eq!(problem(realtime.track("plain", json!({})).await), PresenceProblem::NotEnabled);
    realtime.shutdown().await;
}

#[tokio::test]
async fn bytes_go_out_in_version_2_and_not_in_version_1() {
    let server = Server::start().await;
    let spec = ChannelSpec::private("room");
    let (realtime, _events, mut peer) = joined_to(spec.clone(), &server, server.options(), Tokens::new("t1")).await;
    realtime.broadcast("room", "e", Bytes::from(vec![0, 255])).await.unwrap();
    let Message::Binary(frame) = peer.next_raw().await else { panic!("no binary frame") };
    assert_eq!((frame[0], &frame[frame.len() - 2..]), (3, &[0, 255][..]));
    realtime.shutdown().await;

    let mut options = server.options();
    options.protocol = ProtocolVersion::V1;
    let (realtime, mut events) = Realtime::spawn(options, Tokens::new("t1"));
    realtime.set_channels(vec![spec]);
    let mut peer = server.accept().await;
    assert!(peer.uri.ends_with("vsn=1.0.0"), "{}", peer.uri);
    let join = loop {
        let Message::Text(text) = peer.next_raw().await else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        let reply = json!({
            "topic": frame["topic"],
            "event": "phx_reply",
            "payload": { "status": "ok", "response": {} },
            "ref": frame["ref"],
        });
        send(&mut peer.socket, &reply).await;
        if frame["event"] == "phx_join" {
            break frame;
        }
    };
    assert_eq!((&join["topic"], &join["payload"]["access_token"]), (&json!("realtime:room"), &json!("t1")));
    while next(&mut events).await != (RealtimeEvent::Joined { topic: "room".into() }) {}
    let body = json!({ "type": "broadcast", "event": "e", "payload": 1 });
    send(&mut peer.socket, &json!({ "topic": "realtime:room", "event": "broadcast", "payload": body, "ref": null }))
        .await;
    assert!(matches!(next(&mut events).await, RealtimeEvent::Broadcast { .. }));
    let bytes = realtime.broadcast("room", "e", Bytes::from(vec![0])).await;
    assert_eq!(bytes, Err(Error::BinaryUnsupported));
    realtime.shutdown().await;
}

async fn send(socket: &mut WebSocketStream<TcpStream>, frame: &Value) {
    soon(socket.send(Message::text(frame.to_string()))).await.unwrap();
}
