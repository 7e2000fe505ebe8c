//! An end from every state, and nothing left of it: no task, no socket, nobody waiting.

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cockpit_supabase::{ChannelSpec, Error, Realtime, RealtimeEvent, TokenSource};
use serde_json::json;

use crate::server::{Server, Tokens, joined, joined_to, next, soon, spec};

fn alive_tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// A source that never answers.
struct Hanging;

#[async_trait]
impl TokenSource for Hanging {
    async fn access_token(&self) -> Result<String, Error> {
        std::future::pending().await
    }
}

async fn ends(realtime: Realtime, before: usize) {
    assert_eq!(alive_tasks(), before + 1, "the connection is one task");
    soon(realtime.shutdown()).await;
    assert_eq!(alive_tasks(), before, "and it is gone");
}

#[tokio::test]
async fn while_waiting_for_a_token() {
    let server = Server::start().await;
    let before = alive_tasks();
    let (realtime, _events) = Realtime::spawn(server.options(), Arc::new(Hanging));
    realtime.set_channels(vec![spec("room")]);
    tokio::task::yield_now().await;
    ends(realtime, before).await;
}

#[tokio::test]
async fn while_opening() {
    let server = Server::start().await;
    let before = alive_tasks();
    let (realtime, _events) = Realtime::spawn(server.options(), Tokens::new("t1"));
    let _never_upgraded = soon(server.listener.accept()).await.unwrap();
    ends(realtime, before).await;
}

#[tokio::test]
async fn while_joining() {
    let server = Server::start().await;
    let before = alive_tasks();
    let (realtime, _events) = Realtime::spawn(server.options(), Tokens::new("t1"));
    realtime.set_channels(vec![spec("room")]);
    let mut peer = server.accept().await;
    let _unanswered = peer.expect("phx_join").await;
    ends(realtime, before).await;
}

#[tokio::test]
async fn while_it_waits_for_the_next_attempt() {
    let server = Server::start().await;
    let mut options = server.options();
    (options.backoff_min, options.backoff_max) = (Duration::from_secs(600), Duration::from_secs(600));
    drop(server);
    let before = alive_tasks();
    let (realtime, mut events) = Realtime::spawn(options, Tokens::new("t1"));
    assert!(matches!(next(&mut events).await, RealtimeEvent::Disconnected { .. }));
    ends(realtime, before).await;
}

#[tokio::test]
async fn while_nobody_reads_its_events() {
    let server = Server::start().await;
    let before = alive_tasks();
    let (realtime, events, mut peer) = joined(&server, server.options(), Tokens::new("t1")).await;
    for number in 0..1000 {
        peer.broadcast("room", json!(number)).await;
    }
    soon(async {
        while events.len() < 256 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    ends(realtime, before).await;
}

#[tokio::test]
async fn while_the_server_takes_no_frames() {
    let server = Server::start().await;
    let before = alive_tasks();
    let spec = ChannelSpec::private("room");
    let (realtime, _events, _deaf) = joined_to(spec, &server, server.options(), Tokens::new("t1")).await;
    // More than the buffers of any system hold between two sockets.
    let bytes = Bytes::from(vec![0; 3_000_000]);
    let payload = || bytes.clone();
    soon(async {
        while realtime.try_broadcast("room", "e", payload()).is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (waits, handle) = (realtime.clone(), realtime.clone());
    let ((), waited) = tokio::join!(ends(handle, before), async move { waits.broadcast("room", "e", json!(1)).await });
    assert_eq!(waited, Err(Error::Closed), "whoever waits is told");
}

#[tokio::test]
async fn twice_and_by_two_handles() {
    let server = Server::start().await;
    let before = alive_tasks();
    let (realtime, _events, _peer) = joined(&server, server.options(), Tokens::new("t1")).await;
    let other = realtime.clone();
    soon(async { tokio::join!(realtime.shutdown(), other.shutdown()) }).await;
    assert_eq!(alive_tasks(), before);
    soon(other.shutdown()).await;
    other.wake();
    other.set_channels(vec![]);
    assert_eq!(other.broadcast("room", "e", json!(1)).await, Err(Error::Closed));
}
