//! One open socket: reads frames one after the other, as the real server does, and keeps the channels it joined.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::{StreamExt, stream::SplitStream};
use serde_json::json;
use tokio::{
    sync::{Notify, oneshot, watch},
    time::Instant,
};

use super::{
    broadcast::{Broadcast, read_push},
    channel::Channel,
    frame::{Version, decode},
    outbox::{Outbox, outbox},
    reply::Addressed,
    topics::{Connection, Listening},
};
use crate::app::App;

/// Why a socket ends; `None` when the peer ended it.
pub(super) type Ending = Option<CloseFrame>;

/// Serves the socket until it ends. `key` is the token of the handshake, `place` its place among the hub's connections.
pub(super) async fn run(app: App, websocket: WebSocket, version: Version, key: String, place: Connection) {
    let (sink, mut stream) = websocket.split();
    let (outbox, writer) = outbox();
    let (close, closing) = oneshot::channel();
    let writing = app.sockets.spawn(writer.run(sink, closing));
    let cuts = Arc::new(Notify::new());
    let listening = app.topics.watch_listening();
    let mut socket = Socket { app, version, key, outbox, cuts, listening, channels: HashMap::new() };
    tracing::debug!(?version, "a socket opened");
    let ending = socket.serve(&mut stream).await;
    tracing::debug!(code = ending.as_ref().map(|frame| frame.code), "a socket ends");
    // The channels go first: nothing is delivered to a socket that closes, and nobody sees it present.
    drop(socket);
    drop(place);
    if close.send(ending).is_ok() {
        // The close frame was taken or given up; the peer's own answer needs no waiting for.
        if let Err(error) = writing.await {
            tracing::error!(%error, "a socket's writer failed");
        }
    }
}

/// An open socket. What it does with the frames of one kind each is in `joining`, `present`, `renew` and `reply`.
pub(super) struct Socket {
    pub(super) app: App,
    pub(super) version: Version,
    pub(super) key: String,
    pub(super) outbox: Outbox,
    /// Woken when a room has closed one of the channels.
    pub(super) cuts: Arc<Notify>,
    pub(super) listening: watch::Receiver<Listening>,
    /// By whole topic.
    pub(super) channels: HashMap<String, Channel>,
}

impl Socket {
    async fn serve(&mut self, stream: &mut SplitStream<WebSocket>) -> Ending {
        let idle = self.app.timings.idle;
        let mut deadline = Instant::now() + idle;
        loop {
            let expiry = self.next_expiry();
            tokio::select! {
                biased;
                () = self.app.stopping.cancelled() => return end(close_code::RESTART),
                () = self.outbox.overflowed() => return self.too_slow(),
                () = self.cuts.notified() => self.forget_cut(),
                () = tokio::time::sleep_until(deadline) => return end(close_code::NORMAL),
                () = tokio::time::sleep(expiry) => self.expire(),
                Ok(()) = self.listening.changed() => self.tell_listening(),
                message = stream.next() => {
                    let handled = match message {
                        Some(Ok(Message::Text(text))) => self.receive(&text).await,
                        Some(Ok(Message::Close(_))) | None => return None,
                        Some(Ok(Message::Binary(frame))) => {
                            self.receive_binary(&frame);
                            ControlFlow::Continue(())
                        }
                        // A websocket ping, which the library answers.
                        Some(Ok(_)) => ControlFlow::Continue(()),
                        Some(Err(error)) => return read_failed(&error),
                    };
                    if let ControlFlow::Break(ending) = handled {
                        return ending;
                    }
                    // Whatever the peer sends shows that it lives. Counted from now: a refused join may have taken longer than the
                    // limit, and the peer was not idle for it.
                    deadline = Instant::now() + idle;
                }
            }
        }
    }

    async fn receive(&mut self, text: &Utf8Bytes) -> ControlFlow<Ending> {
        let Some(incoming) = decode(self.version, text) else { return ControlFlow::Continue(()) };
        self.forget_cut();
        match (incoming.topic.as_str(), incoming.event.as_str()) {
            ("phoenix", "heartbeat") => self.reply(Addressed::from(&incoming), "ok", json!({})),
            (topic, "phx_join") if topic.starts_with("realtime:") => return self.join(incoming).await,
            (topic, "phx_leave") => self.leave(topic, Addressed::from(&incoming)),
            (topic, _) if !self.channels.contains_key(topic) => self.unmatched(Addressed::from(&incoming)),
            (_, "broadcast") => {
                let size = incoming.payload.get().len();
                self.broadcast(Addressed::from(&incoming), size, Broadcast::Text(&incoming.payload));
            }
            (_, "presence") => return self.present(&incoming).await,
            (_, "access_token") => return self.renew(&incoming).await,
            // Unknown events are ignored, but not for nothing.
            _ => self.app.topics.rates().messages.add(1),
        }
        ControlFlow::Continue(())
    }

    /// A broadcast in a binary frame, which only version 2 has.
    fn receive_binary(&mut self, frame: &[u8]) {
        let Some(push) = (if self.version == Version::V2 { read_push(frame) } else { None }) else { return };
        self.forget_cut();
        let from =
            Addressed { join_ref: push.join_ref.as_deref(), reference: push.reference.as_deref(), topic: push.topic };
        if self.channels.contains_key(push.topic) {
            let broadcast = Broadcast::Message { event: push.event, meta: None, body: push.body };
            self.broadcast(from, frame.len(), broadcast);
        } else {
            self.unmatched(from);
        }
    }

    /// Sends a client's broadcast on. Without the right to write, or without being asked to, there is no answer at all, as with the
    /// real server.
    fn broadcast(&self, from: Addressed<'_>, size: usize, broadcast: Broadcast<'_>) {
        let Some(channel) = self.channels.get(from.topic) else { return };
        if !channel.rights.write_broadcasts {
            return;
        }
        self.app.topics.rates().messages.add(1);
        let fits = size <= self.app.topics.limits().payload_bytes;
        if fits {
            channel.subscription.broadcast(broadcast, channel.config.to_self);
        }
        match (channel.config.ack, fits) {
            (false, _) => {}
            (true, true) => self.reply(from, "ok", json!({})),
            (true, false) => self.reply(from, "error", json!("payload_size_exceeded")),
        }
    }

    fn leave(&mut self, topic: &str, from: Addressed<'_>) {
        let left = self.channels.remove(topic);
        self.reply(from, "ok", json!({}));
        if let Some(channel) = left {
            self.close_channel(topic, &channel);
        }
    }

    /// Forgets the channels that their rooms have closed; their peer was told.
    fn forget_cut(&mut self) {
        self.channels.retain(|_, channel| !channel.subscription.is_cut());
    }

    pub(super) fn too_slow(&self) -> Ending {
        tracing::warn!(channels = self.channels.len(), "a socket reads too slowly and is closed");
        end(close_code::AGAIN)
    }
}

/// Waits for `wait`, in which the hub may stop or the peer fall behind.
pub(super) async fn pause(socket: &Socket, wait: Duration) -> ControlFlow<Ending> {
    tokio::select! {
        biased;
        () = socket.app.stopping.cancelled() => ControlFlow::Break(end(close_code::RESTART)),
        () = socket.outbox.overflowed() => ControlFlow::Break(socket.too_slow()),
        () = tokio::time::sleep(wait) => ControlFlow::Continue(()),
    }
}

pub(super) fn end(code: u16) -> Ending {
    Some(CloseFrame { code, reason: Utf8Bytes::from_static("") })
}

fn read_failed(error: &axum::Error) -> Ending {
    tracing::debug!(%error, "a socket could not be read");
    // The library does not give the kind of error away except in its text.
    if error.to_string().contains("too long") || error.to_string().contains("limit exceeded") {
        return end(close_code::SIZE);
    }
    None
}
