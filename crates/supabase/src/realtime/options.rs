//! The connection's address and times.

use std::fmt;
use std::time::Duration;

use url::Url;

use crate::Fingerprint;

/// Where to connect and how patiently. [`RealtimeOptions::new`] gives times that suit the real server.
#[derive(Clone)]
pub struct RealtimeOptions {
    /// The project's address, the same as for [`Client`](crate::Client); `ws` and `wss` are taken as well.
    pub url: Url,
    /// The anonymous or publishable key. It admits the socket; channels are joined with the token.
    pub anon_key: String,
    /// The one certificate to trust, as in [`ClientOptions`](crate::ClientOptions::pinned_certificate).
    pub pinned_certificate: Option<Fingerprint>,
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
}

impl RealtimeOptions {
    /// The usual times.
    pub fn new(url: Url, anon_key: impl Into<String>) -> Self {
        Self {
            url,
            anon_key: anon_key.into(),
            pinned_certificate: None,
            heartbeat: Duration::from_secs(25),
            connect_timeout: Duration::from_secs(10),
            join_timeout: Duration::from_secs(12),
            ack_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            stable_after: Duration::from_secs(30),
            refused_pause: Duration::from_secs(5),
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
