//! The connection as a pure state machine: inputs and the time go in, effects come out. It opens no socket, reads no clock and
//! waits for nothing, so every order of events can be tested.
//!
//! Invariants, held by the property tests:
//! - frames are sent only while a socket is open, and a join only with a token;
//! - one join at a time, none of a topic that is live, and a refused one again only after a pause;
//! - at most one token and one socket are being fetched;
//! - every broadcast asked for is answered once;
//! - changes of tables are told only of live channels, with the bindings they match, and a message with an id only once;
//! - at most four presence calls in 30 s per channel, only on live ones, and the last wish is the one that stands;
//! - who was told to have joined is told to have left before joining again, and nobody stays for ever without a connection;
//! - there is always a deadline or something outstanding, so the machine never stands still; and no deadline lies in the past.

mod broadcasts;
mod budget;
mod changes;
mod channel;
mod joins;
mod lifeline;
mod presence;
mod roster;
mod seen;
#[cfg(test)]
mod tests;
mod token;
mod tracking;
mod wanted;

use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::disconnect::{CloseReason, DisconnectReason};
use super::presence::PresenceMap;
use super::protocol::{BroadcastPayload, Json, Outgoing, PHOENIX, ServerMessage};
use super::system::SystemMessage;
use super::{ChannelSpec, RealtimeEvent, RealtimeOptions, bare_topic};
use crate::Error;
use crate::secret::Secret;
pub(super) use broadcasts::LARGEST_PAYLOAD;
use broadcasts::Unconfirmed;
use budget::Budget;
use channel::Channel;
use lifeline::Phase;
use token::Token;

/// Room for effects that is kept for the next input.
const MOST_KEPT: usize = 64;

/// What happened.
#[derive(Debug)]
pub(super) enum Input {
    Wanted(Vec<ChannelSpec>),
    Wake,
    Token(Result<Secret, String>),
    /// The source has another token than it gave out before.
    TokenChanged,
    Opened,
    OpenFailed(DisconnectReason),
    SocketClosed(DisconnectReason),
    Message(ServerMessage),
    Broadcast {
        request: u64,
        topic: String,
        event: String,
        payload: BroadcastPayload,
    },
    /// What shall be known of oneself on a channel; none means nothing. The payload is within the limits.
    Track {
        request: u64,
        topic: String,
        payload: Option<Json>,
    },
    /// Whether the socket is being read. A reader of events that has fallen behind stops it, and silence is then our own: neither a
    /// heartbeat nor a join nor a confirmation is missed. Only confirmations of broadcasts are, because somebody waits for them who may
    /// be that reader.
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
    /// Who is on a channel now, for those who ask; none when the channel is not wanted any more.
    Roster {
        topic: String,
        everybody: Option<PresenceMap>,
    },
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
    /// Whether there has ever been a connection.
    known: bool,
    /// Joins wait until then, so that many clients do not join together after a restart of the server.
    joins_from: Option<Instant>,
    token: Token,
    channels: Vec<Channel>,
    unconfirmed: Vec<Unconfirmed>,
    budget: Option<Budget>,
    last_reference: u64,
    reading: bool,
    effects: Vec<Effect>,
}

impl Connection {
    /// A machine that begins to connect with its first input.
    pub(super) fn new(options: RealtimeOptions, seed: u64, now: Instant) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            phase: Phase::Waiting { until: now },
            failures: 0,
            attempted: None,
            known: false,
            joins_from: None,
            token: Token::default(),
            channels: Vec::new(),
            unconfirmed: Vec::new(),
            budget: options.broadcasts_per_second.map(|rate| Budget::new(rate, now)),
            last_reference: 0,
            reading: true,
            effects: Vec::new(),
            options,
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
            Input::Track { request, topic, payload } => self.track(request, topic, payload),
            Input::Reading(reading) => self.set_reading(now, reading),
            Input::Timer => {}
        }
        self.advance(now);
        std::mem::take(&mut self.effects)
    }

    /// Takes the list of effects back when they are carried out: most inputs have one, and a list of its own for each would cost more
    /// than the rest of what is done for it.
    pub(super) fn take_back(&mut self, mut effects: Vec<Effect>) {
        if self.effects.capacity() == 0 && effects.capacity() <= MOST_KEPT {
            effects.clear();
            self.effects = effects;
        }
    }

    /// When `Input::Timer` is due. None while something outstanding must answer first.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let own = match &self.phase {
            Phase::Waiting { until } => Some(*until),
            Phase::NeedsToken | Phase::Opening { .. } => None,
            Phase::Open(socket) => {
                let confirmations = self.unconfirmed.iter().map(|waiting| waiting.deadline);
                confirmations
                    .chain(self.next_join_deadline())
                    .chain(self.next_live_deadline())
                    .chain([socket.due()])
                    .min()
            }
        };
        own.into_iter().chain(self.next_roster_deadline()).min()
    }

    /// Does everything whose time has come.
    fn advance(&mut self, now: Instant) {
        self.begin_attempt(now);
        self.beat(now);
        self.expire_unconfirmed(now);
        self.advance_live(now);
        self.advance_joins(now);
        self.advance_tracking(now);
        self.advance_rosters(now);
    }

    fn message(&mut self, now: Instant, message: ServerMessage) {
        let Phase::Open(socket) = &mut self.phase else { return };
        if !socket.proven {
            socket.proven = true;
            self.known = true;
            self.effects.push(Effect::Emit(RealtimeEvent::Connected));
        }
        match message {
            ServerMessage::Reply { topic, reference: Some(reference), .. } if topic == PHOENIX => {
                socket.awaited.take_if(|beat| beat.reference == reference);
            }
            ServerMessage::Reply { topic, reference: Some(reference), outcome } => {
                self.replied(now, bare_topic(&topic), &reference, outcome);
            }
            ServerMessage::Closed { topic, join_ref } => {
                self.channel_ended(now, &topic, join_ref.as_deref(), CloseReason::Unsaid);
            }
            ServerMessage::Errored { topic, join_ref } => {
                self.channel_ended(now, &topic, join_ref.as_deref(), CloseReason::Crashed);
            }
            ServerMessage::System { topic, status, message, extension } => {
                self.system(
                    now,
                    &topic,
                    SystemMessage::read(&status, message, extension.as_deref()),
                    status == "error",
                );
            }
            ServerMessage::Broadcast { topic, event, payload, id, replayed } => {
                self.broadcast_came(topic, event, payload, id, replayed);
            }
            ServerMessage::PostgresChange { topic, ids, change } => self.change_came(topic, &ids, change),
            ServerMessage::PresenceState { topic, join_ref, presences } => {
                self.presence_state_came(now, &topic, join_ref.as_deref(), presences);
            }
            ServerMessage::PresenceDiff { topic, joins, leaves } => self.presence_diff_came(now, &topic, joins, leaves),
            ServerMessage::Reply { reference: None, .. } | ServerMessage::Other { .. } => {}
        }
    }

    fn next_reference(&mut self) -> String {
        self.last_reference += 1;
        self.last_reference.to_string()
    }
}
