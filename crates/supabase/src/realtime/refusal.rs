//! Why the server refused a join.

use std::fmt;

/// The server's refusal of a join, with its text. Each one is answered after five seconds, during which the real server is deaf on the
/// whole socket: none is tried again in a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinRefusal {
    /// The token's time is over. Another one is fetched by itself.
    TokenExpired(String),
    /// It is no token, or lacks `role` or `exp`. Another one is fetched by itself.
    TokenMalformed(String),
    /// The token is of another project, or forged. Another one is fetched by itself.
    TokenSignature(String),
    /// The policies on `realtime.messages` do not let this user read this topic.
    Unauthorized(String),
    /// The project has private channels only, and this one was asked for as public.
    PrivateOnly(String),
    /// The topic is empty.
    TopicNameRequired(String),
    /// The socket has all the channels that one may have (100 on the real server).
    TooManyChannels(String),
    /// The project has too many joins at the moment. Tried again by itself.
    JoinRateLimit(String),
    /// What was asked of replay is not possible: a public channel, or wrong limits.
    Replay(String),
    /// The server's database is away or overloaded. Tried again by itself.
    DatabaseBusy(String),
    /// A text that this version does not know. Tried again by itself.
    Other(String),
}

/// What a refusal or complaint of the server means for the next attempt.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Verdict {
    /// The same will be refused again, until rights or the request change.
    Lasting,
    /// Another token may do.
    Token,
    /// The server is in trouble or has had too much.
    Passing,
}

impl JoinRefusal {
    /// Reads the server's reason.
    pub(super) fn read(text: String) -> Self {
        let (code, rest) = text.split_once(": ").unwrap_or((&text, ""));
        match code {
            "InvalidJWTToken" if rest.starts_with("Token has expired") => Self::TokenExpired(text),
            "InvalidJWTToken" | "MalformedJWT" => Self::TokenMalformed(text),
            "JwtSignatureError" => Self::TokenSignature(text),
            "Unauthorized" => Self::Unauthorized(text),
            "PrivateOnly" => Self::PrivateOnly(text),
            "TopicNameRequired" => Self::TopicNameRequired(text),
            "ChannelRateLimitReached" => Self::TooManyChannels(text),
            "ClientJoinRateLimitReached" => Self::JoinRateLimit(text),
            "UnableToReplayMessages" => Self::Replay(text),
            "IncreaseConnectionPool" | "DatabaseLackOfConnections" | "UnableToConnectToProject" => {
                Self::DatabaseBusy(text)
            }
            _ => Self::Other(text),
        }
    }

    /// The server's text.
    pub fn text(&self) -> &str {
        match self {
            Self::TokenExpired(text)
            | Self::TokenMalformed(text)
            | Self::TokenSignature(text)
            | Self::Unauthorized(text)
            | Self::PrivateOnly(text)
            | Self::TopicNameRequired(text)
            | Self::TooManyChannels(text)
            | Self::JoinRateLimit(text)
            | Self::Replay(text)
            | Self::DatabaseBusy(text)
            | Self::Other(text) => text,
        }
    }

    /// Whether the channel is joined again only after [`Realtime::set_channels`](crate::Realtime::set_channels) or a reconnect.
    pub fn is_lasting(&self) -> bool {
        self.verdict() == Verdict::Lasting
    }

    /// An unknown reason counts as passing, because a channel that stays closed for ever is worse than one that is tried each minute.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::TokenExpired(_) | Self::TokenMalformed(_) | Self::TokenSignature(_) => Verdict::Token,
            Self::Unauthorized(_)
            | Self::PrivateOnly(_)
            | Self::TopicNameRequired(_)
            | Self::TooManyChannels(_)
            | Self::Replay(_) => Verdict::Lasting,
            Self::JoinRateLimit(_) | Self::DatabaseBusy(_) | Self::Other(_) => Verdict::Passing,
        }
    }
}

impl fmt::Display for JoinRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::{JoinRefusal, Verdict};
    use rstest::rstest;

    #[rstest]
    #[case("InvalidJWTToken: Token has expired 5 seconds ago", JoinRefusal::TokenExpired, Verdict::Token)]
    #[case("InvalidJWTToken: Fields `role` and `exp` are required in JWT", JoinRefusal::TokenMalformed, Verdict::Token)]
    #[case("MalformedJWT: The token provided is not a valid JWT", JoinRefusal::TokenMalformed, Verdict::Token)]
    #[case("JwtSignatureError: Failed to validate JWT signature", JoinRefusal::TokenSignature, Verdict::Token)]
    #[case(
        "Unauthorized: You do not have permissions to read from this Channel topic: t",
        JoinRefusal::Unauthorized,
        Verdict::Lasting
    )]
    #[case("PrivateOnly: This project only allows private channels", JoinRefusal::PrivateOnly, Verdict::Lasting)]
    #[case("TopicNameRequired: You must provide a topic name", JoinRefusal::TopicNameRequired, Verdict::Lasting)]
    #[case("ChannelRateLimitReached: Too many channels", JoinRefusal::TooManyChannels, Verdict::Lasting)]
    #[case("ClientJoinRateLimitReached: Too many joins per second", JoinRefusal::JoinRateLimit, Verdict::Passing)]
    #[case("UnableToReplayMessages: Replay params are not valid", JoinRefusal::Replay, Verdict::Lasting)]
    #[case(
        "IncreaseConnectionPool: Please increase your connection pool size",
        JoinRefusal::DatabaseBusy,
        Verdict::Passing
    )]
    #[case("UnknownErrorOnChannel: no function clause matching in Access.get/3", JoinRefusal::Other, Verdict::Passing)]
    #[case("channel_crash", JoinRefusal::Other, Verdict::Passing)]
    #[case("", JoinRefusal::Other, Verdict::Passing)]
    fn every_refusal_of_the_real_server_has_its_type(
        #[case] text: &str,
        #[case] variant: fn(String) -> JoinRefusal,
        #[case] verdict: Verdict,
    ) {
        let refusal = JoinRefusal::read(text.to_owned());
        assert_eq!(refusal, variant(text.to_owned()));
        assert_eq!(refusal.verdict(), verdict);
        assert_eq!(refusal.text(), text);
    }
}
