//! The wanted set of channels.

use std::time::Instant;

use super::channel::{Channel, ChannelState};
use super::{Connection, Effect};
use crate::realtime::protocol::Outgoing;
use crate::realtime::{ChannelSpec, bare_topic};

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
            if channel.spec == spec {
                self.want_again(now, &mut channel);
            } else {
                self.leave(&channel);
                channel = self.changed(now, channel, spec);
            }
            self.channels.push(channel);
        }
        for gone in &before {
            self.leave(gone);
            self.forget_roster(gone);
        }
    }

    /// What was refused is tried once more, no sooner than it may.
    fn want_again(&self, now: Instant, channel: &mut Channel) {
        let pause = self.options.refused_pause;
        if let ChannelState::Refused { at } = channel.state {
            channel.state = ChannelState::Delayed { until: now.max(at + pause) };
        } else if let Some(live) = channel.live()
            && let Some(at) = live.bindings_refused
            && live.renew.is_none()
        {
            live.renew = Some(now.max(at + pause));
        }
    }

    /// The channel under another specification. What was told of it stays told, unless it is another channel at the server.
    fn changed(&mut self, now: Instant, channel: Channel, spec: ChannelSpec) -> Channel {
        let same = channel.spec.config.private == spec.config.private;
        if !same || !spec.config.presence.enabled {
            self.forget_roster(&channel);
        }
        let mut next = Channel::new(spec);
        if same {
            next.seen = channel.seen;
            next.tracking = channel.tracking;
            next.tracking.forget();
            if next.spec.config.presence.enabled {
                next.roster = channel.roster;
                next.roster.forget(now, self.options.presence_stale);
            }
        }
        next
    }

    /// Nobody is to be asked about who was on a channel that is not followed any more.
    fn forget_roster(&mut self, channel: &Channel) {
        if channel.spec.config.presence.enabled {
            self.effects.push(Effect::Roster { topic: channel.spec.topic.clone(), everybody: None });
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
        let (stable_after, pause) = (self.options.stable_after, self.options.refused_pause);
        for channel in &mut self.channels {
            channel.complaint = None;
            let next = match &mut channel.state {
                ChannelState::Joined { since, live, .. } => {
                    if now.saturating_duration_since(*since) >= stable_after {
                        channel.failures = 0;
                    }
                    match live.bindings_refused {
                        Some(at) if at + pause > now => ChannelState::Delayed { until: at + pause },
                        _ => ChannelState::Idle,
                    }
                }
                ChannelState::Joining { .. } | ChannelState::Idle => ChannelState::Idle,
                ChannelState::Refused { at } => ChannelState::Delayed { until: now.max(*at + pause) },
                ChannelState::Delayed { until } => ChannelState::Delayed { until: *until },
            };
            channel.state = next;
            channel.tracking.forget();
            channel.roster.forget(now, self.options.presence_stale);
        }
    }
}
