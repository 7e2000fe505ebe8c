//! Whatever a client sends, the hub lives: the socket still answers its heartbeat, or was closed with a documented code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;

use std::time::Duration;

use cockpit_hub::{Hub, RealtimeCounts};
use http_support::{options, socket::Socket};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const SOCKETS: usize = 24;
const FRAMES: usize = 60;
/// Idle, too many joins, a frame too long, a hub that stops, a peer too slow.
const CODES: [u16; 5] = [1000, 1001, 1009, 1012, 1013];

const WORDS: [&str; 22] = [
    "phoenix",
    "heartbeat",
    "phx_join",
    "phx_leave",
    "phx_close",
    "broadcast",
    "presence",
    "access_token",
    "track",
    "untrack",
    "realtime:",
    "realtime:a",
    "realtime:b",
    "config",
    "private",
    "enabled",
    "key",
    "payload",
    "event",
    "type",
    "1",
    "",
];

fn word(rng: &mut StdRng) -> String {
    (*WORDS.choose(rng).unwrap()).to_owned()
}

fn value(rng: &mut StdRng, depth: usize) -> Value {
    match rng.random_range(0..if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => json!(rng.random::<bool>()),
        2 => json!(rng.random::<i64>()),
        3 => json!(rng.random::<f64>() * 1e300),
        4 | 5 => json!(word(rng)),
        6 => (0..rng.random_range(0..4)).map(|_| value(rng, depth - 1)).collect(),
        7 => json!("ü🚀\u{0}\u{7f}".repeat(rng.random_range(0..40))),
        _ => Value::Object((0..rng.random_range(0..5)).map(|_| (word(rng), value(rng, depth - 1))).collect()),
    }
}

/// A frame that means something, to be spoilt.
fn sensible(rng: &mut StdRng) -> [Value; 5] {
    let topic = json!(["realtime:a", "realtime:b", "phoenix"].choose(rng).unwrap());
    let (event, payload) = match rng.random_range(0..6) {
        0 => (
            "phx_join",
            json!({ "config": {
            "private": rng.random_bool(0.1), "presence": { "key": "k", "enabled": true },
            "broadcast": { "ack": true, "self": true, "replay": rng.random_bool(0.1).then(|| json!({ "since": 1, "limit": 3 })) }
        } }),
        ),
        1 => ("phx_leave", json!({})),
        2 => ("presence", json!({ "type": "presence", "event": "track", "payload": { "n": 1 } })),
        3 => ("access_token", json!({ "access_token": "garbage" })),
        4 => ("heartbeat", json!({})),
        _ => ("broadcast", json!({ "type": "broadcast", "event": "e", "payload": { "n": 1 } })),
    };
    [json!("1"), json!("2"), topic, json!(event), payload]
}

fn spoil(rng: &mut StdRng, target: &mut Value) {
    match target {
        Value::Object(members) if !members.is_empty() && rng.random_bool(0.7) => {
            let at = rng.random_range(0..members.len());
            if let Some((_, member)) = members.iter_mut().nth(at) {
                spoil(rng, member);
            }
        }
        Value::Array(values) if !values.is_empty() && rng.random_bool(0.7) => {
            let at = rng.random_range(0..values.len());
            spoil(rng, &mut values[at]);
        }
        other => *other = value(rng, 3),
    }
}

fn frame(rng: &mut StdRng, version: &str) -> Message {
    let [join_ref, reference, topic, event, payload] = sensible(rng);
    let mut whole = match version {
        "2.0.0" => json!([join_ref, reference, topic, event, payload]),
        _ => json!({ "topic": topic, "event": event, "payload": payload, "ref": reference, "join_ref": join_ref }),
    };
    match rng.random_range(0..10) {
        0 => Message::text(value(rng, 4).to_string()),
        1 => {
            let text: String = whole.to_string().chars().take(rng.random_range(0..40)).collect();
            Message::text(text)
        }
        2 => Message::binary((0..rng.random_range(0..64)).map(|_| rng.random()).collect::<Vec<u8>>()),
        3 | 4 => {
            // A push whose lengths may lie.
            let mut bytes = vec![3, 1, 1, 10, 1, 0, rng.random_range(0..3)];
            bytes.extend_from_slice(b"11realtime:ae{\"n\":1}");
            for _ in 0..rng.random_range(0..3) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            Message::binary(bytes)
        }
        5 => Message::Ping(vec![0; rng.random_range(0..100)].into()),
        6 => Message::text(format!("[{}", "[".repeat(rng.random_range(0..100_000)))),
        7 => Message::text(whole.to_string()),
        _ => {
            for _ in 0..rng.random_range(1..3) {
                spoil(rng, &mut whole);
            }
            Message::text(whole.to_string())
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_frames_of_both_versions_never_take_the_socket_down_undocumented() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_123);
    eprintln!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.timings.refused_join = Duration::from_millis(1);
    let hub = Hub::start(options).await.unwrap();
    let mut closed = 0;
    for n in 0..SOCKETS {
        let version = if n % 2 == 0 { "1.0.0" } else { "2.0.0" };
        let mut socket = Socket::open(hub.url(), hub.anon_key(), version).await;
        for _ in 0..FRAMES {
            let message = frame(&mut rng, version);
            if socket.send_message(message).await.is_err() {
                break;
            }
        }
        closed += usize::from(!lives(&mut socket, version).await);
    }
    assert!(closed < SOCKETS / 4, "most of what is wrong is ignored, and {closed} sockets were closed");
    // One that is far too long is the documented exception.
    let mut socket = Socket::open(hub.url(), hub.anon_key(), "2.0.0").await;
    _ = socket.send_message(Message::text("x".repeat(5_000_001))).await;
    while hub.realtime_counts() != RealtimeCounts::default() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    hub.stop().await.unwrap();
}

/// Whether the heartbeat is answered; else it was closed with a documented code.
async fn lives(socket: &mut Socket, version: &str) -> bool {
    let heartbeat = match version {
        "2.0.0" => json!([null, "last", "phoenix", "heartbeat", {}]),
        _ => json!({ "topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "last" }),
    };
    _ = socket.send_message(Message::text(heartbeat.to_string())).await;
    loop {
        match socket.next_message().await {
            Some(Ok(Message::Text(text))) if text.contains("\"last\"") => return true,
            Some(Ok(Message::Close(Some(frame)))) => {
                assert!(CODES.contains(&frame.code.into()), "closed with {}", frame.code);
                return false;
            }
            Some(Ok(_)) => {}
            other => panic!("the socket ended with {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bodies_of_broadcasts_by_http_are_never_the_hubs_fault() {
    let hub = http_support::shared();
    let mut rng = StdRng::seed_from_u64(7);
    let http = http_support::http_client();
    let ada = hub.person("ada").await;
    for n in 0..300 {
        let mut body = json!({ "messages": [
            { "topic": "t", "event": "e", "payload": {}, "private": n % 3 == 0 }, { "topic": "u", "event": "f", "payload": { "x": 1 } }
        ] });
        spoil(&mut rng, &mut body);
        let mut bytes = body.to_string().into_bytes();
        if n % 5 == 0 {
            bytes.truncate(rng.random_range(0..=bytes.len()));
        }
        let path = ["broadcast", "broadcast/t/events/e", "broadcast/%00/events/%ff?private=true"][n % 3];
        let request = http.post(format!("{}/realtime/v1/api/{path}", hub.url)).bearer_auth(&ada.token);
        let status =
            request.header("content-type", "application/json").body(bytes.clone()).send().await.unwrap().status();
        assert!(
            status == StatusCode::ACCEPTED || status.is_client_error(),
            "{status}: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
}
