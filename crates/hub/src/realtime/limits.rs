//! The real server's limits and waiting times, which tests shorten and a busy hub raises.

use std::time::Duration;

/// What one hub takes, as one project of the real server does. The defaults are the real server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open sockets; one more is refused with 429 `Too many connected users`.
    pub connections: usize,
    /// Joined channels of one socket.
    pub channels_per_socket: usize,
    /// Joins per second, averaged over up to 60 ticks of [`Timings::rate_tick`]. Above it joins and connections are refused.
    pub joins_per_second: u32,
    /// Broadcasts per second, averaged likewise; each is counted once when it is sent and once for every receiver. Above it
    /// receivers lose their channel with `Too many messages per second`, and requests to broadcast are answered 429.
    pub messages_per_second: u32,
    /// Presence calls, states and diffs per second, averaged likewise.
    pub presence_per_second: u32,
    /// Presence calls of one channel within [`Timings::presence_window`]; the next closes it.
    pub presence_calls: u32,
    /// Bytes of one broadcast's or presence's payload.
    pub payload_bytes: usize,
    /// Bytes of all presences of the hub together, which the real server does not limit; one more closes its channel.
    pub presence_bytes: usize,
    /// Bytes of one frame; a longer one closes the socket with 1009.
    pub frame_bytes: usize,
    /// Bytes of a key in the query or a header; a longer one is refused with 414 or 431.
    pub key_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 200,
            channels_per_socket: 100,
            joins_per_second: 100,
            messages_per_second: 100,
            presence_per_second: 1_000,
            presence_calls: 5,
            payload_bytes: 3_000 * 1024,
            presence_bytes: 64 * 1024 * 1024,
            frame_bytes: 5_000_000,
            key_bytes: 9_000,
        }
    }
}

impl Limits {
    /// The defaults without any limit on numbers and rates, for measurements and for tests of something else. Sizes stay bounded.
    #[must_use]
    pub fn lifted() -> Self {
        Self {
            connections: usize::MAX,
            joins_per_second: u32::MAX,
            messages_per_second: u32::MAX,
            presence_per_second: u32::MAX,
            presence_calls: u32::MAX,
            ..Self::default()
        }
    }
}

/// The real server's waiting times; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// How long a refused join waits for its answer, during which its socket hears nothing.
    pub refused_join: Duration,
    /// How long a refused connection waits for its answer.
    pub refused_connect: Duration,
    /// A socket whose peer sends nothing for so long is closed.
    pub idle: Duration,
    /// What the rates of [`Limits`] take for a second; their averages are over up to 60 of them.
    pub rate_tick: Duration,
    /// How long [`Limits::presence_calls`] are counted together.
    pub presence_window: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            refused_join: Duration::from_secs(5),
            refused_connect: Duration::from_secs(2),
            idle: Duration::from_secs(60),
            rate_tick: Duration::from_secs(1),
            presence_window: Duration::from_secs(30),
        }
    }
}
