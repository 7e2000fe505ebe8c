//! Why there is no connection, and why a channel ended.

use std::fmt;
use std::time::Duration;

use super::system::SystemMessage;

/// Why the socket is gone, or why there is none. Its text is for a log or a tooltip and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// There is no access token; the source's reason. No socket is opened without one.
    NoToken(String),
    /// The server refused the socket.
    Refused(HandshakeRefusal),
    /// No socket could be opened.
    Unreachable(String),
    /// The server closed it. Every code means the same here, 1000 too: connect again.
    ClosedByServer {
        /// The code of its close frame; none when it sent an empty one.
        code: Option<u16>,
        /// The server's text, mostly empty.
        reason: String,
    },
    /// It broke, or frames could not be sent.
    Broken(String),
    /// The server no longer answers: no reply to a heartbeat within this time.
    Silent(Duration),
}

/// The server's HTTP answer in place of a websocket, with its text. The real server gives it after two seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeRefusal {
    /// 401: no key came with the request.
    KeyMissing(String),
    /// 401: the key is no JWT, or one without `role` or `exp`.
    KeyMalformed(String),
    /// 401: the key is of another project.
    KeySignature(String),
    /// 401: the key's time is over.
    KeyExpired(String),
    /// 403: the project is disabled, or speaks another version of the protocol.
    Forbidden(String),
    /// 404: there is no such project here.
    NoSuchProject(String),
    /// 429: as many clients as the project may have are connected.
    TooManyUsers(String),
    /// 429: too many joins at the moment.
    TooManyJoins(String),
    /// 500 and above: the server or the gateway before it is in trouble.
    ServerError {
        /// The HTTP status.
        status: u16,
        /// Its text.
        text: String,
    },
    /// Any other answer: a proxy, a captive portal.
    Other {
        /// The HTTP status.
        status: u16,
        /// Its text.
        text: String,
    },
}

/// Why a channel that was joined, or was being joined, is not any more. It is joined again by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The server said this and closed it.
    Said(SystemMessage),
    /// The server closed it without a word.
    Unsaid,
    /// It crashed at the server.
    Crashed,
    /// The join was not answered within this time.
    Unanswered(Duration),
    /// The server did not confirm in time that changes of tables are delivered, at first or under a new token.
    Unconfirmed,
    /// The server does not know it any more.
    Gone,
    /// It is joined anew on purpose: [`RealtimeOptions::resubscribe_every`](crate::RealtimeOptions::resubscribe_every), or bindings
    /// that were refused and are wanted again.
    Renewed,
}

impl HandshakeRefusal {
    /// Reads the server's answer.
    pub(super) fn read(status: u16, text: String) -> Self {
        match status {
            401 if text.contains("missing") => Self::KeyMissing(text),
            401 if text.contains("signature") => Self::KeySignature(text),
            401 if text.contains("expired") => Self::KeyExpired(text),
            401 => Self::KeyMalformed(text),
            403 => Self::Forbidden(text),
            404 => Self::NoSuchProject(text),
            429 if text.contains("joins") => Self::TooManyJoins(text),
            429 => Self::TooManyUsers(text),
            500.. => Self::ServerError { status, text },
            _ => Self::Other { status, text },
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::KeyMissing(_) | Self::KeyMalformed(_) | Self::KeySignature(_) | Self::KeyExpired(_) => 401,
            Self::Forbidden(_) => 403,
            Self::NoSuchProject(_) => 404,
            Self::TooManyUsers(_) | Self::TooManyJoins(_) => 429,
            Self::ServerError { status, .. } | Self::Other { status, .. } => *status,
        }
    }

    /// The server's text; it can be empty.
    pub fn text(&self) -> &str {
        match self {
            Self::KeyMissing(text)
            | Self::KeyMalformed(text)
            | Self::KeySignature(text)
            | Self::KeyExpired(text)
            | Self::Forbidden(text)
            | Self::NoSuchProject(text)
            | Self::TooManyUsers(text)
            | Self::TooManyJoins(text)
            | Self::ServerError { text, .. }
            | Self::Other { text, .. } => text,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken(reason) => write!(formatter, "no access token: {reason}"),
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::Unreachable(reason) | Self::Broken(reason) => formatter.write_str(reason),
            Self::ClosedByServer { code: None, .. } => formatter.write_str("the server closed the connection"),
            Self::ClosedByServer { code: Some(code), reason } if reason.is_empty() => {
                write!(formatter, "the server closed the connection: {code}")
            }
            Self::ClosedByServer { code: Some(code), reason } => {
                write!(formatter, "the server closed the connection: {code} {reason}")
            }
            Self::Silent(time) => write!(formatter, "no answer to a heartbeat within {time:?}"),
        }
    }
}

impl fmt::Display for HandshakeRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the server refused the websocket: {}", self.status())?;
        if self.text().is_empty() { Ok(()) } else { write!(formatter, " {}", self.text()) }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(message) => message.fmt(formatter),
            Self::Unsaid => formatter.write_str("the server closed the channel"),
            Self::Crashed => formatter.write_str("the channel crashed at the server"),
            Self::Unanswered(time) => write!(formatter, "no answer to the join within {time:?}"),
            Self::Unconfirmed => formatter.write_str("the server did not say in time that changes are delivered"),
            Self::Gone => formatter.write_str("the server does not know the channel any more"),
            Self::Renewed => formatter.write_str("joined anew on purpose"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HandshakeRefusal;
    use rstest::rstest;

    #[rstest]
    #[case(401, "API key is missing", HandshakeRefusal::KeyMissing)]
    #[case(401, "The token provided is not a valid JWT", HandshakeRefusal::KeyMalformed)]
    #[case(401, "Fields `role` and `exp` are required in JWT", HandshakeRefusal::KeyMalformed)]
    #[case(401, "Failed to validate JWT signature", HandshakeRefusal::KeySignature)]
    #[case(401, "Token has expired", HandshakeRefusal::KeyExpired)]
    #[case(403, "", HandshakeRefusal::Forbidden)]
    #[case(404, "Tenant not found", HandshakeRefusal::NoSuchProject)]
    #[case(429, "Too many connected users", HandshakeRefusal::TooManyUsers)]
    #[case(429, "Too many joins per second", HandshakeRefusal::TooManyJoins)]
    #[case(500, "", |text| HandshakeRefusal::ServerError { status: 500, text })]
    #[case(302, "", |text| HandshakeRefusal::Other { status: 302, text })]
    fn every_refusal_of_the_socket_has_its_type(
        #[case] status: u16,
        #[case] text: &str,
        #[case] variant: fn(String) -> HandshakeRefusal,
    ) {
        let refusal = HandshakeRefusal::read(status, text.to_owned());
        assert_eq!(refusal, variant(text.to_owned()));
        assert_eq!((refusal.status(), refusal.text()), (status, text));
    }
}
