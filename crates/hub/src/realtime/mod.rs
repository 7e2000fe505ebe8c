//! Supabase Realtime's private channels and broadcasts, over Phoenix's socket protocol in versions 1.0.0 and 2.0.0.
//!
//! Delivery is at most once, as with the real server: nothing is kept for a socket that is away. Bounds: a socket whose peer
//! reads too slowly (see [`outbox`]) is closed with 1013, one that sends nothing for a minute with 1000, all sockets of a
//! stopping hub with 1012. Not offered yet: presence, changes of tables, replay.

mod authorise;
mod broadcast;
mod channel;
mod connect;
mod frame;
mod join;
mod listen;
mod outbox;
mod socket;
mod topics;

use std::time::Duration;

pub(crate) use connect::connect;
pub(crate) use listen::{listen, prune};
pub(crate) use topics::Topics;

/// The real server's waiting times; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// How long a refused join waits for its answer, during which its socket hears nothing.
    pub refused_join: Duration,
    /// How long a refused connection waits for its answer.
    pub refused_connect: Duration,
    /// A socket whose peer sends nothing for so long is closed.
    pub idle: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            refused_join: Duration::from_secs(5),
            refused_connect: Duration::from_secs(2),
            idle: Duration::from_secs(60),
        }
    }
}
