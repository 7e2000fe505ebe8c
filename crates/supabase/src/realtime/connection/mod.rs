//! The connection as a pure state machine: inputs and the time go in, effects come out. It opens no socket, reads no clock and
//! waits for nothing, so every order of events can be tested.
//!
//! Invariants, held by the property tests:
//! - frames are sent only while a socket is open, and a join only with a token;
//! - one join at a time, and a refused one again only after a pause;
//! - at most one token and one socket are being fetched;
//! - every broadcast asked for is answered once;
//! - there is always a deadline or something outstanding, so the machine never stands still.

mod broadcasts;
mod channel;
mod joins;
#[cfg(test)]
mod tests;
mod token;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;

use super::backoff::pause;
use super::protocol::{Outgoing, PHOENIX, ServerMessage};
use super::{ChannelSpec, RealtimeEvent, RealtimeOptions, bare_topic};
use crate::Error;
use crate::secret::Secret;
use broadcasts::Unconfirmed;
use channel::Channel;
use token::Token;

/// After a wake-up the socket must prove itself within this; longer than the real server is deaf after a refused join.
const PROBE: Duration = Duration::from_secs(8);
/// An attempt to open a socket that is older than this is begun anew after a wake-up: it may hang in the old network.
const WAKE_PATIENCE: Duration = Duration::from_secs(1);
/// What happened.
#[derive(Debug)]
pub(super) enum Input {
    Wanted(Vec<ChannelSpec>),
    Wake,
    Token(Result<Secret, String>),
    /// The source has another token than it gave out before.
    TokenChanged,
    Opened,
    OpenFailed(String),
    SocketClosed(String),
    Message(ServerMessage),
    Broadcast {
        request: u64,
        topic: String,
        event: String,
        payload: Value,
    },
    /// Whether the socket is being read. A reader of events that has fallen behind stops it, and silence is then our own.
    Reading(bool),
    /// The deadline has come.
    Timer,
}

/// What to do about it, in this order.
#[derive(Debug, PartialEq)]
pub(super) enum Effect {
    /// Ask the source, and answer with `Input::Token`.
    FetchToken,
    /// Tell the source that its token was refused.
    RejectToken(Secret),
    /// Open a socket, and answer with `Input::Opened` or `Input::OpenFailed`.
    Open,
    /// Drop the socket, or the attempt to open one; no answer.
    Close,
    Send(Outgoing),
    Emit(RealtimeEvent),
    Answer {
        request: u64,
        outcome: Result<(), Error>,
    },
}

pub(super) struct Connection {
    options: RealtimeOptions,
    rng: StdRng,
    phase: Phase,
    /// Attempts since the last stable connection.
    failures: u32,
    /// When the last attempt began.
    attempted: Option<Instant>,
    token: Token,
    channels: Vec<Channel>,
    unconfirmed: Vec<Unconfirmed>,
    last_reference: u64,
    reading: bool,
    effects: Vec<Effect>,
}

enum Phase {
    Waiting {
        until: Instant,
    },
    /// A token comes first, so that a joined socket never has to wait for one.
    NeedsToken,
    Opening {
        since: Instant,
    },
    Open(OpenSocket),
}

struct OpenSocket {
    since: Instant,
    /// Whether the server has said anything yet: an accepted socket alone proves nothing.
    proven: bool,
    heartbeat_due: Instant,
    awaited: Option<Heartbeat>,
}

struct Heartbeat {
    reference: String,
    deadline: Instant,
}

impl Connection {
    /// A machine that begins to connect with its first input.
    pub(super) fn new(options: RealtimeOptions, seed: u64, now: Instant) -> Self {
        Self {
            options,
            rng: StdRng::seed_from_u64(seed),
            phase: Phase::Waiting { until: now },
            failures: 0,
            attempted: None,
            token: Token::default(),
            channels: Vec::new(),
            unconfirmed: Vec::new(),
            last_reference: 0,
            reading: true,
            effects: Vec::new(),
        }
    }

    /// Takes one input. `now` never goes back.
    pub(super) fn handle(&mut self, now: Instant, input: Input) -> Vec<Effect> {
        match input {
            Input::Wanted(specs) => self.want(now, specs),
            Input::Wake => self.wake(now),
            Input::Token(outcome) => self.token_came(now, outcome),
            Input::TokenChanged => self.token_changed(),
            Input::Opened => self.opened(now),
            Input::OpenFailed(reason) => {
                if matches!(self.phase, Phase::Opening { .. }) {
                    self.lost(now, reason);
                }
            }
            Input::SocketClosed(reason) => {
                if matches!(self.phase, Phase::Open(_)) {
                    self.lost(now, reason);
                }
            }
            Input::Message(message) => self.message(now, message),
            Input::Broadcast { request, topic, event, payload } => self.broadcast(now, request, topic, event, payload),
            Input::Reading(reading) => self.set_reading(now, reading),
            Input::Timer => {}
        }
        self.advance(now);
        std::mem::take(&mut self.effects)
    }

    /// When `Input::Timer` is due. None while something outstanding must answer first.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting { until } => Some(*until),
            Phase::NeedsToken | Phase::Opening { .. } => None,
            Phase::Open(socket) => {
                let beat = socket.awaited.as_ref().map_or(socket.heartbeat_due, |beat| beat.deadline);
                self.unconfirmed
                    .iter()
                    .map(|waiting| waiting.deadline)
                    .chain(self.next_join_deadline())
                    .chain([beat])
                    .min()
            }
        }
    }

    /// Does everything whose time has come.
    fn advance(&mut self, now: Instant) {
        if let Phase::Waiting { until } = self.phase
            && now >= until
        {
            self.attempted = Some(now);
            self.phase = Phase::NeedsToken;
            self.fetch_token();
        }
        self.beat(now);
        self.expire_unconfirmed(now);
        self.advance_joins(now);
    }

    fn opened(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Opening { .. }) {
            // The first heartbeat goes out at once: a server that accepts and says nothing is found within one interval.
            self.phase = Phase::Open(OpenSocket { since: now, proven: false, heartbeat_due: now, awaited: None });
        }
    }

    /// Sends the heartbeat, or finds that its reply is missing.
    fn beat(&mut self, now: Instant) {
        let reference = self.last_reference + 1;
        let Phase::Open(socket) = &mut self.phase else { return };
        match &mut socket.awaited {
            Some(beat) if now >= beat.deadline => {
                if self.reading {
                    self.lost(now, format!("no answer to a heartbeat within {:?}", self.options.heartbeat));
                } else {
                    beat.deadline = now + self.options.heartbeat;
                }
            }
            None if now >= socket.heartbeat_due => {
                let reference = reference.to_string();
                let deadline = now + self.options.heartbeat;
                socket.heartbeat_due = deadline;
                socket.awaited = Some(Heartbeat { reference: reference.clone(), deadline });
                self.last_reference += 1;
                self.effects.push(Effect::Send(Outgoing::Heartbeat { reference }));
                // On the same beat a token that is about to expire is replaced, and pushed to the live channels.
                self.fetch_token();
            }
            _ => {}
        }
    }

    fn wake(&mut self, now: Instant) {
        // `Instant` may have stood still while the machine slept, so the token's age is not to be trusted.
        self.token.fetched = None;
        self.token.not_before = None;
        match &mut self.phase {
            Phase::Waiting { until } => {
                let earliest = self.attempted.map_or(now, |attempted| attempted + self.options.backoff_min);
                *until = (*until).min(earliest.max(now));
            }
            Phase::NeedsToken => {}
            Phase::Opening { since } => {
                if now.saturating_duration_since(*since) >= WAKE_PATIENCE {
                    self.effects.push(Effect::Close);
                    self.phase = Phase::Waiting { until: now };
                }
            }
            Phase::Open(socket) => {
                let probe = now + PROBE.min(self.options.heartbeat);
                match &mut socket.awaited {
                    Some(beat) => beat.deadline = beat.deadline.min(probe),
                    None => {
                        socket.heartbeat_due = now;
                        self.beat(now);
                        if let Phase::Open(OpenSocket { awaited: Some(beat), .. }) = &mut self.phase {
                            beat.deadline = probe;
                        }
                    }
                }
            }
        }
    }

    fn set_reading(&mut self, now: Instant, reading: bool) {
        self.reading = reading;
        if let Phase::Open(OpenSocket { awaited: Some(beat), .. }) = &mut self.phase
            && reading
        {
            beat.deadline = beat.deadline.max(now + self.options.heartbeat);
        }
    }

    /// The socket, or the attempt to get one, has ended.
    fn lost(&mut self, now: Instant, reason: String) {
        if let Phase::Open(socket) = &self.phase
            && now.saturating_duration_since(socket.since) >= self.options.stable_after
        {
            self.failures = 0;
        }
        self.effects.push(Effect::Close);
        for waiting in self.unconfirmed.drain(..) {
            self.effects.push(Effect::Answer { request: waiting.request, outcome: Err(Error::Closed) });
        }
        self.disjoin_all(now);
        let retry_in = pause(&mut self.rng, self.failures, self.options.backoff_min, self.options.backoff_max);
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Waiting { until: now + retry_in };
        self.effects.push(Effect::Emit(RealtimeEvent::Disconnected { reason, retry_in }));
    }

    fn message(&mut self, now: Instant, message: ServerMessage) {
        let Phase::Open(socket) = &mut self.phase else { return };
        if !socket.proven {
            socket.proven = true;
            self.effects.push(Effect::Emit(RealtimeEvent::Connected));
        }
        match message {
            ServerMessage::Reply { topic, reference: Some(reference), .. } if topic == PHOENIX => {
                socket.awaited.take_if(|beat| beat.reference == reference);
            }
            ServerMessage::Reply { topic, reference: Some(reference), outcome } => {
                self.replied(now, bare_topic(&topic), &reference, outcome.map(|_| ()));
            }
            ServerMessage::Closed { topic, join_ref } | ServerMessage::Errored { topic, join_ref } => {
                self.channel_ended(now, bare_topic(&topic), join_ref.as_deref());
            }
            ServerMessage::System { topic, status, message, .. } => {
                self.system(bare_topic(&topic), status, message);
            }
            ServerMessage::Broadcast { topic, event, payload, id, .. } => {
                self.broadcast_came(bare_topic(&topic), event, payload, id);
            }
            ServerMessage::Reply { reference: None, .. }
            | ServerMessage::PostgresChange { .. }
            | ServerMessage::PresenceState { .. }
            | ServerMessage::PresenceDiff { .. }
            | ServerMessage::Other { .. } => {}
        }
    }

    fn next_reference(&mut self) -> String {
        self.last_reference += 1;
        self.last_reference.to_string()
    }
}
