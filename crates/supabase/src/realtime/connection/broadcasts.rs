//! Broadcasts, in and out, and their confirmations.

use std::time::Instant;

use super::channel::ChannelState;
use super::{Connection, Effect};
use crate::Error;
use crate::realtime::RealtimeEvent;
use crate::realtime::protocol::{BroadcastPayload, Json, Outgoing};

/// Broadcasts that wait for their confirmation.
const UNCONFIRMED: usize = 256;
/// The real server refuses payloads above 3,000 KB and closes the socket at five million bytes.
const LARGEST_PAYLOAD: usize = 3_000 * 1024;

/// A broadcast that waits for its confirmation.
pub(super) struct Unconfirmed {
    pub(super) reference: String,
    pub(super) topic: String,
    pub(super) request: u64,
    pub(super) deadline: Instant,
}

impl Connection {
    pub(super) fn broadcast_came(&mut self, topic: &str, event: String, payload: BroadcastPayload, id: Option<String>) {
        // Frames can still come after a leave or a close; those are of a channel that nobody wants any more.
        if !self.channels.iter().any(|channel| channel.spec.topic == topic && channel.state.is_on_the_server()) {
            return;
        }
        let topic = topic.to_owned();
        self.effects.push(Effect::Emit(match payload {
            BroadcastPayload::Json(payload) => RealtimeEvent::Broadcast { topic, event, payload, id },
            BroadcastPayload::Binary(payload) => RealtimeEvent::BinaryBroadcast { topic, event, payload, id },
        }));
    }

    pub(super) fn broadcast(&mut self, now: Instant, request: u64, topic: String, event: String, payload: Json) {
        let channel = self.channels.iter().find(|channel| channel.spec.topic == topic);
        let Some((ChannelState::Joined { join_ref, .. }, spec)) =
            channel.map(|channel| (&channel.state, &channel.spec))
        else {
            self.effects.push(Effect::Answer { request, outcome: Err(Error::NotJoined { topic }) });
            return;
        };
        let (join_ref, confirmed) = (join_ref.clone(), spec.broadcast_ack);
        let refused = if confirmed && self.unconfirmed.len() >= UNCONFIRMED {
            Some("too many messages wait for their confirmation")
        } else if payload.as_str().len() > LARGEST_PAYLOAD {
            Some("payload_size_exceeded")
        } else {
            None
        };
        if let Some(reason) = refused {
            let outcome = Err(Error::Refused { topic, reason: reason.to_owned() });
            self.effects.push(Effect::Answer { request, outcome });
            return;
        }
        let reference = self.next_reference();
        if confirmed {
            let deadline = now + self.options.ack_timeout;
            self.unconfirmed.push(Unconfirmed {
                reference: reference.clone(),
                topic: topic.clone(),
                request,
                deadline,
            });
        }
        self.effects.push(Effect::Send(Outgoing::Broadcast {
            join_ref,
            reference,
            topic,
            event,
            payload: BroadcastPayload::Json(payload),
        }));
        if !confirmed {
            self.effects.push(Effect::Answer { request, outcome: Ok(()) });
        }
    }

    pub(super) fn confirm(&mut self, reference: &str, outcome: Result<(), String>) {
        let Some(index) = self.unconfirmed.iter().position(|waiting| waiting.reference == reference) else { return };
        let Unconfirmed { topic, request, .. } = self.unconfirmed.swap_remove(index);
        let outcome = outcome.map_err(|reason| Error::Refused { topic, reason });
        self.effects.push(Effect::Answer { request, outcome });
    }

    pub(super) fn expire_unconfirmed(&mut self, now: Instant) {
        for waiting in self.unconfirmed.extract_if(.., |waiting| now >= waiting.deadline) {
            self.effects.push(Effect::Answer { request: waiting.request, outcome: Err(Error::Timeout) });
        }
    }
}
