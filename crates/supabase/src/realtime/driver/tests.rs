//! That a machine that has slept is noticed by the running task, with a wall clock that jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Driver, Inbox};
use crate::realtime::rosters::Rosters;
use crate::realtime::{AnonKey, RealtimeOptions};

async fn answered_heartbeat(socket: &mut WebSocketStream<TcpStream>) {
    let message = timeout(Duration::from_secs(60), socket.next()).await.expect("no heartbeat").unwrap().unwrap();
    let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
    assert_eq!(frame[3], "heartbeat");
    let reply = json!([null, frame[1], "phoenix", "phx_reply", { "status": "ok", "response": {} }]);
    socket.send(Message::text(reply.to_string())).await.unwrap();
}

#[tokio::test]
async fn a_machine_that_slept_has_its_socket_prove_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let options = RealtimeOptions { heartbeat: Duration::from_secs(3600), ..RealtimeOptions::new(url, "k") };
    let (_wanted, wanted) = watch::channel(Vec::new());
    let (_commands, commands) = mpsc::channel(1);
    let (events, mut told) = mpsc::channel(16);
    let inbox = Inbox { wanted, wake: Arc::new(Notify::new()), commands };
    let mut driver = Driver::new(options, Arc::new(AnonKey::new("k")), inbox, events, Arc::new(Rosters::default()));
    let slept = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&slept);
    driver.wall = Box::new(move || SystemTime::now() + Duration::from_secs(clock.load(Ordering::SeqCst)));
    let cancel = CancellationToken::new();
    let running = tokio::spawn(driver.run(cancel.clone()));
    let (stream, _) = listener.accept().await.unwrap();
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    answered_heartbeat(&mut socket).await;
    told.recv().await.unwrap();
    slept.store(7200, Ordering::SeqCst);
    // The next regular heartbeat is an hour away.
    answered_heartbeat(&mut socket).await;
    cancel.cancel();
    running.await.unwrap();
}
