//! What the task can wait for, each for ever when there is nothing to wait for. All can be dropped and begun again without losing
//! anything.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};

use crate::realtime::RealtimeEvent;
use crate::realtime::socket::Socket;

pub(super) async fn until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

pub(super) async fn room(events: &mpsc::Sender<RealtimeEvent>) {
    // An error means that the receiver is gone, which another branch waits for.
    if events.reserve().await.is_err() {
        std::future::pending().await
    }
}

pub(super) async fn outcome<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

pub(super) async fn changed(changes: &mut Option<watch::Receiver<u64>>) -> Result<(), watch::error::RecvError> {
    match changes {
        Some(changes) => changes.changed().await,
        None => std::future::pending().await,
    }
}

pub(super) async fn next_message(socket: &mut Option<Socket>) -> Option<Result<Message, WebSocketError>> {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}
