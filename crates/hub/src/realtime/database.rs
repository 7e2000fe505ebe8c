//! Broadcasts from the database, on their way to the sockets.

use std::time::Duration;

use futures_util::future::join_all;

use super::{
    broadcast::{Body, Broadcast, Meta},
    topics::Topics,
};
use crate::replication::{Message, Receiver};

/// A burst waits so long for a peer that has half a queue before it. A peer that reads takes milliseconds; one that has not taken half a
/// queue by then is closed, so that it cannot hold up the others again.
const PATIENCE: Duration = Duration::from_secs(1);

impl Receiver for Topics {
    fn live(&self, live: bool) {
        self.set_listening(live);
    }

    async fn deliver(&self, message: Message<'_>) {
        let Message { id, topic, event, payload, private } = message;
        let size = payload.get().len();
        if size > self.limits().payload_bytes {
            // The real server drops it too; the sender is a transaction that has ended, and cannot be told.
            tracing::warn!(%id, size, "a broadcast from the database is too large and is dropped");
            return;
        }
        let broadcast = Broadcast::Message { event, meta: Some(Meta { id }), body: Body::Json(payload) };
        let behind = self.broadcast(topic, private, broadcast);
        if !behind.is_empty() {
            join_all(behind.iter().map(|outbox| outbox.catch_up(PATIENCE))).await;
        }
    }
}
