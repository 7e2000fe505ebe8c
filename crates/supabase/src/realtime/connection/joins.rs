//! Joining, leaving and joining again: the channels' part of the machine.

use std::time::{Duration, Instant};

use super::channel::{Channel, ChannelState, Verdict, verdict};
use super::{Connection, Effect, Phase};
use crate::realtime::backoff::pause;
use crate::realtime::protocol::Outgoing;
use crate::realtime::{ChannelSpec, RealtimeEvent, bare_topic};

/// The longest pause before a refused channel is tried again.
const REFUSED_MAX: Duration = Duration::from_secs(60);
/// The server's answer to a frame for a channel that it does not have.
const NOT_THERE: &str = "unmatched topic";

impl Connection {
    /// Makes the wanted set the given one, keeping what is live and unchanged.
    pub(super) fn want(&mut self, now: Instant, specs: Vec<ChannelSpec>) {
        let mut before = std::mem::take(&mut self.channels);
        for mut spec in specs {
            spec.topic = bare_topic(&spec.topic).to_owned();
            if self.channels.iter().any(|channel| channel.spec.topic == spec.topic) {
                tracing::debug!(topic = spec.topic, "a channel is wanted twice, the first one counts");
                continue;
            }
            let known = before.iter().position(|channel| channel.spec.topic == spec.topic);
            let Some(mut channel) = known.map(|index| before.swap_remove(index)) else {
                self.channels.push(Channel::new(spec));
                continue;
            };
            if channel.spec != spec {
                self.leave(&channel);
                channel = Channel::new(spec);
            } else if let ChannelState::Refused { at } = channel.state {
                channel.state = ChannelState::Delayed { until: now.max(at + self.options.refused_pause) };
            }
            self.channels.push(channel);
        }
        for gone in &before {
            self.leave(gone);
        }
    }

    fn leave(&mut self, channel: &Channel) {
        if let Some(join_ref) = channel.join_ref().map(str::to_owned) {
            let reference = self.next_reference();
            let topic = channel.spec.topic.clone();
            self.effects.push(Effect::Send(Outgoing::Leave { join_ref, reference, topic }));
        }
    }

    /// After the socket is gone: everything wanted is to be joined again, what was refused no sooner than it may.
    pub(super) fn disjoin_all(&mut self, now: Instant) {
        let stable_after = self.options.stable_after;
        for channel in &mut self.channels {
            channel.complaint = None;
            match channel.state {
                ChannelState::Joined { since, .. } => {
                    if now.saturating_duration_since(since) >= stable_after {
                        channel.failures = 0;
                    }
                    channel.state = ChannelState::Idle;
                }
                ChannelState::Joining { .. } => channel.state = ChannelState::Idle,
                ChannelState::Refused { at } => {
                    channel.state = ChannelState::Delayed { until: now.max(at + self.options.refused_pause) };
                }
                ChannelState::Idle | ChannelState::Delayed { .. } => {}
            }
        }
    }

    /// The next moment at which a channel needs attention.
    pub(super) fn next_join_deadline(&self) -> Option<Instant> {
        let joining = self.channels.iter().any(|channel| matches!(channel.state, ChannelState::Joining { .. }));
        self.channels
            .iter()
            .filter_map(|channel| match &channel.state {
                ChannelState::Joining { deadline, .. } => Some(*deadline),
                ChannelState::Delayed { until } => Some(*until),
                // It waits for its turn, or for a token that rests after a failure.
                ChannelState::Idle if !joining && !self.token.fetching => self.token.not_before,
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
            match channel.state {
                ChannelState::Joining { deadline, .. } if now >= deadline => {
                    // The server may still answer; leaving makes sure that it does not keep a channel we gave up.
                    self.leave_at(index);
                    let reason = format!("no answer to the join within {:?}", self.options.join_timeout);
                    self.delay(now, index, Verdict::Passing, self.options.refused_pause);
                    self.emit_closed(index, reason);
                }
                ChannelState::Delayed { until } if now >= until => channel.state = ChannelState::Idle,
                _ => {}
            }
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
                    let spec = channel.spec.clone();
                    channel.complaint = None;
                    channel.state =
                        ChannelState::Joining { reference: reference.clone(), deadline, token: token.clone() };
                    self.effects.push(Effect::Send(Outgoing::Join {
                        reference,
                        config: Box::new(spec.join_config()),
                        topic: spec.topic,
                        token: Some(token),
                    }));
                }
            }
            None if self.token.not_before.is_none_or(|at| now >= at) => self.fetch_token(),
            None => {}
        }
    }

    /// A reply to a join or to a broadcast.
    pub(super) fn replied(&mut self, now: Instant, topic: &str, reference: &str, outcome: Result<(), String>) {
        let joining = self.channels.iter().position(|channel| {
            channel.spec.topic == topic
                && matches!(&channel.state, ChannelState::Joining { reference: join, .. } if join == reference)
        });
        let Some(index) = joining else {
            let gone =
                matches!(&outcome, Err(reason) if reason == NOT_THERE) && self.is_after_its_join(topic, reference);
            self.confirm(reference, outcome);
            if gone {
                // Its close was lost, or never sent; without this it would stay silent until the next reconnect.
                self.channel_ended(now, topic, None);
            }
            return;
        };
        match outcome {
            Ok(()) => {
                if let Some(channel) = self.channels.get_mut(index)
                    && let ChannelState::Joining { reference, token, .. } = &channel.state
                {
                    channel.state =
                        ChannelState::Joined { join_ref: reference.clone(), since: now, token: token.clone() };
                }
                self.effects.push(Effect::Emit(RealtimeEvent::Joined { topic: topic.to_owned() }));
                // The source may have got another token while the join was under way.
                self.push_token();
            }
            Err(reason) => {
                self.delay(now, index, verdict(&reason), self.options.refused_pause);
                self.effects.push(Effect::Emit(RealtimeEvent::Refused { topic: topic.to_owned(), reason }));
            }
        }
    }

    /// Whether a frame that was sent with this reference was meant for the present join of the topic.
    fn is_after_its_join(&self, topic: &str, reference: &str) -> bool {
        let channel = self.channels.iter().find(|channel| channel.spec.topic == topic);
        let Some(ChannelState::Joined { join_ref, .. }) = channel.map(|channel| &channel.state) else { return false };
        matches!((reference.parse::<u64>(), join_ref.parse::<u64>()), (Ok(sent), Ok(joined)) if sent > joined)
    }

    /// The server has ended a channel: it is joined again, with a fresh token, after a pause.
    pub(super) fn channel_ended(&mut self, now: Instant, topic: &str, join_ref: Option<&str>) {
        let Some(index) = self.channels.iter().position(|channel| channel.spec.topic == topic) else { return };
        let Some(channel) = self.channels.get_mut(index) else { return };
        // Otherwise it is the end of an earlier join of the same topic.
        let Some(current) = channel.join_ref() else { return };
        if join_ref.is_some_and(|join_ref| join_ref != current) {
            return;
        }
        let reason = channel.complaint.take().unwrap_or_else(|| "the server closed the channel".to_owned());
        if let ChannelState::Joined { since, .. } = channel.state
            && now.saturating_duration_since(since) >= self.options.stable_after
        {
            channel.failures = 0;
        }
        // A complaint about rights on a channel that was live is no lasting refusal yet: the next join will tell.
        let verdict = if verdict(&reason) == Verdict::Token { Verdict::Token } else { Verdict::Passing };
        self.delay(now, index, verdict, self.options.backoff_min);
        self.emit_closed(index, reason);
    }

    pub(super) fn system(&mut self, topic: &str, status: String, message: String) {
        if status == "error"
            && let Some(channel) = self.channels.iter_mut().find(|channel| channel.spec.topic == topic)
        {
            channel.complaint = Some(message.clone());
        }
        self.effects.push(Effect::Emit(RealtimeEvent::System { topic: topic.to_owned(), status, message }));
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
        channel.state = match verdict {
            Verdict::Lasting => ChannelState::Refused { at: now },
            Verdict::Token | Verdict::Passing => ChannelState::Delayed { until: now + rest },
        };
    }

    fn leave_at(&mut self, index: usize) {
        let reference = self.next_reference();
        if let Some(channel) = self.channels.get(index)
            && let Some(join_ref) = channel.join_ref()
        {
            let (join_ref, topic) = (join_ref.to_owned(), channel.spec.topic.clone());
            self.effects.push(Effect::Send(Outgoing::Leave { join_ref, reference, topic }));
        }
    }

    fn emit_closed(&mut self, index: usize, reason: String) {
        if let Some(channel) = self.channels.get(index) {
            let topic = channel.spec.topic.clone();
            self.effects.push(Effect::Emit(RealtimeEvent::ChannelClosed { topic, reason }));
        }
    }
}
