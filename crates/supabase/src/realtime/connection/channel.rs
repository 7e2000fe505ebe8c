//! One wanted channel.

use std::time::Instant;

use crate::realtime::ChannelSpec;
use crate::secret::Secret;

pub(super) struct Channel {
    pub(super) spec: ChannelSpec,
    pub(super) state: ChannelState,
    /// Refusals and closes since it was last stable.
    pub(super) failures: u32,
    /// What the server complained about last, which is why it closes the channel next.
    pub(super) complaint: Option<String>,
}

pub(super) enum ChannelState {
    /// Joined as soon as it is its turn.
    Idle,
    Joining {
        reference: String,
        deadline: Instant,
        token: Secret,
    },
    Joined {
        join_ref: String,
        since: Instant,
        token: Secret,
    },
    /// Tried again by itself.
    Delayed {
        until: Instant,
    },
    /// Tried again when it is set again, or after a reconnect.
    Refused {
        at: Instant,
    },
}

impl Channel {
    pub(super) fn new(spec: ChannelSpec) -> Self {
        Self { spec, state: ChannelState::Idle, failures: 0, complaint: None }
    }

    /// The reference of the join that made it, or is to make it, live.
    pub(super) fn join_ref(&self) -> Option<&str> {
        match &self.state {
            ChannelState::Joining { reference, .. } => Some(reference),
            ChannelState::Joined { join_ref, .. } => Some(join_ref),
            _ => None,
        }
    }
}

impl ChannelState {
    /// Whether frames of this channel can be meant for us. A broadcast may overtake the reply to the join.
    pub(super) fn is_on_the_server(&self) -> bool {
        matches!(self, Self::Joining { .. } | Self::Joined { .. })
    }
}

/// What a reason of the server means for the next attempt.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Verdict {
    /// The same join will be refused again, until rights or the request change.
    Lasting,
    /// Another token may do.
    Token,
    /// The server is in trouble or has had too much.
    Passing,
}

/// Reads a refusal or complaint. The texts are the real server's; an unknown one counts as passing, because a channel that stays
/// closed for ever is worse than one that is tried each minute.
pub(super) fn verdict(reason: &str) -> Verdict {
    const LASTING: [&str; 6] = [
        "Unauthorized",
        "PrivateOnly",
        "TopicNameRequired",
        "ChannelRateLimitReached",
        "UnableToReplayMessages",
        "unmatched topic",
    ];
    const TOKEN: [&str; 6] = [
        "InvalidJWT",
        "MalformedJWT",
        "JwtSignatureError",
        "Token has expired",
        "The token provided is not a valid JWT",
        ":signature_error",
    ];
    if LASTING.iter().any(|text| reason.starts_with(text)) {
        Verdict::Lasting
    } else if TOKEN.iter().any(|text| reason.starts_with(text)) {
        Verdict::Token
    } else {
        Verdict::Passing
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, verdict};
    use rstest::rstest;

    #[rstest]
    #[case("Unauthorized: You do not have permissions to read from this Channel topic: t", Verdict::Lasting)]
    #[case("PrivateOnly: This project only allows private channels", Verdict::Lasting)]
    #[case("InvalidJWTToken: Token has expired 5 seconds ago", Verdict::Token)]
    #[case("Token has expired 0 seconds ago", Verdict::Token)]
    #[case("IncreaseConnectionPool: Please increase your connection pool size", Verdict::Passing)]
    #[case("ClientJoinRateLimitReached: Too many joins per second", Verdict::Passing)]
    #[case("Too many messages per second", Verdict::Passing)]
    #[case("", Verdict::Passing)]
    fn reads_the_servers_reasons(#[case] reason: &str, #[case] expected: Verdict) {
        assert_eq!(verdict(reason), expected);
    }
}
