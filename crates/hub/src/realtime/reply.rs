//! What a socket says to its peer.

use axum::extract::ws::Message;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    channel::Channel,
    frame::{Incoming, Outgoing, encode},
    socket::Socket,
};

/// Whom a reply is for: the references and topic of what was sent.
#[derive(Clone, Copy)]
pub(super) struct Addressed<'a> {
    pub(super) join_ref: Option<&'a RawValue>,
    pub(super) reference: Option<&'a RawValue>,
    pub(super) topic: &'a str,
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

impl Socket {
    /// Ends a channel from this side: says why, then closes it. The socket lives on.
    pub(super) fn end_channel(&mut self, topic: &str, why: &str) {
        if let Some(channel) = self.channels.remove(topic) {
            self.system(topic, &channel, "error", "system", why);
            self.close_channel(topic, &channel);
        }
    }

    pub(super) fn system(&self, topic: &str, channel: &Channel, status: &str, extension: &str, message: &str) {
        let payload = json!({ "message": message, "status": status, "extension": extension, "channel": channel.name });
        self.send(channel.join_ref.as_deref(), None, topic, "system", payload);
    }

    pub(super) fn close_channel(&self, topic: &str, channel: &Channel) {
        let join_ref = channel.join_ref.as_deref();
        self.send(join_ref, join_ref, topic, "phx_close", json!({}));
    }

    pub(super) fn unmatched(&self, from: Addressed<'_>) {
        let payload = json!({ "status": "error", "response": { "reason": "unmatched topic" } });
        self.send(None, from.reference, from.topic, "phx_reply", payload);
    }

    pub(super) fn reply(&self, to: Addressed<'_>, status: &str, response: Value) {
        let payload = json!({ "status": status, "response": response });
        self.send(to.join_ref, to.reference, to.topic, "phx_reply", payload);
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
