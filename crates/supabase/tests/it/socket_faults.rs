//! What goes wrong with sockets: drops, half-open ones, refusals, garbage, a slow reader.

use std::time::{Duration, Instant};

use cockpit_supabase::{Realtime, RealtimeEvent};
use rstest::rstest;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::server::{Server, Tokens, joined, next, soon, spec};

fn disconnected(event: RealtimeEvent) -> String {
    match event {
        RealtimeEvent::Disconnected { reason, .. } => reason.to_string(),
        other => panic!("not disconnected but {other:?}"),
    }
}

#[rstest]
#[case::dropped(None)]
#[case::silence(Some(1000))]
#[case::restart(Some(1012))]
#[case::rate_limit(Some(1001))]
#[case::too_big(Some(1009))]
#[tokio::test]
async fn whatever_closes_the_socket_it_comes_back_with_a_fresh_token(#[case] code: Option<u16>) {
    let server = Server::start().await;
    let tokens = Tokens::new("t1");
    let (realtime, mut events, mut peer) = joined(&server, server.options(), tokens.clone()).await;
    tokens.set("t2", false);
    if let Some(code) = code {
        peer.send_raw(Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() }))).await;
    }
    drop(peer);
    let reason = disconnected(next(&mut events).await);
    assert!(code.is_none_or(|code| reason.contains(&code.to_string())), "{reason}");
    let mut peer = server.accept().await;
    let join = peer.let_join().await;
    assert_eq!(join[4]["access_token"], "t2", "not the token of the first join");
    assert_eq!(next(&mut events).await, RealtimeEvent::Connected);
    assert_eq!(next(&mut events).await, RealtimeEvent::Joined { topic: "room".into() });
    realtime.shutdown().await;
}

#[tokio::test]
async fn it_comes_back_every_time() {
    let server = Server::start().await;
    let (realtime, mut events, mut peer) = joined(&server, server.options(), Tokens::new("t1")).await;
    for _ in 0..30 {
        drop(peer);
        disconnected(next(&mut events).await);
        peer = server.accept().await;
        peer.let_join().await;
        assert_eq!(next(&mut events).await, RealtimeEvent::Connected);
        assert_eq!(next(&mut events).await, RealtimeEvent::Joined { topic: "room".into() });
    }
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_server_that_accepts_the_socket_and_says_nothing_is_found_within_a_heartbeat() {
    let server = Server::start().await;
    let mut options = server.options();
    options.heartbeat = Duration::from_millis(300);
    let (realtime, mut events) = Realtime::spawn(options, Tokens::new("t1"));
    realtime.set_channels(vec![spec("room")]);
    let _silent = server.accept().await;
    let opened = Instant::now();
    assert!(disconnected(next(&mut events).await).contains("heartbeat"));
    // The exact bound is held by the state machine's tests; this leaves room for a busy machine.
    let took = opened.elapsed();
    assert!(took >= Duration::from_millis(250) && took < Duration::from_secs(5), "{took:?}");
    // And the next one, which speaks, is good.
    server.accept().await.let_join().await;
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_live_socket_that_falls_silent_is_found_and_waking_finds_it_sooner() {
    let server = Server::start().await;
    let mut options = server.options();
    options.heartbeat = Duration::from_millis(400);
    let (realtime, mut events, _silent) = joined(&server, options, Tokens::new("t1")).await;
    realtime.wake();
    assert!(disconnected(next(&mut events).await).contains("heartbeat"));
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_port_that_accepts_and_never_upgrades_is_given_up() {
    let server = Server::start().await;
    let mut options = server.options();
    options.connect_timeout = Duration::from_millis(100);
    let (realtime, mut events) = Realtime::spawn(options, Tokens::new("t1"));
    let _stuck = soon(server.listener.accept()).await.unwrap();
    assert!(disconnected(next(&mut events).await).contains("no websocket within"));
    let _peer = server.accept().await;
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_refused_websocket_gives_the_servers_words_and_never_the_key() {
    let server = Server::start().await;
    let (realtime, mut events) = Realtime::spawn(server.options(), Tokens::new("t1"));
    let (mut stream, _) = soon(server.listener.accept()).await.unwrap();
    let mut request = [0; 4096];
    assert!(soon(stream.read(&mut request)).await.unwrap() > 0);
    let body = r#"{"error":"Token has expired"}"#;
    let answer = format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    let reason = disconnected(next(&mut events).await);
    assert!(reason.contains("401") && reason.contains("Token has expired"), "{reason}");
    assert!(!reason.contains("anon-key"));
    realtime.shutdown().await;
}

#[tokio::test]
async fn an_address_that_cannot_work_is_reported_and_not_fatal() {
    let server = Server::start().await;
    let mut options = server.options();
    options.url = url::Url::parse("mailto:someone@example.org").unwrap();
    let (realtime, mut events) = Realtime::spawn(options, Tokens::new("t1"));
    assert!(disconnected(next(&mut events).await).contains("no address"));
    realtime.shutdown().await;
}

#[tokio::test]
async fn garbage_is_skipped_and_the_connection_survives() {
    let server = Server::start().await;
    let (realtime, mut events, mut peer) = joined(&server, server.options(), Tokens::new("t1")).await;
    for garbage in ["", "{not json", "[1,2]", "null", r#"["1","2","realtime:room","broadcast",7]"#, "[[[[["] {
        peer.send_raw(Message::text(garbage)).await;
    }
    for garbage in [&[][..], &[4], &[4, 255, 255, 255, 1], &[9, 0, 0, 0, 0], &[4, 0, 0, 0, 1, b'{', b'o']] {
        peer.send_raw(Message::binary(garbage.to_vec())).await;
    }
    peer.send(&json!([null, null, "realtime:room", "unheard_of", {}])).await;
    peer.broadcast("room", json!("after all")).await;
    let RealtimeEvent::Broadcast { payload, .. } = next(&mut events).await else { panic!("no broadcast") };
    assert_eq!(payload.get::<&str>().unwrap(), "after all");
    realtime.shutdown().await;
}

#[tokio::test]
async fn a_slow_reader_loses_nothing_and_is_not_taken_for_a_dead_server() {
    const MESSAGES: usize = 2000;
    let server = Server::start().await;
    let mut options = server.options();
    options.heartbeat = Duration::from_secs(1);
    let (realtime, mut events, mut peer) = joined(&server, options, Tokens::new("t1")).await;
    let reading = async {
        // Longer than two heartbeats nobody reads events, so the replies to them are not read either.
        tokio::time::sleep(Duration::from_millis(2300)).await;
        for expected in 0..MESSAGES {
            let RealtimeEvent::Broadcast { payload, .. } = next(&mut events).await else { panic!("not a broadcast") };
            assert_eq!(payload.get::<serde_json::Value>().unwrap(), expected);
        }
    };
    let serving = async {
        for number in 0..MESSAGES {
            peer.broadcast("room", json!(number)).await;
        }
        while let Some(frame) = peer.next().await {
            peer.accept_frame(&frame).await;
        }
    };
    tokio::select! {
        () = reading => {}
        () = serving => panic!("the client closed"),
    }
    realtime.shutdown().await;
}
