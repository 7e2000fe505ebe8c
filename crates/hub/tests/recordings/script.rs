//! What a recording's lines do not say: who had which key in which header, what its notes mean, and which waits may be shortened.

use std::time::Duration;

use cockpit_hub::{Limits, Timings};
use serde_json::{Map, Value, json};

use super::item::Item;

/// A recording, by its name.
pub(crate) struct Script<'a>(pub(crate) &'a str);

/// The hub a recording is played against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Refusals come after 0.3 s, and a second is one.
    Standard,
    /// The times of `g1` and `g2a`, ten times as fast.
    Fast,
    /// The limit of `n1`: one join a second.
    OneJoin,
}

impl Setting {
    pub(crate) const ALL: [Self; 3] = [Self::Standard, Self::Fast, Self::OneJoin];

    pub(crate) fn timings(self) -> Timings {
        let quick = Timings {
            refused_join: Duration::from_millis(300),
            refused_connect: Duration::from_millis(100),
            ..Timings::default()
        };
        match self {
            Self::Standard => quick,
            // The real server closed after 60 to 66 s without a frame; a little more, so that a busy machine does not close too early.
            Self::Fast => {
                Timings { idle: Duration::from_millis(6_900), rate_tick: Duration::from_millis(100), ..quick }
            }
            Self::OneJoin => Timings { rate_tick: ONE_JOIN_TICK, ..quick },
        }
    }

    pub(crate) fn limits(self) -> Limits {
        match self {
            // What took the recorder minutes is over in seconds here, and so is more in one.
            Self::Standard => Limits { messages_per_second: 100_000, joins_per_second: 100_000, ..Limits::default() },
            Self::Fast => Limits::default(),
            Self::OneJoin => Limits { joins_per_second: 1, ..Limits::default() },
        }
    }
}

/// All joins of `n1` fall into its first tick, and the one that is refused after it.
pub(crate) const ONE_JOIN_TICK: Duration = Duration::from_secs(8);

impl Script<'_> {
    pub(crate) fn setting(&self) -> Setting {
        match self.letter() {
            "g1" | "g2a" => Setting::Fast,
            "n1" => Setting::OneJoin,
            _ => Setting::Standard,
        }
    }

    /// How much faster than recorded the lines are played; nothing plays each as soon as those before it were answered.
    pub(crate) fn pace(&self) -> Option<f64> {
        (self.setting() == Setting::Fast).then_some(10.0)
    }

    /// `c3` of `c3_broadcast_rest`.
    pub(crate) fn letter(&self) -> &str {
        self.0.split('_').next().unwrap()
    }

    /// Headers of the handshake. A key that is not in the query is in one of them.
    pub(crate) fn headers(&self, connection: &str, key: String) -> Vec<(&'static str, String)> {
        match connection {
            "x-api-key header instead of query" => vec![("x-api-key", key)],
            "apikey header (not x-)" => vec![("apikey", key)],
            "Authorization header only" => vec![("authorization", format!("Bearer {key}"))],
            "origin" => vec![("origin", "https://example.com".to_owned())],
            name if name.starts_with("x-api-key-") => vec![("x-api-key", key)],
            _ => Vec::new(),
        }
    }

    /// How long the key is: the recorder tried several, and named the connections after them.
    pub(crate) fn key_length(&self, connection: &str) -> Option<usize> {
        let length = connection.strip_prefix("apikey-in-query-").or(connection.strip_prefix("x-api-key-"))?;
        length.parse().ok()
    }

    pub(crate) fn token_length(&self, connection: &str) -> Option<usize> {
        connection.strip_prefix("join-token-")?.parse().ok()
    }

    /// Claims that the recorder left out of the placeholder.
    pub(crate) fn more_claims(&self, connection: &str) -> Map<String, Value> {
        let claims = if connection == "u1-ro" { json!({ "ro": true }) } else { json!({}) };
        claims.as_object().unwrap().clone()
    }

    pub(crate) fn is_unsigned(&self, connection: &str) -> bool {
        connection == "alg none"
    }

    /// Whether a token is signed with another secret.
    pub(crate) fn is_forged(&self, connection: &str, is_key: bool, has_sub: bool) -> bool {
        match self.letter() {
            "f1" => connection == "wrong signature",
            "f2" | "f3" => connection.contains("wrong") && !is_key && !has_sub,
            _ => false,
        }
    }

    /// A connection that has fallen silent and is not asked anything.
    pub(crate) fn is_silent(&self, connection: &str) -> bool {
        connection == "blackholed"
    }

    /// Whether an item is left out on both sides: of the flood the recorder kept two frames, and of `l2`s broadcasts none (they are counted), and of a dead network's end none.
    pub(crate) fn leaves_out(&self, connection: &str, item: &Item) -> bool {
        (self.letter() == "l2" && item.kind.starts_with("broadcast"))
            || (self.letter() == "g2a" && item.body.to_string().contains("\"flood\""))
            || (connection == "blackholed" && item.lane == "close")
    }
}

/// Policies as the notes of `e1` and `e2` tell them: one person may read and write, unless the token says read only; three topics try
/// what happens with a right to one extension only and with a policy that fails.
pub(crate) const POLICIES: &str = "
    create policy recordings_read on realtime.messages for select to authenticated using (
      auth.uid() = '00000001-0000-4000-8000-000000000001' and case
        when realtime.topic() = 'priv:11111111-1111-4111-8111-111111111111' then true
        when realtime.topic() = 'bconly' then extension = 'broadcast'
        when realtime.topic() = 'prconly' then extension = 'presence'
        when realtime.topic() = 'boom' then 1 / (case when extension = 'none' then 1 else 0 end) = 1
        else false
      end
    );
    create policy recordings_write on realtime.messages for insert to authenticated with check (
      auth.uid() = '00000001-0000-4000-8000-000000000001'
      and realtime.topic() = 'priv:11111111-1111-4111-8111-111111111111'
      and auth.jwt() ->> 'ro' is null
    );";
