//! Private channels and broadcasts over real sockets, policies and rows.

mod http_support;

use std::time::{Duration, Instant};

use cockpit_hub::Hub;
use http_support::{REFUSED_JOIN, options, shared, socket::Socket};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite;

const SEND: &str = "select realtime.send($1::text::jsonb, $2, $3, $4)";

#[tokio::test]
async fn both_versions_answer_heartbeats_and_ignore_nonsense() {
    let hub = shared();
    for version in ["1.0.0", "2.0.0"] {
        let mut socket = Socket::open(&hub.url, &hub.anon_key, version).await;
        socket.heartbeat().await;
        socket.send_text("{not json").await;
        socket.send_text("[1,2]").await;
        socket.heartbeat().await;
        socket.send("realtime:nope", "broadcast", json!({})).await;
        let unmatched = json!({ "status": "error", "response": { "reason": "unmatched topic" } });
        assert_eq!(*socket.receive().await.payload(), unmatched);
        socket.send("room1", "phx_join", json!({})).await;
        assert_eq!(*socket.receive().await.payload(), unmatched, "a topic needs its prefix");
        socket.send("realtime:nope", "phx_leave", json!({})).await;
        assert_eq!(socket.receive().await.payload()["status"], "ok", "leaving is always granted");
    }
}

#[tokio::test]
async fn a_connection_without_a_valid_key_or_version_is_refused_in_http() {
    let hub = shared();
    let expired = hub.mint(&json!({ "role": "anon", "exp": 1_700_000_000 }));
    let refused = [
        (format!("apikey={}&vsn=3.0.0", hub.anon_key), 403, ""),
        ("vsn=2.0.0".to_owned(), 401, "API key is missing"),
        ("apikey=garbage".to_owned(), 401, "The token provided is not a valid JWT"),
        (format!("apikey={expired}"), 401, "Token has expired"),
    ];
    for (query, status, reason) in refused {
        let Err(tungstenite::Error::Http(response)) = Socket::try_open(&hub.url, &query, "2.0.0").await else {
            panic!("{query} should have been refused");
        };
        assert_eq!(response.status().as_u16(), status);
        let body = response.body().clone().unwrap_or_default();
        let error =
            serde_json::from_slice::<Value>(&body).ok().and_then(|body| body["error"].as_str().map(str::to_owned));
        assert_eq!(error.unwrap_or_default(), reason);
    }
}

#[tokio::test]
async fn a_broadcast_from_the_database_reaches_exactly_who_joined_the_private_topic() {
    let hub = shared();
    let ada = hub.person("ada").await;
    let workspace = ada.workspace().await;
    let mut private = Vec::new();
    for version in ["1.0.0", "2.0.0"] {
        let mut socket = Socket::open(&hub.url, &hub.anon_key, version).await;
        let reply = socket.join(&workspace.changes, true, json!({ "replication_ready": true }), Some(&ada.token)).await;
        assert_eq!(reply, json!({ "status": "ok", "response": { "postgres_changes": [] } }));
        assert_eq!(socket.receive().await.payload()["message"], "Replication connection established");
        private.push(socket);
    }
    let mut public = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    public.join(&workspace.changes, false, json!({}), None).await;

    // A rolled back message was never sent; a committed one arrives whole, with its own id.
    let mut owner = hub.owner().await;
    let payload = json!({ "scope": "s", "n": 123_456_789 }).to_string();
    let undone = owner.transaction().await.unwrap();
    undone.execute(SEND, &[&payload, &"undone", &workspace.changes, &true]).await.unwrap();
    undone.rollback().await.unwrap();
    owner.execute(SEND, &[&payload, &"changes", &workspace.changes, &true]).await.unwrap();
    for socket in &mut private {
        let frame = socket.receive().await;
        assert_eq!(
            frame.0[..4],
            [Value::Null, Value::Null, json!(format!("realtime:{}", workspace.changes)), json!("broadcast")]
        );
        let message = frame.payload();
        assert_eq!((&message["event"], &message["type"]), (&json!("changes"), &json!("broadcast")));
        assert_eq!(message["payload"]["n"], 123_456_789);
        assert_eq!(message["meta"]["id"], message["payload"]["id"]);
        socket.hears_nothing().await;
    }
    public.hears_nothing().await;
}

#[tokio::test]
async fn a_mutation_is_heard_on_the_feed() {
    let hub = shared();
    let ada = hub.person("ada").await;
    let workspace = ada.workspace().await;
    let mut socket = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    socket.join(&workspace.changes, true, json!({}), Some(&ada.token)).await;
    let record = uuid::Uuid::now_v7();
    let mutation = json!({
        "id": uuid::Uuid::now_v7(), "no": 1, "tbl": "tasks", "record": record, "op": "insert", "base_version": null,
        "set": { "name": "Größe prüfen", "status": "open", "rank": "80" }, "base": {}, "fence": null
    });
    let batch = json!({ "p_tenant": workspace.tenant, "p_device": uuid::Uuid::now_v7(), "p_batch": [mutation] });
    let (status, applied) = ada.rpc("apply_mutations", batch).await;
    assert_eq!((status.as_u16(), &applied["results"][0]["status"]), (200, &json!("applied")), "{applied}");
    let frame = socket.receive().await;
    assert_eq!(frame.payload()["event"], "changes");
    assert_eq!(frame.payload()["payload"]["to"], applied["results"][0]["seq"]);
}

#[tokio::test]
async fn a_strangers_join_is_refused_late_and_in_the_real_servers_words() {
    let hub = shared();
    let (ada, eve) = (hub.person("ada").await, hub.person("eve").await);
    let topic = ada.workspace().await.changes;
    let unauthorized = format!("Unauthorized: You do not have permissions to read from this Channel topic: {topic}");
    for (token, reason) in [
        (Some(eve.token.as_str()), unauthorized.as_str()),
        (None, unauthorized.as_str()),
        (Some(""), "MalformedJWT: The token provided is not a valid JWT"),
    ] {
        let mut socket = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
        let before = Instant::now();
        let reply = socket.join(&topic, true, json!({}), token).await;
        assert_eq!(reply, json!({ "status": "error", "response": { "reason": reason } }));
        assert!(before.elapsed() >= REFUSED_JOIN, "the answer comes late, as the real one does");
        socket.heartbeat().await;
        hub.owner().await.execute(SEND, &[&"{}", &"changes", &topic, &true]).await.unwrap();
        socket.hears_nothing().await;
    }
}

#[tokio::test]
async fn clients_broadcast_where_the_policy_lets_them_and_get_no_answer_where_not() {
    let hub = shared();
    let ada = hub.person("ada").await;
    let workspace = ada.workspace().await;
    let mut talking = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    talking.join(&workspace.broadcasts, true, json!({ "ack": true, "self": false }), Some(&ada.token)).await;
    let mut hearing = Socket::open(&hub.url, &hub.anon_key, "1.0.0").await;
    hearing.join(&workspace.broadcasts, true, json!({}), Some(&ada.token)).await;

    let message = json!({ "type": "broadcast", "event": "cursor", "payload": { "x": 1 } });
    talking.send(&format!("realtime:{}", workspace.broadcasts), "broadcast", message.clone()).await;
    assert_eq!(talking.receive().await.payload()["status"], "ok");
    assert_eq!(*hearing.receive().await.payload(), message);
    talking.hears_nothing().await;

    talking.push_json(&format!("realtime:{}", workspace.broadcasts), "cursor", r#"{"x":2}"#).await;
    let reply = talking.receive().await;
    assert_eq!((&reply.0[1], &reply.payload()["status"]), (&json!("9"), &json!("ok")));
    assert_eq!(
        hearing.receive().await.payload()["payload"],
        json!({ "x": 2 }),
        "binary frames reach version 1 as text"
    );

    // The topic of changes is the database's alone.
    talking.join(&workspace.changes, true, json!({ "ack": true, "self": true }), Some(&ada.token)).await;
    talking.send(&format!("realtime:{}", workspace.changes), "broadcast", message).await;
    talking.hears_nothing().await;
}

#[tokio::test]
async fn joining_again_replaces_the_channel_and_leaving_ends_it() {
    let hub = shared();
    let mut socket = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    socket.join("room", false, json!({}), None).await;
    assert_eq!(socket.join("room", false, json!({ "self": true }), None).await["status"], "ok");
    let closed = socket.receive().await;
    assert_eq!(closed.0, [json!("1"), json!("1"), json!("realtime:room"), json!("phx_close"), json!({})]);
    socket.send("realtime:room", "broadcast", json!({ "type": "broadcast", "event": "x", "payload": {} })).await;
    assert_eq!(socket.receive().await.event(), "broadcast", "once: the first join is gone");
    socket.hears_nothing().await;
    socket.send("realtime:room", "phx_leave", json!({})).await;
    assert_eq!(socket.receive().await.event(), "phx_reply");
    assert_eq!(socket.receive().await.event(), "phx_close");
}

#[tokio::test]
async fn a_channel_closes_when_its_token_expires_and_lives_on_with_a_new_one() {
    let hub = shared();
    let ada = hub.person("ada").await;
    let topic = ada.workspace().await.changes;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let short = hub.mint(&json!({ "sub": ada.user(), "role": "authenticated", "exp": now + 2 }));
    let mut expiring = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    let mut renewed = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    assert_eq!(expiring.join(&topic, true, json!({}), Some(&short)).await["status"], "ok");
    assert_eq!(renewed.join(&topic, true, json!({}), Some(&short)).await["status"], "ok");
    renewed.send(&format!("realtime:{topic}"), "access_token", json!({ "access_token": ada.token })).await;

    let system = expiring.receive().await;
    let expected = json!({
        "message": "Token has expired 0 seconds ago", "status": "error", "extension": "system", "channel": topic
    });
    assert_eq!((system.event(), system.payload()), ("system", &expected));
    assert_eq!(expiring.receive().await.event(), "phx_close");
    expiring.heartbeat().await;
    hub.owner().await.execute(SEND, &[&"{}", &"changes", &topic, &true]).await.unwrap();
    assert_eq!(renewed.receive().await.event(), "broadcast");
    expiring.hears_nothing().await;

    renewed.send(&format!("realtime:{topic}"), "access_token", json!({ "access_token": "garbage" })).await;
    assert_eq!(renewed.receive().await.payload()["message"], "The token provided is not a valid JWT");
    assert_eq!(renewed.receive().await.event(), "phx_close");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_off_and_holds_nobody_up() {
    let hub = shared();
    let mut slow = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    slow.join("flood", false, json!({}), None).await;
    let mut talking = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    talking.join("flood", false, json!({ "ack": true }), None).await;
    let big = json!({ "type": "broadcast", "event": "big", "payload": { "text": "x".repeat(1_000_000) } });
    let sent = 60;
    for _ in 0..sent {
        talking.send("realtime:flood", "broadcast", big.clone()).await;
        assert_eq!(talking.receive().await.payload()["status"], "ok");
    }
    assert!(slow.drain().await < sent, "what waits for one socket is bounded");
    talking.heartbeat().await;
}

#[tokio::test]
async fn idle_sockets_are_closed_and_a_stopping_hub_says_that_it_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.timings.idle = Duration::from_millis(700);
    let hub = Hub::start(options).await.unwrap();
    let mut idle = Socket::open(hub.url(), hub.anon_key(), "2.0.0").await;
    assert_eq!(idle.closed().await, 1000);
    let mut open = Socket::open(hub.url(), hub.anon_key(), "2.0.0").await;
    open.heartbeat().await;
    let (stopped, code) = tokio::join!(hub.stop(), open.closed());
    stopped.unwrap();
    assert_eq!(code, 1012);
}
