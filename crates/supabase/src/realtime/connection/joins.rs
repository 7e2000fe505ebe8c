//! Joining, leaving and joining again: the channels' part of the machine.

use std::time::{Duration, Instant};

use super::channel::{ChannelState, Live};
use super::{Connection, Effect, Phase};
use crate::realtime::RealtimeEvent;
use crate::realtime::backoff::pause;
use crate::realtime::disconnect::CloseReason;
use crate::realtime::protocol::{Accepted, Outgoing};
use crate::realtime::refusal::{JoinRefusal, Verdict};

/// The longest pause before a refused channel is tried again.
const REFUSED_MAX: Duration = Duration::from_secs(60);
/// The server's answer to a frame for a channel that it does not have.
const NOT_THERE: &str = "unmatched topic";

impl Connection {
    /// The next moment at which a channel that is not live needs attention.
    pub(super) fn next_join_deadline(&self) -> Option<Instant> {
        let joining = self.channels.iter().any(|channel| matches!(channel.state, ChannelState::Joining { .. }));
        self.channels
            .iter()
            .filter_map(|channel| match &channel.state {
                ChannelState::Joining { deadline, .. } => Some(*deadline),
                ChannelState::Delayed { until } => Some(*until),
                // It waits for its turn, for the spread after a reconnect, or for a token that rests after a failure.
                ChannelState::Idle if !joining && !self.token.fetching => self.joins_from.max(self.token.not_before),
                ChannelState::Idle if !joining => self.joins_from,
                ChannelState::Idle | ChannelState::Joined { .. } | ChannelState::Refused { .. } => None,
            })
            .min()
    }

    /// Gives up joins without an answer, ends pauses, and begins the next join if none is under way.
    pub(super) fn advance_joins(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Open(_)) {
            return;
        }
        for index in 0..self.channels.len() {
            let Some(channel) = self.channels.get_mut(index) else { continue };
            match &mut channel.state {
                ChannelState::Joining { deadline, .. } if now >= *deadline && !self.reading => {
                    *deadline = now + self.options.join_timeout;
                }
                ChannelState::Joining { deadline, .. } if now >= *deadline => {
                    // The server may still answer; leaving makes sure that it does not keep a channel we gave up.
                    self.leave_at(index);
                    self.delay(now, index, Verdict::Passing, self.options.refused_pause);
                    self.emit_closed(index, CloseReason::Unanswered(self.options.join_timeout));
                }
                ChannelState::Delayed { until } if now >= *until => channel.state = ChannelState::Idle,
                _ => {}
            }
        }
        if self.joins_from.take_if(|at| now >= *at).is_none() && self.joins_from.is_some() {
            return;
        }
        if self.channels.iter().any(|channel| matches!(channel.state, ChannelState::Joining { .. })) {
            return;
        }
        let Some(index) = self.channels.iter().position(|channel| matches!(channel.state, ChannelState::Idle)) else {
            return;
        };
        match self.token.fresh(now) {
            Some(token) => {
                let reference = self.next_reference();
                let deadline = now + self.options.join_timeout;
                if let Some(channel) = self.channels.get_mut(index) {
                    let (topic, config) = (channel.spec.topic.clone(), Box::new(channel.spec.distinct()));
                    channel.complaint = None;
                    channel.state =
                        ChannelState::Joining { reference: reference.clone(), deadline, token: token.clone() };
                    let join = Outgoing::Join { reference, topic, config, token: Some(token) };
                    self.effects.push(Effect::Send(join));
                }
            }
            None if self.token.not_before.is_none_or(|at| now >= at) => self.fetch_token(),
            None => {}
        }
    }

    /// A reply to a join, to a broadcast or to a presence call.
    pub(super) fn replied(&mut self, now: Instant, topic: &str, reference: &str, outcome: Result<Accepted, String>) {
        let joining = self.channels.iter().position(|channel| {
            channel.spec.topic == topic
                && matches!(&channel.state, ChannelState::Joining { reference: join, .. } if join == reference)
        });
        let Some(index) = joining else {
            let gone =
                matches!(&outcome, Err(reason) if reason == NOT_THERE) && self.is_after_its_join(topic, reference);
            if !gone {
                self.presence_answered(topic, reference, &outcome);
            }
            self.confirm(reference, outcome.map(|_| ()));
            if gone {
                // Its close was lost, or never sent; without this it would stay silent until the next reconnect.
                self.channel_ended(now, topic, None, CloseReason::Gone);
            }
            return;
        };
        match outcome {
            Ok(accepted) => {
                self.joined(now, index, accepted);
                // The source may have got another token while the join was under way.
                self.push_token(now);
            }
            Err(reason) => {
                let refusal = JoinRefusal::read(reason);
                self.delay(now, index, refusal.verdict(), self.options.refused_pause);
                self.effects.push(Effect::Emit(RealtimeEvent::Refused { topic: topic.to_owned(), reason: refusal }));
            }
        }
    }

    fn joined(&mut self, now: Instant, index: usize, accepted: Accepted) {
        let live = self.live_of(now, index, accepted);
        let Some(channel) = self.channels.get_mut(index) else { return };
        let ChannelState::Joining { reference, token, .. } = &channel.state else { return };
        let (join_ref, token, topic) = (reference.clone(), token.clone(), channel.spec.topic.clone());
        let refused = live.bindings_refused.is_some();
        channel.state = ChannelState::Joined { join_ref, since: now, token, live };
        self.effects.push(Effect::Emit(RealtimeEvent::Joined { topic: topic.clone() }));
        if refused {
            let reason = "the server did not accept all bindings".to_owned();
            self.effects.push(Effect::Emit(RealtimeEvent::BindingsRefused { topic, reason }));
        }
    }

    /// What is expected of a channel that was accepted.
    fn live_of(&mut self, now: Instant, index: usize, accepted: Accepted) -> Live {
        let Some(channel) = self.channels.get(index) else { return Live::default() };
        let places = channel.spec.places();
        let numbers: Vec<u64> = places.iter().filter_map(|place| accepted.bindings.get(*place)).copied().collect();
        let (with_changes, complete) = (channel.spec.has_changes(), numbers.len() == places.len());
        let needs_database = with_changes || channel.spec.config.broadcast.replication_ready;
        Live {
            numbers,
            confirm_by: (with_changes && complete).then(|| now + self.options.ready_timeout),
            bindings_refused: (!complete).then_some(now),
            read_again: self.options.read_again_every.filter(|_| needs_database).map(|every| self.soon(now, every)),
            renew: self.options.resubscribe_every.filter(|_| with_changes).map(|every| self.soon(now, every)),
        }
    }

    /// About that much later, so that many clients do not do the same at the same moment.
    pub(super) fn soon(&mut self, now: Instant, every: Duration) -> Instant {
        use rand::Rng;
        let least = every.mul_f64(0.9).max(Duration::from_millis(100));
        now + self.rng.random_range(least..=every.mul_f64(1.1).max(least))
    }

    /// Whether a frame that was sent with this reference was meant for the present join of the topic.
    fn is_after_its_join(&self, topic: &str, reference: &str) -> bool {
        let channel = self.channels.iter().find(|channel| channel.spec.topic == topic);
        let Some(ChannelState::Joined { join_ref, .. }) = channel.map(|channel| &channel.state) else { return false };
        matches!((reference.parse::<u64>(), join_ref.parse::<u64>()), (Ok(sent), Ok(joined)) if sent > joined)
    }

    /// The server has ended a channel: it is joined again, with a fresh token, after a pause.
    pub(super) fn channel_ended(&mut self, now: Instant, topic: &str, join_ref: Option<&str>, reason: CloseReason) {
        let Some(index) = self.channels.iter().position(|channel| channel.is(topic)) else { return };
        let Some(channel) = self.channels.get_mut(index) else { return };
        // Otherwise it is the end of an earlier join of the same topic.
        let Some(current) = channel.join_ref() else { return };
        if join_ref.is_some_and(|join_ref| join_ref != current) {
            return;
        }
        let complaint = channel.complaint.take();
        let verdict = complaint.as_ref().map_or(Verdict::Passing, |complaint| complaint.verdict());
        self.end(now, index, verdict, complaint.map_or(reason, CloseReason::Said));
    }

    /// A channel that was joined, or was being joined, is put off.
    pub(super) fn end(&mut self, now: Instant, index: usize, verdict: Verdict, reason: CloseReason) {
        if let Some(channel) = self.channels.get_mut(index)
            && let ChannelState::Joined { since, .. } = channel.state
            && now.saturating_duration_since(since) >= self.options.stable_after
        {
            channel.failures = 0;
        }
        self.delay(now, index, verdict, self.options.backoff_min);
        self.emit_closed(index, reason);
    }

    /// Puts a channel off. `least` is the shortest pause; it grows with the channel's failures.
    fn delay(&mut self, now: Instant, index: usize, verdict: Verdict, least: Duration) {
        let Some(channel) = self.channels.get_mut(index) else { return };
        if verdict == Verdict::Token {
            if let ChannelState::Joining { token, .. } | ChannelState::Joined { token, .. } = &channel.state {
                self.effects.push(Effect::RejectToken(token.clone()));
            }
            self.token.fetched = None;
        }
        let rest = pause(&mut self.rng, channel.failures, least, REFUSED_MAX.max(least));
        channel.failures = channel.failures.saturating_add(1);
        channel.tracking.forget();
        channel.roster.forget(now, self.options.presence_stale);
        channel.state = match verdict {
            Verdict::Lasting => ChannelState::Refused { at: now },
            Verdict::Token | Verdict::Passing => ChannelState::Delayed { until: now + rest },
        };
    }

    pub(super) fn leave_at(&mut self, index: usize) {
        let reference = self.next_reference();
        if let Some(channel) = self.channels.get(index)
            && let Some(join_ref) = channel.join_ref()
        {
            let (join_ref, topic) = (join_ref.to_owned(), channel.spec.topic.clone());
            self.effects.push(Effect::Send(Outgoing::Leave { join_ref, reference, topic }));
        }
    }

    pub(super) fn emit_closed(&mut self, index: usize, reason: CloseReason) {
        if let Some(channel) = self.channels.get(index) {
            let topic = channel.spec.topic.clone();
            self.effects.push(Effect::Emit(RealtimeEvent::ChannelClosed { topic, reason }));
        }
    }
}
