//! The access token: fetched before it is needed, and given to live channels when it changes.

use std::time::{Duration, Instant};

use super::channel::ChannelState;
use super::{Connection, Effect, Phase};
use crate::realtime::backoff::pause;
use crate::realtime::disconnect::DisconnectReason;
use crate::realtime::protocol::Outgoing;
use crate::secret::Secret;

/// A token this old is asked for again before a join: the source answers from memory, and a stale one costs five seconds.
const FRESH: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Token {
    pub(super) held: Option<Secret>,
    pub(super) fetched: Option<Instant>,
    pub(super) fetching: bool,
    pub(super) failures: u32,
    /// Not to be asked for before this, after a failure.
    pub(super) not_before: Option<Instant>,
}

impl Token {
    /// The held token, if it was fetched a moment ago.
    pub(super) fn fresh(&self, now: Instant) -> Option<Secret> {
        let fetched = self.fetched?;
        self.held.clone().filter(|_| now.saturating_duration_since(fetched) < FRESH)
    }
}

impl Connection {
    pub(super) fn fetch_token(&mut self) {
        if !self.token.fetching {
            self.token.fetching = true;
            self.effects.push(Effect::FetchToken);
        }
    }

    pub(super) fn token_came(&mut self, now: Instant, outcome: Result<Secret, String>) {
        self.token.fetching = false;
        // The server takes an empty token for an error, and a missing one for the anonymous user.
        let outcome =
            outcome.and_then(|token| if token.is_empty() { Err("it is empty".to_owned()) } else { Ok(token) });
        match outcome {
            Ok(token) => {
                self.token = Token { held: Some(token), fetched: Some(now), ..Token::default() };
                if matches!(self.phase, Phase::NeedsToken) {
                    self.phase = Phase::Opening { since: now };
                    self.effects.push(Effect::Open);
                }
                self.push_token(now);
            }
            Err(reason) => {
                let rest =
                    pause(&mut self.rng, self.token.failures, self.options.backoff_min, self.options.backoff_max);
                self.token.failures = self.token.failures.saturating_add(1);
                self.token.not_before = Some(now + rest);
                if matches!(self.phase, Phase::NeedsToken) {
                    self.lost(now, DisconnectReason::NoToken(reason));
                }
            }
        }
    }

    /// The source has another token: live channels get it now, not on the next beat.
    pub(super) fn token_changed(&mut self) {
        self.token.fetched = None;
        if matches!(self.phase, Phase::Open(_)) {
            self.fetch_token();
        }
    }

    /// Gives the held token to live channels that have another.
    pub(super) fn push_token(&mut self, now: Instant) {
        let Some(token) = self.token.held.clone() else { return };
        for index in 0..self.channels.len() {
            let Some(channel) = self.channels.get_mut(index) else { continue };
            if let ChannelState::Joined { join_ref, token: known, .. } = &mut channel.state
                && *known != token
            {
                *known = token.clone();
                let (join_ref, topic) = (join_ref.clone(), channel.spec.topic.clone());
                let reference = self.next_reference();
                let token = token.clone();
                self.effects.push(Effect::Send(Outgoing::AccessToken { join_ref, reference, topic, token }));
                self.expect_confirmation(now, index);
            }
        }
    }
}
