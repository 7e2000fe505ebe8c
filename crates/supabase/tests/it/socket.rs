//! The connection against a scripted server: joins, tokens, broadcasts, and its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cockpit_supabase::realtime::protocol::TOPIC_PREFIX;
use cockpit_supabase::realtime::{CloseReason, JoinRefusal, SystemMessage};
use cockpit_supabase::{Error, Realtime, RealtimeEvent};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Server, Tokens, joined, next, soon, spec};

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn joins_what_is_wanted_with_the_token() {
    let server = Server::start().await;
    let (realtime, mut events) = Realtime::spawn(server.options(), Tokens::new("t1"));
    realtime.set_channels(vec![spec("a"), spec("b")]);
    let mut peer = server.accept().await;
    assert_eq!(peer.uri, "/realtime/v1/websocket?apikey=anon-key&vsn=2.0.0");
    for topic in ["a", "b"] {
        let join = peer.let_join().await;
        assert_eq!(join[2], format!("{TOPIC_PREFIX}{topic}"));
        assert_eq!(join[4]["access_token"], "t1");
        assert_eq!(join[4]["config"]["private"], true);
    }
    assert_eq!(next(&mut events).await, RealtimeEvent::Connected);
    assert_eq!(next(&mut events).await, RealtimeEvent::Joined { topic: "a".into() });
    assert_eq!(next(&mut events).await, RealtimeEvent::Joined { topic: "b".into() });
    realtime.set_channels(vec![spec("b")]);
    let leave = peer.expect("phx_leave").await;
    assert_eq!(leave[2], "realtime:a");
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_replaced_token_reaches_live_channels_at_once() {
    let server = Server::start().await;
    let tokens = Tokens::new("t1");
    let (realtime, _events, mut peer) = joined(&server, server.options(), tokens.clone()).await;
    tokens.set("t2", true);
    let frame = peer.expect("access_token").await;
    assert_eq!((&frame[2], &frame[4]["access_token"]), (&json!("realtime:room"), &json!("t2")));
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_token_that_changes_by_being_asked_for_makes_no_loop() {
    let server = Server::start().await;
    let tokens = Tokens::new("t1");
    let (realtime, mut events, mut peer) = joined(&server, server.options(), tokens.clone()).await;
    tokens.restless.store(true, Ordering::SeqCst);
    tokens.set("t2", true);
    peer.expect("access_token").await;
    let asked = tokens.asked.load(Ordering::SeqCst);
    for number in 0..200 {
        peer.broadcast("room", json!(number)).await;
        assert!(matches!(next(&mut events).await, RealtimeEvent::Broadcast { .. }));
    }
    assert_eq!(tokens.asked.load(Ordering::SeqCst), asked, "nobody gave a reason to ask again");
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_channel_closed_for_its_token_is_joined_again_with_another() {
    let server = Server::start().await;
    let tokens = Tokens::new("t1");
    let (realtime, mut events, mut peer) = joined(&server, server.options(), tokens.clone()).await;
    tokens.set("t2", false);
    let message = "Token has expired 0 seconds ago";
    let reason = CloseReason::Said(SystemMessage::TokenExpired(message.into()));
    let system = json!({ "message": message, "status": "error", "extension": "system", "channel": "room" });
    peer.send(&json!([null, null, "realtime:room", "system", system])).await;
    peer.send(&json!([null, null, "realtime:room", "phx_close", {}])).await;
    assert!(matches!(next(&mut events).await, RealtimeEvent::System { .. }));
    assert_eq!(next(&mut events).await, RealtimeEvent::ChannelClosed { topic: "room".into(), reason });
    let join = peer.let_join().await;
    assert_eq!(join[4]["access_token"], "t2");
    assert_eq!(next(&mut events).await, RealtimeEvent::Joined { topic: "room".into() });
    assert_eq!(*tokens.rejected.lock().unwrap(), ["t1"]);
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_refusal_is_an_event() {
    let server = Server::start().await;
    let (realtime, mut events) = Realtime::spawn(server.options(), Tokens::new("t1"));
    realtime.set_channels(vec![spec("room")]);
    let mut peer = server.accept().await;
    let join = peer.expect("phx_join").await;
    peer.refuse_frame(&join, "Unauthorized: no").await;
    assert_eq!(next(&mut events).await, RealtimeEvent::Connected);
    let refused =
        RealtimeEvent::Refused { topic: "room".into(), reason: JoinRefusal::Unauthorized("Unauthorized: no".into()) };
    assert_eq!(next(&mut events).await, refused);
    realtime.set_channels(vec![spec("room")]);
    peer.let_join().await;
    assert_eq!(next(&mut events).await, RealtimeEvent::Joined { topic: "room".into() });
    realtime.shutdown().await;
}

#[tokio::test]
async fn broadcasts_go_out_and_are_confirmed_or_not() {
    let server = Server::start().await;
    let mut options = server.options();
    options.ack_timeout = Duration::from_millis(100);
    let (realtime, _events, mut peer) = joined(&server, options, Tokens::new("t1")).await;
    let (outcome, ()) = tokio::join!(realtime.broadcast("room", "cursor", json!({ "x": 1 })), async {
        let frame = peer.expect("broadcast").await;
        assert_eq!(frame[4], json!({ "type": "broadcast", "event": "cursor", "payload": { "x": 1 } }));
        peer.accept_frame(&frame).await;
    });
    assert_eq!(outcome, Ok(()));
    // A sender without the right to write is never answered.
    assert_eq!(soon(realtime.broadcast("room", "cursor", json!({}))).await, Err(Error::Timeout));
    let (outcome, ()) = tokio::join!(realtime.broadcast("room", "cursor", json!({})), async {
        let _unanswered = peer.expect("broadcast").await;
        let frame = peer.expect("broadcast").await;
        peer.refuse_frame(&frame, "payload_size_exceeded").await;
    });
    assert_eq!(outcome, Err(Error::Refused { topic: "room".into(), reason: "payload_size_exceeded".into() }));
    let elsewhere = realtime.broadcast("elsewhere", "e", json!({})).await;
    assert_eq!(elsewhere, Err(Error::NotJoined { topic: "elsewhere".into() }));
    realtime.shutdown().await;
    assert_eq!(realtime.broadcast("room", "e", json!({})).await, Err(Error::Closed));
}

#[tokio::test]
async fn broadcasts_come_in_as_text_and_as_binary() {
    let server = Server::start().await;
    let (realtime, mut events, mut peer) = joined(&server, server.options(), Tokens::new("t1")).await;
    peer.broadcast("room", json!({ "n": 1 })).await;
    let mut binary = vec![4, 13, 7, 11, 1];
    binary.extend(br#"realtime:roomchanges{"id":"m1"}{"n":2}"#);
    peer.send_raw(tokio_tungstenite::tungstenite::Message::binary(binary)).await;
    let expected = |n: u8, id: Option<&str>| RealtimeEvent::Broadcast {
        topic: "room".into(),
        event: "changes".into(),
        payload: json!({ "n": n }).into(),
        id: id.map(str::to_owned),
        replayed: false,
    };
    assert_eq!(next(&mut events).await, expected(1, None));
    assert_eq!(next(&mut events).await, expected(2, Some("m1")));
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_says_goodbye_and_leaves_no_task() {
    let server = Server::start().await;
    let before = alive_tasks();
    let (realtime, mut events, mut peer) = joined(&server, server.options(), Tokens::new("t1")).await;
    assert_eq!(alive_tasks(), before + 1, "the connection is one task");
    soon(async { tokio::join!(realtime.shutdown(), async { while peer.next().await.is_some() {} }) }).await;
    assert_eq!(alive_tasks(), before);
    assert_eq!(soon(events.recv()).await, None);
    realtime.shutdown().await;
}

#[tokio::test]
async fn it_ends_when_nobody_is_left() {
    let server = Server::start().await;
    let before = alive_tasks();
    let (realtime, events, mut peer) = joined(&server, server.options(), Tokens::new("t1")).await;
    let clone = realtime.clone();
    drop(events);
    drop(realtime);
    clone.set_channels(vec![spec("other")]);
    peer.expect("phx_leave").await;
    peer.let_join().await;
    drop(clone);
    soon(async { while peer.next().await.is_some() {} }).await;
    soon(async {
        while alive_tasks() > before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The driver takes messages that are at hand without looking at anything else; only so many.
#[tokio::test]
async fn a_flood_of_messages_keeps_no_sender_waiting() {
    let server = Server::start().await;
    let (realtime, mut events, peer) = joined(&server, server.options(), Tokens::new("t1")).await;
    // So many that the socket has something to read all the time.
    let frame = json!([null, null, "realtime:room", "broadcast", { "type": "broadcast", "event": "e", "payload": {} }]);
    let (mut sink, mut stream) = peer.socket.split();
    let flood = tokio::spawn(async move { while sink.feed(Message::text(frame.to_string())).await.is_ok() {} });
    let reader = tokio::spawn(async move { while events.recv().await.is_some() {} });
    let sender = realtime.clone();
    let sending = tokio::spawn(async move { sender.broadcast("room", "mine", json!({})).await });
    let heard = soon(async {
        loop {
            let frame = stream.next().await.unwrap().unwrap();
            if frame.to_text().is_ok_and(|text| text.contains("mine")) {
                return true;
            }
        }
    });
    assert!(heard.await, "it goes out in the middle of the flood");
    soon(realtime.shutdown()).await;
    drop(stream);
    flood.abort();
    assert!(soon(sending).await.unwrap().is_err(), "nobody confirmed it");
    soon(reader).await.unwrap();
}
