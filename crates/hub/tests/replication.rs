//! What of the rows of `realtime.messages` is heard, and how: over real replication and real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;

use std::time::{Duration, Instant};

use http_support::{SharedHub, shared, socket::Socket};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const SEND: &str = "select realtime.send($1::text::jsonb, $2, $3, false)";
/// The last message of a test: what comes before it is all there is.
const LAST: &str = "last";

async fn join(hub: &SharedHub, topic: &str, version: &'static str) -> Socket {
    let mut socket = Socket::open(&hub.url, &hub.anon_key, version).await;
    assert_eq!(socket.join(topic, false, json!({}), None).await["status"], "ok");
    socket
}

/// Names of the events until the last.
async fn events(socket: &mut Socket) -> Vec<String> {
    let mut events = Vec::new();
    loop {
        let event = socket.receive().await.payload()["event"].as_str().unwrap().to_owned();
        if event == LAST {
            return events;
        }
        events.push(event);
    }
}

#[tokio::test]
async fn messages_come_in_the_order_of_the_commits_and_within_one_in_the_order_of_the_sends() {
    let hub = shared();
    let mut socket = join(&hub, "order", "2.0.0").await;
    let (mut slow, quick) = (hub.owner().await, hub.owner().await);
    let open = slow.transaction().await.unwrap();
    open.execute(SEND, &[&"{}", &"slow 1", &"order"]).await.unwrap();
    quick.execute(SEND, &[&"{}", &"quick", &"order"]).await.unwrap();
    open.execute(SEND, &[&"{}", &"slow 2", &"order"]).await.unwrap();
    open.commit().await.unwrap();
    quick.execute(SEND, &[&"{}", &LAST, &"order"]).await.unwrap();
    assert_eq!(events(&mut socket).await, ["quick", "slow 1", "slow 2"]);
}

#[tokio::test]
async fn what_was_rolled_back_to_a_savepoint_changed_or_deleted_is_not_heard() {
    let hub = shared();
    let mut socket = join(&hub, "undone", "2.0.0").await;
    let mut owner = hub.owner().await;
    let mut transaction = owner.transaction().await.unwrap();
    transaction.execute(SEND, &[&"{}", &"kept 1", &"undone"]).await.unwrap();
    let savepoint = transaction.savepoint("s").await.unwrap();
    savepoint.execute(SEND, &[&"{}", &"undone", &"undone"]).await.unwrap();
    savepoint.rollback().await.unwrap();
    transaction.execute(SEND, &[&"{}", &"kept 2", &"undone"]).await.unwrap();
    transaction.commit().await.unwrap();
    let undone = owner.transaction().await.unwrap();
    undone.execute(SEND, &[&"{}", &"undone", &"undone"]).await.unwrap();
    undone.rollback().await.unwrap();
    owner.batch_execute("update realtime.messages set event = 'changed' where topic = 'undone'").await.unwrap();
    owner.batch_execute("delete from realtime.messages where topic = 'undone'").await.unwrap();
    owner.execute(SEND, &[&"{}", &LAST, &"undone"]).await.unwrap();
    assert_eq!(events(&mut socket).await, ["kept 1", "kept 2"]);
}

#[tokio::test]
async fn payloads_kept_out_of_line_arrive_whole_and_those_over_the_limit_are_dropped() {
    let hub = shared();
    let (mut first, mut second) = (join(&hub, "large", "1.0.0").await, join(&hub, "large", "2.0.0").await);
    let owner = hub.owner().await;
    // Hashes do not compress, so that they are stored in pieces, out of line.
    let send = "select realtime.send(jsonb_build_object('text', string_agg(md5(n::text), '')), $1, 'large', false)
                from generate_series(1, $2::int) n";
    for (event, pieces) in [("100 KB", 3_200), ("2.9 MB", 95_000), ("over 3,000 KB", 96_001), (LAST, 1)] {
        owner.execute(send, &[&event, &pieces]).await.unwrap();
    }
    for socket in [&mut first, &mut second] {
        for (event, pieces) in [("100 KB", 3_200), ("2.9 MB", 95_000), (LAST, 1)] {
            let frame = socket.receive().await;
            let text = frame.payload()["payload"]["text"].as_str().unwrap();
            assert_eq!((frame.payload()["event"].as_str(), text.len()), (Some(event), pieces * 32));
            assert!(text.starts_with("c4ca4238a0b923820dcc509a6f75849b"), "the hash of 1");
        }
    }
}

#[tokio::test]
async fn topics_events_and_texts_of_any_kind_survive() {
    let hub = shared();
    let owner = hub.owner().await;
    let long = "t".repeat(300);
    for topic in ["it's \"odd\" \\ %s {x} ; --", "ключ 🗝 – ü", "a\nb\tc", long.as_str(), "realtime:twice"] {
        let (mut first, mut second) = (join(&hub, topic, "1.0.0").await, join(&hub, topic, "2.0.0").await);
        let payload =
            json!({ "text": "quote \" backslash \\ \u{1} \u{10ffff} 🗝", "deep": [[[{ "a": null }]]], topic: true });
        owner.execute(SEND, &[&payload.to_string(), &topic, &topic]).await.unwrap();
        for socket in [&mut first, &mut second] {
            let frame = socket.receive().await;
            assert_eq!(frame.0[2], json!(format!("realtime:{topic}")));
            let mut message = frame.payload().clone();
            let id = message["payload"].as_object_mut().unwrap().remove("id");
            assert_eq!((&message["event"], &message["payload"]), (&json!(topic), &payload));
            assert_eq!(id, Some(message["meta"]["id"].clone()));
        }
    }
}

#[tokio::test]
async fn numbers_keep_their_digits_and_rows_without_event_or_payload_are_messages_too() {
    let hub = shared();
    let mut socket = join(&hub, "bare", "2.0.0").await;
    let owner = hub.owner().await;
    owner.execute(SEND, &[&r#"{"n": 123456789012345678901234567890.5}"#, &"n", &"bare"]).await.unwrap();
    let Message::Binary(frame) = socket.receive_message().await else { panic!("from the database comes binary") };
    let text = String::from_utf8_lossy(&frame);
    assert!(text.contains(r#""n": 123456789012345678901234567890.5"#), "as recorded from the real server: {text}");
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    owner.execute(SEND, &[&format!(r#"{{"deep": {deep}}}"#), &"deep", &"bare"]).await.unwrap();
    let Message::Binary(frame) = socket.receive_message().await else { panic!("from the database comes binary") };
    assert!(String::from_utf8_lossy(&frame).contains(&deep), "nesting has no limit of ours");
    owner.batch_execute("insert into realtime.messages (topic, extension) values ('bare', 'broadcast')").await.unwrap();
    let message = socket.receive().await;
    assert_eq!((&message.payload()["event"], &message.payload()["payload"]), (&json!(""), &Value::Null));
}

#[tokio::test]
async fn a_row_in_any_partition_is_a_message_and_pruning_thousands_is_silent() {
    let hub = shared();
    let mut socket = join(&hub, "partition", "2.0.0").await;
    let owner = hub.owner().await;
    owner
        .batch_execute(
            "create table realtime.messages_2001 partition of realtime.messages for values from ('2001-01-01') to ('2001-02-01');
             insert into realtime.messages (topic, extension, event, payload, inserted_at)
             values ('partition', 'broadcast', 'in a partition', '{}', '2001-01-02');
             insert into realtime.messages (topic, extension, event, payload, inserted_at)
             select 'unheard', 'broadcast', 'old', '{}', '2001-01-03' from generate_series(1, 12000);",
        )
        .await
        .unwrap();
    let mut pruned = 0;
    loop {
        let slice: i64 = owner.query_one("select realtime.prune()", &[]).await.unwrap().get(0);
        pruned += slice;
        if slice < 10_000 {
            break;
        }
    }
    assert!(pruned >= 12_001, "{pruned}");
    owner.batch_execute("drop table realtime.messages_2001").await.unwrap();
    owner.execute(SEND, &[&"{}", &LAST, &"partition"]).await.unwrap();
    assert_eq!(events(&mut socket).await, ["in a partition"]);
}

#[tokio::test]
async fn a_burst_of_20_000_in_one_transaction_reaches_all_who_read_and_cuts_off_who_does_not() {
    const BURST: i32 = 20_000;
    let hub = shared();
    let mut deaf = join(&hub, "burst", "2.0.0").await;
    let mut reading = [join(&hub, "burst", "1.0.0").await, join(&hub, "burst", "2.0.0").await];
    let owner = hub.owner().await;
    // 80 MB, more than any queue or buffer on the way holds.
    let send = "select realtime.send(jsonb_build_object('n', n, 'text', repeat('x', 4000)), 'n', 'burst', false)
                from generate_series(1, $1) n";
    let writing = owner.execute(send, &[&BURST]);
    let [first, second] = &mut reading;
    let (written, (), ()) = tokio::join!(writing, count_to(first, BURST), count_to(second, BURST));
    written.unwrap();
    assert!(deaf.drain().await < usize::try_from(BURST).unwrap(), "who does not read is closed, and the rest dropped");
}

async fn count_to(socket: &mut Socket, last: i32) {
    for n in 1..=last {
        let frame = socket.receive().await;
        assert_eq!(frame.payload()["payload"]["n"], n, "none is missing, none comes twice or early");
    }
}

#[tokio::test]
async fn messages_of_many_transactions_at_once_all_arrive() {
    const WRITERS: i32 = 4;
    const EACH: i32 = 500;
    let hub = shared();
    let mut socket = join(&hub, "writers", "2.0.0").await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let owner = hub.owner().await;
        writers.spawn(async move {
            for n in 0..EACH {
                owner.execute(SEND, &[&json!({ "n": n }).to_string(), &writer.to_string(), &"writers"]).await.unwrap();
            }
        });
    }
    let mut next = [0; 4];
    let deadline = Instant::now() + Duration::from_secs(120);
    while next.iter().any(|n| *n < EACH) {
        let frame = socket.receive().await;
        let writer: usize = frame.payload()["event"].as_str().unwrap().parse().unwrap();
        assert_eq!(frame.payload()["payload"]["n"], next[writer], "each writer's order is kept");
        next[writer] += 1;
        assert!(Instant::now() < deadline, "{next:?}");
    }
    writers.join_all().await;
}
