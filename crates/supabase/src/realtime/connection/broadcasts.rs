//! Broadcasts, in and out, and their confirmations.

use std::time::Instant;

use super::channel::ChannelState;
use super::{Connection, Effect};
use crate::Error;
use crate::realtime::protocol::{BroadcastPayload, Outgoing, ProtocolVersion, TOPIC_PREFIX};
use crate::realtime::{RealtimeEvent, into_bare_topic};

/// Broadcasts that wait for their confirmation.
const UNCONFIRMED: usize = 256;
/// The real server refuses payloads above 3,000 KB.
pub(in crate::realtime) const LARGEST_PAYLOAD: usize = 3_000 * 1024;
/// The names of a binary frame have their length in one byte; one rule for both kinds is easier to keep.
const LONGEST_NAME: usize = 255;

/// A broadcast that waits for its confirmation.
pub(super) struct Unconfirmed {
    pub(super) reference: String,
    pub(super) topic: String,
    pub(super) request: u64,
    pub(super) deadline: Instant,
}

impl Connection {
    pub(super) fn broadcast_came(
        &mut self,
        topic: String,
        event: String,
        payload: BroadcastPayload,
        id: Option<String>,
        replayed: bool,
    ) {
        // Frames can still come after a leave or a close; those are of a channel that nobody wants any more.
        let Some(channel) =
            self.channels.iter_mut().find(|channel| channel.is(&topic) && channel.state.is_on_the_server())
        else {
            return;
        };
        if id.as_deref().is_some_and(|id| !channel.seen.is_new(id)) {
            return;
        }
        let topic = into_bare_topic(topic);
        self.effects.push(Effect::Emit(match payload {
            BroadcastPayload::Json(payload) => RealtimeEvent::Broadcast { topic, event, payload, id, replayed },
            BroadcastPayload::Binary(payload) => RealtimeEvent::BinaryBroadcast { topic, event, payload, id, replayed },
        }));
    }

    pub(super) fn broadcast(
        &mut self,
        now: Instant,
        request: u64,
        topic: String,
        event: String,
        payload: BroadcastPayload,
    ) {
        let channel = self.channels.iter().find(|channel| channel.spec.topic == topic);
        let Some((ChannelState::Joined { join_ref, .. }, spec)) =
            channel.map(|channel| (&channel.state, &channel.spec))
        else {
            self.effects.push(Effect::Answer { request, outcome: Err(Error::NotJoined { topic }) });
            return;
        };
        let (join_ref, confirmed) = (join_ref.clone(), spec.config.broadcast.ack);
        if let Err(error) = self.may_broadcast(now, &topic, &event, &payload, confirmed) {
            self.effects.push(Effect::Answer { request, outcome: Err(error) });
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
        self.effects.push(Effect::Send(Outgoing::Broadcast { join_ref, reference, topic, event, payload }));
        if !confirmed {
            self.effects.push(Effect::Answer { request, outcome: Ok(()) });
        }
    }

    /// What the server would refuse, or close the socket for, is refused here.
    fn may_broadcast(
        &mut self,
        now: Instant,
        topic: &str,
        event: &str,
        payload: &BroadcastPayload,
        confirmed: bool,
    ) -> Result<(), Error> {
        let refused = |reason: &str| Error::Refused { topic: topic.to_owned(), reason: reason.to_owned() };
        if event.len() > LONGEST_NAME || topic.len() + TOPIC_PREFIX.len() > LONGEST_NAME {
            return Err(refused("the name of the event or the topic is longer than 255 bytes"));
        }
        let size = match payload {
            BroadcastPayload::Binary(_) if self.options.protocol == ProtocolVersion::V1 => {
                return Err(Error::BinaryUnsupported);
            }
            BroadcastPayload::Binary(bytes) => bytes.len(),
            BroadcastPayload::Json(json) => json.as_str().len(),
        };
        if size > LARGEST_PAYLOAD {
            return Err(Error::PayloadTooLarge { size, limit: LARGEST_PAYLOAD });
        }
        if confirmed && self.unconfirmed.len() >= UNCONFIRMED {
            return Err(Error::QueueFull);
        }
        match self.budget.as_mut().map_or(Ok(()), |budget| budget.take(now)) {
            Ok(()) => Ok(()),
            Err(retry_in) => Err(Error::OverBudget { retry_in }),
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
