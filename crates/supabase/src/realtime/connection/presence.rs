//! Presence: one's own wishes go out, and what the server says about everybody comes in.

use std::time::Instant;

use super::channel::ChannelState;
use super::roster::Graces;
use super::tracking::Call;
use super::{Connection, Effect, Phase};
use crate::Error;
use crate::realtime::presence::PresenceMap;
use crate::realtime::protocol::{Accepted, Json, Outgoing};
use crate::realtime::{PresenceChange, PresenceProblem, RealtimeEvent};

impl Connection {
    /// What shall be known of oneself on a channel, now and after each rejoin.
    pub(super) fn track(&mut self, request: u64, topic: String, payload: Option<Json>) {
        let channel = self.channels.iter_mut().find(|channel| channel.spec.topic == topic);
        let outcome = match channel {
            None => Err(Error::Presence { topic, problem: PresenceProblem::UnknownChannel }),
            Some(channel) if !channel.spec.config.presence.enabled => {
                Err(Error::Presence { topic, problem: PresenceProblem::NotEnabled })
            }
            Some(channel) => {
                channel.tracking.want(payload);
                Ok(())
            }
        };
        self.effects.push(Effect::Answer { request, outcome });
    }

    /// Sends the calls that are due.
    pub(super) fn advance_tracking(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Open(_)) {
            return;
        }
        for index in 0..self.channels.len() {
            let Some(channel) = self.channels.get_mut(index) else { continue };
            let ChannelState::Joined { join_ref, .. } = &channel.state else { continue };
            let Some(call) = channel.tracking.due(now) else { continue };
            let (join_ref, topic) = (join_ref.clone(), channel.spec.topic.clone());
            let reference = self.next_reference();
            if let Some(channel) = self.channels.get_mut(index) {
                channel.tracking.called(reference.clone());
            }
            self.effects.push(Effect::Send(match call {
                Call::Track(payload) => Outgoing::Track { join_ref, reference, topic, payload },
                Call::Untrack => Outgoing::Untrack { join_ref, reference, topic },
            }));
        }
    }

    /// The answer to a presence call, if it is one.
    pub(super) fn presence_answered(&mut self, topic: &str, reference: &str, outcome: &Result<Accepted, String>) {
        let Some(channel) = self.channels.iter_mut().find(|channel| channel.spec.topic == topic) else { return };
        if channel.tracking.answered(reference)
            && let Err(reason) = outcome
        {
            let (topic, reason) = (topic.to_owned(), reason.clone());
            self.effects.push(Effect::Emit(RealtimeEvent::PresenceRefused { topic, reason }));
        }
    }

    /// Everybody who is on a channel, after a join.
    pub(super) fn presence_state_came(
        &mut self,
        now: Instant,
        topic: &str,
        join_ref: Option<&str>,
        presences: PresenceMap,
    ) {
        let graces = self.graces();
        let Some(index) = self.followed(topic) else { return };
        let Some(channel) = self.channels.get_mut(index) else { return };
        // The state of an earlier join is old.
        if join_ref.is_some_and(|join_ref| channel.join_ref() != Some(join_ref)) {
            return;
        }
        let change = channel.roster.state(now, presences, graces);
        self.tell(index, change);
    }

    /// Somebody came or went.
    pub(super) fn presence_diff_came(&mut self, now: Instant, topic: &str, joins: PresenceMap, leaves: PresenceMap) {
        let graces = self.graces();
        let Some(index) = self.followed(topic) else { return };
        let Some(channel) = self.channels.get_mut(index) else { return };
        let change = channel.roster.diff(now, joins, leaves, graces);
        self.tell(index, change);
    }

    pub(super) fn next_roster_deadline(&self) -> Option<Instant> {
        self.channels.iter().filter_map(|channel| channel.roster.deadline()).min()
    }

    /// Tells those gone whose time has come, with or without a connection.
    pub(super) fn advance_rosters(&mut self, now: Instant) {
        for index in 0..self.channels.len() {
            let Some(channel) = self.channels.get_mut(index) else { continue };
            let change = channel.roster.advance(now);
            self.tell(index, change);
        }
    }

    /// The channel of this topic, if it is on the server and its presence is wanted: differences come without being asked for, but
    /// without a state they mean nothing.
    fn followed(&self, topic: &str) -> Option<usize> {
        self.channels.iter().position(|channel| {
            channel.is(topic) && channel.spec.config.presence.enabled && channel.state.is_on_the_server()
        })
    }

    fn tell(&mut self, index: usize, change: PresenceChange) {
        if change.is_empty() {
            return;
        }
        let Some(channel) = self.channels.get(index) else { return };
        let (topic, everybody) = (channel.spec.topic.clone(), channel.roster.told());
        self.effects.push(Effect::Roster { topic: topic.clone(), everybody: Some(everybody) });
        self.effects.push(Effect::Emit(RealtimeEvent::Presence { topic, change }));
    }

    fn graces(&self) -> Graces {
        Graces { usual: self.options.presence_grace, after_rejoin: self.options.presence_rejoin_grace }
    }
}
