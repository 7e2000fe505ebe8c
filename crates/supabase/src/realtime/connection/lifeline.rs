//! Getting a socket, proving that it lives, and losing it.

use std::time::{Duration, Instant};

use rand::Rng;

use super::{Connection, Effect};
use crate::Error;
use crate::realtime::RealtimeEvent;
use crate::realtime::backoff::pause;
use crate::realtime::disconnect::DisconnectReason;
use crate::realtime::protocol::Outgoing;

/// After a wake-up the socket must prove itself within this; longer than the real server is deaf after a refused join.
const PROBE: Duration = Duration::from_secs(8);
/// An attempt to open a socket that is older than this is begun anew after a wake-up: it may hang in the old network.
const WAKE_PATIENCE: Duration = Duration::from_secs(1);

pub(super) enum Phase {
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

pub(super) struct OpenSocket {
    since: Instant,
    /// Whether the server has said anything yet: an accepted socket alone proves nothing.
    pub(super) proven: bool,
    heartbeat_due: Instant,
    pub(super) awaited: Option<Heartbeat>,
}

pub(super) struct Heartbeat {
    pub(super) reference: String,
    deadline: Instant,
}

impl OpenSocket {
    /// When the next heartbeat is due, or its answer.
    pub(super) fn due(&self) -> Instant {
        self.awaited.as_ref().map_or(self.heartbeat_due, |beat| beat.deadline)
    }
}

impl Connection {
    /// Begins another attempt when the pause is over.
    pub(super) fn begin_attempt(&mut self, now: Instant) {
        if let Phase::Waiting { until } = self.phase
            && now >= until
        {
            self.attempted = Some(now);
            self.phase = Phase::NeedsToken;
            self.fetch_token();
        }
    }

    pub(super) fn opened(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Opening { .. }) {
            // The first heartbeat goes out at once: a server that accepts and says nothing is found within one interval.
            self.phase = Phase::Open(OpenSocket { since: now, proven: false, heartbeat_due: now, awaited: None });
            let spread = self.options.join_spread;
            self.joins_from = self.known.then(|| now + self.rng.random_range(Duration::ZERO..=spread));
        }
    }

    /// Sends the heartbeat, or finds that its reply is missing.
    pub(super) fn beat(&mut self, now: Instant) {
        let reference = self.last_reference + 1;
        let Phase::Open(socket) = &mut self.phase else { return };
        match &mut socket.awaited {
            Some(beat) if now >= beat.deadline => {
                if self.reading {
                    self.lost(now, DisconnectReason::Silent(self.options.heartbeat));
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

    pub(super) fn wake(&mut self, now: Instant) {
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

    pub(super) fn set_reading(&mut self, now: Instant, reading: bool) {
        self.reading = reading;
        if let Phase::Open(OpenSocket { awaited: Some(beat), .. }) = &mut self.phase
            && reading
        {
            beat.deadline = beat.deadline.max(now + self.options.heartbeat);
        }
        if reading {
            self.wait_anew(now);
        }
    }

    /// The socket, or the attempt to get one, has ended.
    pub(super) fn lost(&mut self, now: Instant, reason: DisconnectReason) {
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
}
