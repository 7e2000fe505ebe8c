//! The official client, `@supabase/supabase-js`, as a second opinion: it signs in, joins, broadcasts, hears the database and sees who is
//! present through the hub, in the version of the protocol it chooses itself (2.0.0) and forced to 1.0.0, beside our own client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;
mod official_support;

use base64::{Engine, prelude::BASE64_STANDARD};
use cockpit_hub::Hub;
use http_support::{PASSWORD, Person, SharedHub, Workspace, options, shared};
use official_support::{node::Official, ours::Ours};
use serde_json::{Value, json};
use uuid::Uuid;

const SEND: &str = "select realtime.send($1::text::jsonb, $2, $3, true)";
const READY: &str = "Replication connection established";

/// The official client of a person who is signed in.
async fn official(hub: &SharedHub, person: &Person<'_>, version: Option<&str>) -> Official {
    let mut official = Official::open(&hub.url, &hub.anon_key, version).await;
    let signed_in = official.ask("sign_in", json!({ "email": person.email, "password": PASSWORD })).await;
    assert_eq!(signed_in["user"], person.user());
    official
}

async fn join(official: &mut Official, topic: &str, broadcast: Value) {
    let joined =
        official.ask("join", json!({ "topic": topic, "config": { "private": true, "broadcast": broadcast } })).await;
    assert_eq!(joined, "SUBSCRIBED");
}

/// A mutation that makes a task.
fn new_task(workspace: &Workspace, device: Uuid) -> Value {
    let mutation = json!({
        "id": Uuid::now_v7(), "no": 1, "tbl": "tasks", "record": Uuid::now_v7(), "op": "insert", "base_version": null,
        "set": { "name": "Größe prüfen 🗝", "status": "open", "rank": "80" }, "base": {}, "fence": null
    });
    json!({ "p_tenant": workspace.tenant, "p_device": device, "p_batch": [mutation] })
}

#[rstest::rstest]
#[tokio::test]
async fn the_official_client_and_ours_hear_each_other_and_the_database(
    #[values(None, Some("1.0.0"))] version: Option<&str>,
    #[values("2.0.0", "1.0.0")] our_version: &str,
) {
    let hub = shared();
    let ada = hub.person("ada").await;
    let workspace = ada.workspace().await;
    let (changes, broadcasts) = (workspace.changes.as_str(), workspace.broadcasts.as_str());
    let mut theirs = official(&hub, &ada, version).await;
    join(&mut theirs, changes, json!({ "replication_ready": true })).await;
    let ready = theirs.hears("the word that the database is heard", |line| line["heard"] == "system").await;
    assert_eq!((&ready["message"], &ready["status"]), (&json!(READY), &json!("ok")));
    join(&mut theirs, broadcasts, json!({ "ack": true, "self": true })).await;
    let account = (ada.email.as_str(), PASSWORD);
    let mut ours = Ours::join(&hub.url, &hub.anon_key, our_version, account, &[changes, broadcasts]).await;

    // Theirs to ours, acknowledged and back to itself; and over HTTP.
    let payload = json!({ "x": 1.5, "text": "quote \" ü 🗝 \u{1}", "deep": [{ "a": null }] });
    let said = json!({ "topic": broadcasts, "event": "cursor ü", "payload": payload });
    assert_eq!(theirs.ask("broadcast", said.clone()).await, "ok");
    assert_eq!(theirs.hears_event("cursor ü").await["payload"], payload);
    let heard = ours.hears_event("cursor ü").await;
    assert_eq!((heard.topic.as_str(), &heard.payload), (broadcasts, &payload));
    let posted = theirs.ask("post", json!({ "topic": broadcasts, "event": "posted", "payload": payload })).await;
    assert_eq!(posted["success"], true, "{posted}");
    assert_eq!(ours.hears_event("posted").await.payload, payload);

    // Ours to theirs.
    ours.broadcast(broadcasts, "answer", payload.clone()).await;
    assert_eq!(theirs.hears_event("answer").await["payload"], payload);

    // From the database to both, with the same id.
    hub.owner().await.execute(SEND, &[&json!({ "n": 7 }).to_string(), &"from the database", &changes]).await.unwrap();
    let (there, here) = (theirs.hears_event("from the database").await, ours.hears_event("from the database").await);
    assert_eq!((&there["payload"]["n"], &here.payload["n"]), (&json!(7), &json!(7)));
    assert_eq!(there["meta"]["id"].as_str(), here.id.as_deref());
    assert!(here.id.is_some());

    // A real mutation by either is heard by both on the workspace's feed.
    let arguments = json!({ "name": "apply_mutations", "args": new_task(&workspace, Uuid::now_v7()) });
    let by_theirs = theirs.ask("rpc", arguments).await;
    let by_ours = ours.rpc("apply_mutations", &new_task(&workspace, Uuid::now_v7())).await;
    for applied in [by_theirs, by_ours] {
        let seq = &applied["results"][0]["seq"];
        assert_eq!(applied["results"][0]["status"], "applied", "{applied}");
        assert_eq!(theirs.hears_event("changes").await["payload"]["to"], *seq);
        assert_eq!(ours.hears_event("changes").await.payload["to"], *seq);
    }
    ours.end().await;
}

#[tokio::test]
async fn bytes_of_the_official_client_reach_version_2_and_spare_version_1() {
    let hub = shared();
    let ada = hub.person("ada").await;
    let topic = ada.workspace().await.broadcasts;
    let mut theirs = official(&hub, &ada, None).await;
    let mut old = official(&hub, &ada, Some("1.0.0")).await;
    for official in [&mut theirs, &mut old] {
        join(official, &topic, json!({ "ack": true, "self": true })).await;
    }
    let mut ours = Ours::join(&hub.url, &hub.anon_key, "2.0.0", (&ada.email, PASSWORD), &[&topic]).await;
    let bytes = [0, 1, 254, 255];
    let base64 = BASE64_STANDARD.encode(bytes);
    let sent = theirs.ask("broadcast", json!({ "topic": topic, "event": "bytes", "base64": base64 })).await;
    assert_eq!(sent, "ok");
    assert_eq!(theirs.hears_event("bytes").await["payload"]["base64"], base64);
    assert_eq!(ours.hears_bytes("bytes").await, bytes);
    ours.broadcast_bytes(&topic, "bytes back", &[255, 0, 7]).await;
    assert_eq!(theirs.hears_event("bytes back").await["payload"]["base64"], BASE64_STANDARD.encode([255, 0, 7]));
    theirs.ask("broadcast", json!({ "topic": topic, "event": "after", "payload": {} })).await;
    let after = old.hears("the next broadcast", |line| line["heard"] == "broadcast").await;
    assert_eq!(after["event"], "after", "bytes cannot be said in version 1");
    ours.end().await;
}

#[rstest::rstest]
#[tokio::test]
async fn official_clients_and_ours_see_each_other_come_and_go(#[values("2.0.0", "1.0.0")] our_version: &str) {
    let hub = shared();
    let ada = hub.person("ada").await;
    let topic = ada.workspace().await.broadcasts.replacen("fractal:", "presence:", 1);
    let mut first = official(&hub, &ada, None).await;
    let mut second = official(&hub, &ada, Some("1.0.0")).await;
    for (official, key) in [(&mut first, "desk"), (&mut second, "lap")] {
        let config = json!({ "private": true, "presence": { "key": key } });
        official.ask("join", json!({ "topic": topic, "config": config, "presence": true })).await;
        let tracked = official.ask("track", json!({ "topic": topic, "payload": { "at": key, "ü": "🗝" } })).await;
        assert_eq!(tracked, "ok");
    }
    let account = (ada.email.as_str(), PASSWORD);
    let mut ours = Ours::join_presence(&hub.url, &hub.anon_key, our_version, account, &topic, "ours").await;
    ours.sees(&topic, &["desk", "lap"]).await;
    ours.track(&topic, json!({ "at": "ours", "ü": "🗝" })).await;
    for official in [&mut first, &mut second] {
        let all = official.hears("all three present", |line| present(line, &["desk", "lap", "ours"])).await;
        for key in ["desk", "ours"] {
            assert_eq!(all["state"][key][0]["ü"], "🗝");
        }
    }
    assert_eq!(second.ask("untrack", json!({ "topic": topic })).await, "ok");
    first.hears("the second's leave", |line| present(line, &["desk", "ours"])).await;
    ours.sees(&topic, &["desk", "ours"]).await;
    second.ask("track", json!({ "topic": topic, "payload": { "at": "lap" } })).await;
    first.hears("the second's return", |line| present(line, &["desk", "lap", "ours"])).await;
    ours.sees(&topic, &["desk", "lap", "ours"]).await;
    // Killed, not closed: the hub notices by itself.
    drop(second);
    first.hears("the second's end", |line| present(line, &["desk", "ours"])).await;
    ours.sees(&topic, &["desk", "ours"]).await;
    ours.end().await;
    first.hears("our end", |line| present(line, &["desk"])).await;
}

/// Whether exactly these are present, each with its own payload.
fn present(line: &Value, keys: &[&str]) -> bool {
    line["heard"] == "presence"
        && line["state"].as_object().is_some_and(|state| {
            state.len() == keys.len()
                && keys.iter().all(|key| state.get(*key).is_some_and(|metas| metas[0]["at"] == *key))
        })
}

#[rstest::rstest]
#[case::its_own_version(None)]
#[case::forced_to_version_1(Some("1.0.0"))]
#[tokio::test]
async fn a_stranger_with_the_official_client_is_told_the_real_servers_reason(#[case] version: Option<&str>) {
    let hub = shared();
    let (ada, eve) = (hub.person("ada").await, hub.person("eve").await);
    let topic = ada.workspace().await.changes;
    let mut theirs = official(&hub, &eve, version).await;
    let refused = theirs.try_ask("join", json!({ "topic": topic, "config": { "private": true } })).await;
    let reason = format!("Unauthorized: You do not have permissions to read from this Channel topic: {topic}");
    assert_eq!(refused, Err(format!("CHANNEL_ERROR: {reason}")));
}

#[tokio::test]
async fn the_official_client_and_ours_take_being_told_twice_that_the_database_is_heard() {
    // A hub of its own: while its replication is away, others would miss what they wait for.
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(options(&folder)).await.unwrap();
    let mut theirs = Official::open(hub.url(), hub.anon_key(), None).await;
    let config = json!({ "private": false, "broadcast": { "replication_ready": true } });
    theirs.ask("join", json!({ "topic": "room", "config": config })).await;
    let ready = |line: &Value| line["heard"] == "system" && line["message"] == READY;
    theirs.hears("that the database is heard", ready).await;
    hub.create_user("ada@cockpit.test", PASSWORD).await.unwrap();
    let account = ("ada@cockpit.test", PASSWORD);
    let mut ours = Ours::join_public(hub.url(), hub.anon_key(), account, "room").await;
    ours.hears_that_the_database_is_heard().await;
    let (owner, connection) =
        tokio_postgres::connect(&hub.database_url_as_owner(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let terminate = "select count(pg_terminate_backend(pid)) from pg_stat_activity where backend_type = 'walsender'";
    assert_eq!(owner.query_one(terminate, &[]).await.unwrap().get::<_, i64>(0), 1);
    theirs.hears("that it is heard again", ready).await;
    ours.hears_that_the_database_is_heard().await;
    owner.batch_execute("select realtime.send('{}', 'afterwards', 'room', false)").await.unwrap();
    theirs.hears_event("afterwards").await;
    ours.hears_event("afterwards").await;
    ours.end().await;
    hub.stop().await.unwrap();
}
