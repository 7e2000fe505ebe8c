//! The connection's address and times.

use std::fmt;
use std::time::Duration;

use url::Url;

use super::protocol::ProtocolVersion;

/// Where to connect and how patiently. [`RealtimeOptions::new`] gives times that suit the real server.
#[derive(Clone)]
pub struct RealtimeOptions {
    /// The project's address, the same as for [`Client`](crate::Client); `ws` and `wss` are taken as well.
    pub url: Url,
    /// The anonymous or publishable key. It admits the socket; channels are joined with the token.
    pub anon_key: String,
    /// The version of the protocol. Version 2 unless there is a reason.
    pub protocol: ProtocolVersion,
    /// How often the connection is proven. A reply that takes longer than this ends the socket. The real server closes after 60 s
    /// without data, and answers nothing for 5 s after a failed join: stay between.
    pub heartbeat: Duration,
    /// For opening the socket. The real server takes 2 s to refuse.
    pub connect_timeout: Duration,
    /// For the answer to a join. The real server takes 5 s to refuse, and 15 s when its database is away.
    pub join_timeout: Duration,
    /// For the confirmation of a broadcast.
    pub ack_timeout: Duration,
    /// The shortest pause before another attempt to connect.
    pub backoff_min: Duration,
    /// The longest pause before another attempt to connect.
    pub backoff_max: Duration,
    /// A socket or channel that has lived this long starts again with the shortest pause.
    pub stable_after: Duration,
    /// The shortest pause before a refused channel is tried again.
    pub refused_pause: Duration,
    /// After a reconnect the first join waits for a random part of this, so that clients that lost the same server do not join
    /// together. The very first connection does not wait.
    pub join_spread: Duration,
    /// How long a channel with bindings may live without the server's word that changes are delivered. The real server takes up to
    /// 3 s when it is cold; when its database is away it says so, which begins this time anew.
    pub ready_timeout: Duration,
    /// How long the server may take to confirm a new token on a channel with bindings; the real one takes 1 to 3 s.
    pub confirm_timeout: Duration,
    /// How often, with some jitter, [`RealtimeEvent::ReadAgain`](crate::RealtimeEvent::ReadAgain) is said of channels whose
    /// deliveries need the server's database. The server does not mention a restart of its database, and what was committed in the 4 to
    /// 24 s after it never comes: reading on a timer is the only remedy. None for those who have a timer of their own.
    pub read_again_every: Option<Duration>,
    /// How often, with some jitter, channels with bindings are left and joined anew. That proves the subscription, since the server
    /// confirms it, and costs a gap of its own; the real server's subscriptions come back by themselves, so the default is none.
    pub resubscribe_every: Option<Duration>,
    /// A key that leaves and comes back within this time is not reported gone.
    pub presence_grace: Duration,
    /// The same for keys that are missing after a rejoin: after a restart of the server everybody comes back, but not at once.
    pub presence_rejoin_grace: Duration,
    /// When a channel is not joined again within this time, everybody on it is reported gone. The real server itself takes up to 66 s
    /// to notice a client that vanished.
    pub presence_stale: Duration,
    /// How many broadcasts may be sent per second, with bursts of as many; more are refused with
    /// [`Error::OverBudget`](crate::Error::OverBudget). None means no limit here. The server's own limit is of the whole project, and
    /// exceeding it closes the channels of **other** clients.
    pub broadcasts_per_second: Option<u32>,
}

impl RealtimeOptions {
    /// The usual times.
    pub fn new(url: Url, anon_key: impl Into<String>) -> Self {
        Self {
            url,
            anon_key: anon_key.into(),
            protocol: ProtocolVersion::default(),
            heartbeat: Duration::from_secs(25),
            connect_timeout: Duration::from_secs(10),
            join_timeout: Duration::from_secs(12),
            ack_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            stable_after: Duration::from_secs(30),
            refused_pause: Duration::from_secs(5),
            join_spread: Duration::from_secs(1),
            ready_timeout: Duration::from_secs(30),
            confirm_timeout: Duration::from_secs(10),
            read_again_every: Some(Duration::from_secs(60)),
            resubscribe_every: None,
            presence_grace: Duration::from_secs(3),
            presence_rejoin_grace: Duration::from_secs(10),
            presence_stale: Duration::from_secs(75),
            broadcasts_per_second: None,
        }
    }
}

impl fmt::Debug for RealtimeOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RealtimeOptions")
            .field("url", &self.url.as_str())
            .field("heartbeat", &self.heartbeat)
            .finish_non_exhaustive()
    }
}
