//! One open socket: reads frames one after the other, as the real server does, and keeps the channels it joined.

use std::{collections::HashMap, ops::ControlFlow, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::{StreamExt, stream::SplitStream};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use tokio::{sync::oneshot, time::Instant};

use super::{
    broadcast::{Broadcast, read_push},
    channel::{Channel, Join, own_token},
    frame::{Incoming, Outgoing, Version, decode, encode},
    join::{Refusal, decide, may_join},
    outbox::{Outbox, outbox},
};
use crate::{
    app::App,
    token::{TokenError, unix_now},
};

/// The real server's limits.
pub(super) const MAX_FRAME: usize = 5_000_000;
pub(super) const MAX_CHANNELS: usize = 100;
const MAX_BROADCAST: usize = 3_000 * 1024;
/// Token expiries are looked at no later than this, so that a machine that slept does not oversleep them.
const EXPIRY_CHECK: Duration = Duration::from_secs(30);

/// Why a socket ends; `None` when the peer ended it.
type Ending = Option<CloseFrame>;

/// Serves the socket until it ends. `key` is the token of the handshake.
pub(super) async fn run(app: App, websocket: WebSocket, version: Version, key: String) {
    let (sink, mut stream) = websocket.split();
    let (outbox, writer) = outbox();
    let (close, closing) = oneshot::channel();
    let writing = app.sockets.spawn(writer.run(sink, closing));
    let mut socket = Socket { app, version, key, outbox, channels: HashMap::new() };
    tracing::debug!(?version, "a socket opened");
    let ending = socket.serve(&mut stream).await;
    tracing::debug!(code = ending.as_ref().map(|frame| frame.code), "a socket ends");
    // The channels go first: nothing is delivered to a socket that closes.
    drop(socket);
    if close.send(ending).is_ok() {
        // The close frame was taken or given up; the peer's own answer needs no waiting for.
        if let Err(error) = writing.await {
            tracing::error!(%error, "a socket's writer failed");
        }
    }
}

/// Whom a reply is for: the references and topic of what was sent.
#[derive(Clone, Copy)]
struct Addressed<'a> {
    join_ref: Option<&'a RawValue>,
    reference: Option<&'a RawValue>,
    topic: &'a str,
}

impl<'a> From<&'a Incoming> for Addressed<'a> {
    fn from(incoming: &'a Incoming) -> Self {
        Self {
            join_ref: incoming.join_ref.as_deref(),
            reference: incoming.reference.as_deref(),
            topic: &incoming.topic,
        }
    }
}

struct Socket {
    app: App,
    version: Version,
    key: String,
    outbox: Outbox,
    /// By whole topic.
    channels: HashMap<String, Channel>,
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
                () = tokio::time::sleep_until(deadline) => return end(close_code::NORMAL),
                () = tokio::time::sleep(expiry) => self.expire(),
                message = stream.next() => {
                    // Whatever the peer sends shows that it lives, a websocket ping too.
                    deadline = Instant::now() + idle;
                    let handled = match message {
                        Some(Ok(Message::Text(text))) => self.receive(&text).await,
                        Some(Ok(Message::Close(_))) | None => return None,
                        Some(Ok(Message::Binary(frame))) => {
                            self.receive_binary(&frame);
                            ControlFlow::Continue(())
                        }
                        Some(Ok(_)) => ControlFlow::Continue(()),
                        Some(Err(error)) => return read_failed(&error),
                    };
                    if let ControlFlow::Break(ending) = handled {
                        return ending;
                    }
                    // A refused join may have taken longer than the idle limit; the peer was not idle for it.
                    deadline = deadline.max(Instant::now() + idle);
                }
            }
        }
    }

    async fn receive(&mut self, text: &Utf8Bytes) -> ControlFlow<Ending> {
        let Some(incoming) = decode(self.version, text) else { return ControlFlow::Continue(()) };
        match (incoming.topic.as_str(), incoming.event.as_str()) {
            ("phoenix", "heartbeat") => self.reply(Addressed::from(&incoming), "ok", json!({})),
            (topic, "phx_join") if topic.starts_with("realtime:") => return self.join(incoming).await,
            (topic, "phx_leave") => {
                let left = self.channels.remove(topic);
                self.reply(Addressed::from(&incoming), "ok", json!({}));
                if let Some(channel) = left {
                    self.close_channel(topic, &channel);
                }
            }
            (topic, _) if !self.channels.contains_key(topic) => self.unmatched(Addressed::from(&incoming)),
            (_, "broadcast") => {
                let size = incoming.payload.get().len();
                self.broadcast(Addressed::from(&incoming), size, Broadcast::Text(&incoming.payload));
            }
            (_, "access_token") => return self.renew(&incoming).await,
            (_, "presence") => self.reply(Addressed::from(&incoming), "error", json!({})),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    async fn join(&mut self, incoming: Incoming) -> ControlFlow<Ending> {
        let Join { config, token } = Join::parse(&incoming.payload);
        let token = token.unwrap_or_else(|| self.key.clone());
        let name = incoming.topic.strip_prefix("realtime:").unwrap_or_default().to_owned();
        let others = self.channels.len() - usize::from(self.channels.contains_key(&incoming.topic));
        let grant = match decide(&self.app, &name, &config, &token, others).await {
            Ok(grant) => grant,
            Err(refusal) => return self.refuse_join(&incoming, &refusal).await,
        };
        tracing::debug!(private = config.private, "a channel was joined");
        let subscription = grant
            .rights
            .read_broadcasts
            .then(|| self.app.topics.subscribe(&name, config.private, self.version, self.outbox.clone()));
        self.reply(Addressed::from(&incoming), "ok", json!({ "postgres_changes": [] }));
        let (replication_ready, presence, table_changes) =
            (config.replication_ready, config.presence, config.table_changes);
        let join_ref = incoming.join_ref.clone().or_else(|| incoming.reference.clone());
        let (rights, exp) = (grant.rights, grant.exp);
        let channel = Channel { join_ref, name, config, rights, token, exp, subscription };
        if replication_ready && self.app.topics.is_listening() {
            self.system(&incoming.topic, &channel, "ok", "system", "Replication connection established");
        }
        if presence {
            self.push(&channel, None, &incoming.topic, "presence_state", json!({}));
        }
        if table_changes {
            let message = "Changes of tables are not available on this hub: listen to broadcasts instead";
            self.system(&incoming.topic, &channel, "error", "postgres_changes", message);
        }
        if let Some(old) = self.channels.insert(incoming.topic.clone(), channel) {
            self.close_channel(&incoming.topic, &old);
        }
        ControlFlow::Continue(())
    }

    /// The real server answers a refused join late, and the socket hears nothing meanwhile.
    async fn refuse_join(&mut self, incoming: &Incoming, refusal: &Refusal) -> ControlFlow<Ending> {
        tracing::info!(%refusal, "a join was refused");
        tokio::select! {
            biased;
            () = self.app.stopping.cancelled() => return ControlFlow::Break(end(close_code::RESTART)),
            () = self.outbox.overflowed() => return ControlFlow::Break(self.too_slow()),
            () = tokio::time::sleep(self.app.timings.refused_join) => {}
        }
        self.reply(Addressed::from(incoming), "error", json!({ "reason": refusal.to_string() }));
        ControlFlow::Continue(())
    }

    /// A broadcast in a binary frame, which only version 2 has.
    fn receive_binary(&self, frame: &[u8]) {
        let Some(push) = (if self.version == Version::V2 { read_push(frame) } else { None }) else { return };
        let from =
            Addressed { join_ref: push.join_ref.as_deref(), reference: push.reference.as_deref(), topic: push.topic };
        if self.channels.contains_key(push.topic) {
            let broadcast = Broadcast::Message { event: push.event, meta: None, body: push.body };
            self.broadcast(from, frame.len(), broadcast);
        } else {
            self.unmatched(from);
        }
    }

    /// Sends a client's broadcast on. Without the right to write there is no answer at all, as with the real server.
    fn broadcast(&self, from: Addressed<'_>, size: usize, broadcast: Broadcast<'_>) {
        let Some(channel) = self.channels.get(from.topic) else { return };
        if !channel.rights.write_broadcasts {
            return;
        }
        if size > MAX_BROADCAST {
            return self.reply(from, "error", json!("payload_size_exceeded"));
        }
        match &channel.subscription {
            Some(subscription) => subscription.broadcast(broadcast, channel.config.to_self),
            None => self.app.topics.broadcast(&channel.name, channel.config.private, broadcast),
        }
        if channel.config.ack {
            self.reply(from, "ok", json!({}));
        }
    }

    /// A new token for a channel: the policies are asked again. There is no answer unless it is refused.
    async fn renew(&mut self, incoming: &Incoming) -> ControlFlow<Ending> {
        let token = serde_json::from_str::<Value>(incoming.payload.get()).ok().as_ref().and_then(own_token);
        let Some(channel) = self.channels.get_mut(&incoming.topic) else { return ControlFlow::Continue(()) };
        let Some(token) = token.filter(|token| *token != channel.token) else { return ControlFlow::Continue(()) };
        let refused = match self.app.signer.verify(&token, unix_now()) {
            Ok(verified) if !channel.config.private => {
                (channel.token, channel.exp) = (token, verified.exp);
                return ControlFlow::Continue(());
            }
            Ok(verified) => match may_join(&self.app, &verified, &channel.name).await {
                Ok(rights) => {
                    (channel.token, channel.exp, channel.rights) = (token, verified.exp, rights);
                    if !rights.read_broadcasts {
                        channel.subscription = None;
                    } else if channel.subscription.is_none() {
                        let topics = &self.app.topics;
                        channel.subscription =
                            Some(topics.subscribe(&channel.name, true, self.version, self.outbox.clone()));
                    }
                    return ControlFlow::Continue(());
                }
                Err(Refusal::Unauthorized(name)) => {
                    format!("You do not have permissions to read from this Channel topic: {name}")
                }
                Err(other) => other.to_string(),
            },
            // The real server lets the name of its error out here.
            Err(TokenError::Signature) => ":signature_error".to_owned(),
            Err(other) => other.to_string(),
        };
        self.end_channel(&incoming.topic, &refused);
        ControlFlow::Continue(())
    }

    fn next_expiry(&self) -> Duration {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let soonest = self.channels.values().map(|channel| u64::try_from(channel.exp).unwrap_or(0)).min();
        soonest.map_or(EXPIRY_CHECK, |exp| Duration::from_secs(exp).saturating_sub(now).min(EXPIRY_CHECK))
    }

    fn expire(&mut self) {
        let now = unix_now();
        let expired: Vec<String> =
            self.channels.iter().filter(|(_, channel)| channel.exp <= now).map(|(topic, _)| topic.clone()).collect();
        for topic in expired {
            let ago = self.channels.get(&topic).map_or(0, |channel| now - channel.exp);
            self.end_channel(&topic, &TokenError::Expired { seconds_ago: ago }.to_string());
        }
    }

    /// Ends a channel from this side: says why, then closes it. The socket lives on.
    fn end_channel(&mut self, topic: &str, why: &str) {
        if let Some(channel) = self.channels.remove(topic) {
            self.system(topic, &channel, "error", "system", why);
            self.close_channel(topic, &channel);
        }
    }

    fn too_slow(&self) -> Ending {
        tracing::warn!(channels = self.channels.len(), "a socket reads too slowly and is closed");
        end(close_code::AGAIN)
    }

    fn system(&self, topic: &str, channel: &Channel, status: &str, extension: &str, message: &str) {
        let payload = json!({ "message": message, "status": status, "extension": extension, "channel": channel.name });
        self.push(channel, None, topic, "system", payload);
    }

    fn close_channel(&self, topic: &str, channel: &Channel) {
        self.push(channel, channel.join_ref.as_deref(), topic, "phx_close", json!({}));
    }

    fn unmatched(&self, from: Addressed<'_>) {
        let payload = json!({ "status": "error", "response": { "reason": "unmatched topic" } });
        self.send(None, from.reference, from.topic, "phx_reply", payload);
    }

    fn reply(&self, to: Addressed<'_>, status: &str, response: Value) {
        let payload = json!({ "status": status, "response": response });
        self.send(to.join_ref, to.reference, to.topic, "phx_reply", payload);
    }

    fn push(&self, channel: &Channel, reference: Option<&RawValue>, topic: &str, event: &str, payload: Value) {
        self.send(channel.join_ref.as_deref(), reference, topic, event, payload);
    }

    fn send<P: Serialize>(
        &self,
        join_ref: Option<&RawValue>,
        reference: Option<&RawValue>,
        topic: &str,
        event: &str,
        payload: P,
    ) {
        if let Some(text) = encode(self.version, &Outgoing { join_ref, reference, topic, event, payload }) {
            self.outbox.send(Message::Text(text));
        }
    }
}

fn end(code: u16) -> Ending {
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
