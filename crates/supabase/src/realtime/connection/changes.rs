//! Changes of tables: whether they are delivered, and which bindings they match.

use std::time::Instant;

use super::channel::{ChannelState, Live};
use super::{Connection, Effect, Phase};
use crate::realtime::change::PostgresChange;
use crate::realtime::disconnect::CloseReason;
use crate::realtime::refusal::Verdict;
use crate::realtime::system::SystemMessage;
use crate::realtime::{Extension, RealtimeEvent, into_bare_topic};

impl Connection {
    /// The server says something about a channel.
    pub(super) fn system(&mut self, now: Instant, topic: &str, message: SystemMessage, is_error: bool) {
        let Some(channel) = self.channels.iter_mut().find(|channel| channel.is(topic)) else { return };
        let topic = channel.spec.topic.clone();
        let replication_ready = channel.spec.config.broadcast.replication_ready;
        let event = match message {
            // Before the reply to the join it can only be about an earlier join.
            SystemMessage::SubscribedToPostgres => {
                let Some(live) = channel.live() else { return };
                live.confirm_by = None;
                live.bindings_refused = None;
                RealtimeEvent::Ready { topic, extension: Extension::PostgresChanges }
            }
            SystemMessage::ReplicationEstablished if replication_ready => {
                if channel.live().is_none() {
                    return;
                }
                RealtimeEvent::Ready { topic, extension: Extension::DatabaseBroadcasts }
            }
            SystemMessage::BindingsRefused(reason) => {
                let Some(live) = channel.live() else { return };
                live.confirm_by = None;
                live.bindings_refused = Some(now);
                RealtimeEvent::BindingsRefused { topic, reason }
            }
            message => {
                if let (SystemMessage::DatabaseTrouble(_), Some(live)) = (&message, channel.live()) {
                    // The server keeps trying by itself; joining anew would only add to its trouble.
                    live.confirm_by = Some(now + self.options.ready_timeout);
                } else if is_error {
                    channel.complaint = Some(message.clone());
                }
                RealtimeEvent::System { topic, message }
            }
        };
        self.effects.push(Effect::Emit(event));
    }

    /// A change of a table. Frames can still come after a leave or a close; those are of a channel that nobody wants any more.
    pub(super) fn change_came(&mut self, topic: String, ids: &[u64], change: Box<PostgresChange>) {
        let Some(channel) = self.channels.iter_mut().find(|channel| channel.is(&topic)) else { return };
        let topic = into_bare_topic(topic);
        let Some(live) = channel.live() else { return };
        let matching = live.numbers.iter().enumerate().filter(|(_, number)| ids.contains(number));
        let bindings: Vec<usize> = matching.map(|(index, _)| index).collect();
        if bindings.is_empty() {
            tracing::debug!(topic, "a change of a binding that is not wanted any more");
            return;
        }
        self.effects.push(Effect::Emit(RealtimeEvent::PostgresChange { topic, bindings, change }));
    }

    /// A live channel has been given another token: the server confirms its bindings under the new claims.
    pub(super) fn expect_confirmation(&mut self, now: Instant, index: usize) {
        let timeout = self.options.confirm_timeout;
        if let Some(channel) = self.channels.get_mut(index)
            && channel.spec.has_changes()
            && let Some(live) = channel.live()
            && live.bindings_refused.is_none()
        {
            live.confirm_by = Some(live.confirm_by.map_or(now + timeout, |at| at.max(now + timeout)));
        }
    }

    /// After a time without reading, what is awaited has its whole time again: it may lie unread.
    pub(super) fn wait_anew(&mut self, now: Instant) {
        let (join, confirm) = (now + self.options.join_timeout, now + self.options.confirm_timeout);
        for channel in &mut self.channels {
            match &mut channel.state {
                ChannelState::Joining { deadline, .. } => *deadline = join.max(*deadline),
                ChannelState::Joined { live: Live { confirm_by: Some(at), .. }, .. } => *at = confirm.max(*at),
                _ => {}
            }
        }
    }

    /// The next moment at which a live channel needs attention.
    pub(super) fn next_live_deadline(&self) -> Option<Instant> {
        let live = self.channels.iter().filter_map(|channel| match &channel.state {
            ChannelState::Joined { live, .. } => live.deadline().into_iter().chain(channel.tracking.deadline()).min(),
            _ => None,
        });
        live.min()
    }

    /// Joins anew what was not confirmed or is to be renewed, and says when it is time to read again.
    pub(super) fn advance_live(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Open(_)) {
            return;
        }
        for index in 0..self.channels.len() {
            let Some(live) = self.channels.get_mut(index).and_then(|channel| channel.live()) else { continue };
            if live.confirm_by.is_some_and(|at| now >= at) && !self.reading {
                live.confirm_by = Some(now + self.options.confirm_timeout);
            }
            if live.confirm_by.is_some_and(|at| now >= at) {
                self.leave_at(index);
                self.end(now, index, Verdict::Passing, CloseReason::Unconfirmed);
            } else if live.renew.is_some_and(|at| now >= at) {
                self.renew(now, index);
            } else if live.read_again.take_if(|at| now >= *at).is_some() {
                let next = self.options.read_again_every.map(|every| self.soon(now, every));
                let Some(channel) = self.channels.get_mut(index) else { continue };
                let topic = channel.spec.topic.clone();
                if let Some(live) = channel.live() {
                    live.read_again = next;
                }
                self.effects.push(Effect::Emit(RealtimeEvent::ReadAgain { topic }));
            }
        }
    }

    /// Leaves a live channel and joins it anew at once.
    fn renew(&mut self, now: Instant, index: usize) {
        self.leave_at(index);
        if let Some(channel) = self.channels.get_mut(index) {
            channel.state = ChannelState::Idle;
            channel.complaint = None;
            channel.tracking.forget();
            channel.roster.forget(now, self.options.presence_stale);
        }
        self.emit_closed(index, CloseReason::Renewed);
    }
}
