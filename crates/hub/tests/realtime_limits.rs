//! The hub's limits where no recording shows them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;

use std::time::{Duration, Instant};

use cockpit_hub::{Hub, Limits};
use http_support::{options, shared, socket::Socket};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;

async fn refused(hub: &Hub) -> Option<(u16, Value)> {
    match Socket::try_open(hub.url(), &format!("apikey={}&vsn=2.0.0", hub.anon_key()), "2.0.0").await {
        Err(tungstenite::Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            Some((response.status().as_u16(), serde_json::from_slice(&body).unwrap()))
        }
        Err(error) => panic!("{error}"),
        Ok(socket) => {
            socket.leave().await;
            None
        }
    }
}

#[tokio::test]
async fn a_hub_takes_so_many_sockets_and_again_one_when_one_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.limits = Limits { connections: 2, ..options.limits };
    let hub = Hub::start(options).await.unwrap();
    let mut first = Socket::open(hub.url(), hub.anon_key(), "2.0.0").await;
    let second = Socket::open(hub.url(), hub.anon_key(), "1.0.0").await;
    assert_eq!(refused(&hub).await, Some((429, json!({ "error": "Too many connected users" }))));
    drop(second);
    let deadline = Instant::now() + Duration::from_secs(10);
    while refused(&hub).await.is_some() {
        assert!(Instant::now() < deadline, "the place was not given back");
    }
    first.heartbeat().await;
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn an_oversized_broadcast_is_answered_only_to_who_asked_for_answers() {
    let hub = shared();
    let mut socket = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    let big = json!({ "type": "broadcast", "event": "big", "payload": { "x": "x".repeat(3_072_001) } });
    for (topic, ack) in [("quiet", false), ("acknowledged", true)] {
        socket.join(topic, false, json!({ "ack": ack, "self": true }), None).await;
        socket.send(&format!("realtime:{topic}"), "broadcast", big.clone()).await;
    }
    let reply = socket.receive().await;
    assert_eq!(
        (&reply.0[2], &reply.payload()["response"]),
        (&json!("realtime:acknowledged"), &json!("payload_size_exceeded"))
    );
    socket.hears_nothing().await;
}

#[tokio::test]
async fn a_join_of_more_than_100_kb_is_refused_and_the_socket_lives() {
    let hub = shared();
    let mut socket = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    let config = json!({ "presence": { "enabled": true, "key": "k".repeat(100_000) } });
    socket.send("realtime:long", "phx_join", json!({ "config": config })).await;
    let reason = "UnknownErrorOnChannel: the join is longer than 100000 bytes";
    assert_eq!(socket.receive().await.payload()["response"]["reason"], reason);
    socket.heartbeat().await;
}

#[tokio::test]
async fn without_its_database_public_channels_work_and_private_joins_say_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(options(&folder)).await.unwrap();
    hub.create_user("ada@cockpit.test", "correct horse").await.unwrap();
    let url = format!("{}/auth/v1/token?grant_type=password", hub.url());
    let body = json!({ "email": "ada@cockpit.test", "password": "correct horse" });
    let session =
        http_support::http_client().post(url).header("apikey", hub.anon_key()).json(&body).send().await.unwrap();
    let session: Value = session.json().await.unwrap();
    let mut socket = Socket::open(hub.url(), hub.anon_key(), "2.0.0").await;
    let mut hearing = Socket::open(hub.url(), hub.anon_key(), "1.0.0").await;
    hearing.join("room", false, json!({}), None).await;

    let pid = std::fs::read_to_string(folder.path().join("hub/pg/data/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();

    let token = session["access_token"].as_str();
    // Its backends notice the death of their parent within moments.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let reply = socket.join("private", true, json!({}), token).await;
        let reason = reply["response"]["reason"].as_str().unwrap_or_default();
        if reason == "IncreaseConnectionPool: Please increase your connection pool size" {
            break;
        }
        assert!(reason.starts_with("Unauthorized"), "{reply}");
        assert!(Instant::now() < deadline, "{reply}");
    }
    assert_eq!(socket.join("room", false, json!({}), token).await["status"], "ok");
    socket.send("realtime:room", "broadcast", json!({ "type": "broadcast", "event": "e", "payload": {} })).await;
    assert_eq!(hearing.receive().await.payload()["event"], "e");
    socket.heartbeat().await;
    // Its PostgreSQL is gone already, so that stopping may say so.
    _ = hub.stop().await;
}

#[tokio::test]
async fn who_asks_for_changes_of_tables_is_told_and_the_rest_of_the_channel_works() {
    let hub = shared();
    let mut socket = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    let binding = json!({ "event": "*", "schema": "public", "table": "tasks", "filter": "id=eq.1" });
    let config = json!({
        "broadcast": { "self": true }, "presence": { "enabled": true, "key": "k" }, "postgres_changes": [binding, binding]
    });
    socket.send("realtime:changes", "phx_join", json!({ "config": config })).await;
    let reply = socket.receive().await;
    let bindings = reply.payload()["response"]["postgres_changes"].as_array().unwrap().clone();
    let mut expected = binding;
    expected["id"] = bindings[0]["id"].clone();
    assert_eq!(bindings, [expected.clone(), expected], "the official client compares them with what it asked for");
    let told = socket.receive().await;
    let system = told.payload();
    assert_eq!(
        (told.event(), &system["status"], &system["extension"]),
        ("system", &json!("error"), &json!("postgres_changes"))
    );
    assert!(system["message"].as_str().unwrap().contains("does not send changes of tables"), "{system}");
    assert_eq!(socket.receive().await.event(), "presence_state");
    socket.send("realtime:changes", "broadcast", json!({ "type": "broadcast", "event": "e", "payload": {} })).await;
    assert_eq!(socket.receive().await.payload()["event"], "e");
}
