//! Measures broadcasts from the database on the real parts: `cargo run -p cockpit-hub --example database_broadcasts [-- SECONDS]`.
//!
//! PostgreSQL runs as in a hub in use (fsync on), the socket speaks version 2.0.0 on loopback in the same process. Printed are the time
//! from a confirmed commit to the frame in the client, bursts of 20,000 messages, and the processor time of a hub in which nothing
//! happens for so many seconds (20 unless told).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement for people at a terminal ends when something is wrong"
)]

use std::time::{Duration, Instant};

use cockpit_hub::{Hub, HubOptions, Limits};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_postgres::NoTls;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

const SINGLE: usize = 2_000;
const BURST: i32 = 20_000;
const WRITERS: i32 = 4;
const SEND: &str =
    "select realtime.send(jsonb_build_object('n', $1::int, 'text', repeat('x', 200)), 'e', 'room', false)";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).map_or(20, |text| text.parse().expect("a number of seconds"));
    let folder = tempfile::tempdir().unwrap();
    let mut options = HubOptions::new(folder.path().join("hub"));
    options.port = 0;
    // 20,000 messages in a second are more than the real server's limits let through.
    options.limits = Limits::lifted();
    let started = Instant::now();
    let hub = Hub::start(options).await.unwrap();
    println!("hub started in {:?}", started.elapsed());
    idle(&hub, Duration::from_secs(seconds)).await;
    let mut socket = join(&hub).await;
    latency(&hub, &mut socket).await;
    one_transaction(&hub, &mut socket).await;
    many_transactions(&hub, &mut socket).await;
    let stopped = Instant::now();
    hub.stop().await.unwrap();
    println!("hub stopped in {:?}", stopped.elapsed());
}

async fn idle(hub: &Hub, time: Duration) {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = processor_time(hub).await;
    tokio::time::sleep(time).await;
    let used = processor_time(hub).await - before;
    println!("idle: {:.3} % of a core over {time:?}", 100.0 * used / time.as_secs_f64());
}

async fn latency(hub: &Hub, socket: &mut Socket) {
    let client = connect(hub).await;
    let mut to_socket = Vec::with_capacity(SINGLE);
    let begun = Instant::now();
    for n in 0..SINGLE {
        // The frame can be here before the commit is confirmed to the writer: that counts as zero.
        let commit = async {
            client.execute(SEND, &[&i32::try_from(n).unwrap()]).await.unwrap();
            Instant::now()
        };
        let frame = async {
            receive(socket).await;
            Instant::now()
        };
        let (committed, received) = tokio::join!(commit, frame);
        to_socket.push(received.saturating_duration_since(committed));
    }
    let took = begun.elapsed();
    to_socket.sort_unstable();
    println!(
        "commit to socket, {SINGLE} messages: p50 {:?}, p99 {:?}, most {:?}; {:.0} commits/s one after the other",
        to_socket[SINGLE / 2],
        to_socket[SINGLE * 99 / 100],
        to_socket[SINGLE - 1],
        SINGLE as f64 / took.as_secs_f64()
    );
}

async fn one_transaction(hub: &Hub, socket: &mut Socket) {
    let client = connect(hub).await;
    let text = SEND.replace("$1::int", "n") + " from generate_series(1, $1) n";
    let begun = Instant::now();
    let writing = async {
        client.execute(&text, &[&BURST]).await.unwrap();
        Instant::now()
    };
    let (committed, received) = tokio::join!(writing, count(socket));
    println!(
        "{BURST} messages in one transaction: committed after {:?}, {received} received {:?} later",
        committed - begun,
        committed.elapsed()
    );
}

async fn many_transactions(hub: &Hub, socket: &mut Socket) {
    let mut writers = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..WRITERS {
        let client = connect(hub).await;
        writers.spawn(async move {
            for n in 0..BURST / WRITERS {
                client.execute(SEND, &[&n]).await.unwrap();
            }
        });
    }
    let writing = async {
        writers.join_all().await;
        begun.elapsed()
    };
    let (wrote, received) = tokio::join!(writing, count(socket));
    println!(
        "{BURST} transactions of {WRITERS} writers: {wrote:?} ({:.0}/s), {received} received {:?} after the last",
        f64::from(BURST) / wrote.as_secs_f64(),
        begun.elapsed() - wrote
    );
}

/// Reads until all have come, or nothing more comes.
async fn count(socket: &mut Socket) -> i32 {
    let mut received = 0;
    while received < BURST {
        match tokio::time::timeout(Duration::from_secs(20), socket.next()).await {
            Ok(Some(Ok(Message::Binary(_)))) => received += 1,
            Ok(Some(Ok(_))) => {}
            Ok(other) => {
                println!("the socket ended: {other:?}");
                break;
            }
            Err(_) => break,
        }
    }
    received
}

async fn receive(socket: &mut Socket) {
    loop {
        if let Message::Binary(_) = socket.next().await.unwrap().unwrap() {
            return;
        }
    }
}

async fn join(hub: &Hub) -> Socket {
    let url =
        format!("{}/realtime/v1/websocket?vsn=2.0.0&apikey={}", hub.url().replacen("http", "ws", 1), hub.anon_key());
    let (mut socket, _) = connect_async(url).await.unwrap();
    let config = json!({ "config": { "private": false } });
    socket.send(Message::text(json!(["1", "1", "realtime:room", "phx_join", config]).to_string())).await.unwrap();
    socket.next().await.unwrap().unwrap();
    socket
}

async fn connect(hub: &Hub) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&hub.database_url_as_owner(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Seconds of this process and of all processes of its PostgreSQL so far.
async fn processor_time(hub: &Hub) -> f64 {
    let directory: String = connect(hub).await.query_one("show data_directory", &[]).await.unwrap().get(0);
    let pid_file = std::fs::read_to_string(format!("{directory}/postmaster.pid")).unwrap();
    let postmaster = pid_file.lines().next().unwrap().trim().to_owned();
    let mut ticks = 0.0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // After the name in parentheses: state, parent, …; user and system time are the 12th and 13th.
        let Some((before, after)) = stat.rsplit_once(") ") else { continue };
        let pid = before.split(' ').next().unwrap_or_default();
        let fields: Vec<&str> = after.split(' ').collect();
        if pid == postmaster || fields[1] == postmaster || pid == std::process::id().to_string() {
            ticks += fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        }
    }
    // Linux counts in hundredths of a second on every system of ours.
    ticks / 100.0
}
