//! Everything that can go wrong between this crate and a Supabase project.

use std::time::Duration;

use crate::auth::{AuthErrorCode, CallbackProblem};
use crate::realtime::PresenceProblem;

/// An error of the client. `Clone`, because one refresh answers all callers that waited for it.
///
/// The text of a variant says what happened; whoever shows it to a person adds what to do. No variant carries a secret.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server was not reached, or the connection broke.
    #[error("the server could not be reached: {message}")]
    Network {
        /// The cause, from the transport.
        message: String,
    },
    /// No complete answer came within the time-out. The request may or may not have taken effect.
    #[error("the server did not answer in time")]
    Timeout,
    /// The given address cannot be a Supabase project.
    #[error("{url} is not a usable server address: {reason}")]
    InvalidUrl {
        /// The address as it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS set-up of this machine failed (no trusted roots, no usable cryptography).
    #[error("a secure connection could not be set up: {message}")]
    Tls {
        /// The cause.
        message: String,
    },
    /// The auth server refused.
    #[error("sign-in server: {message} ({status} {code})")]
    Auth {
        /// HTTP status.
        status: u16,
        /// The server's code, `invalid_credentials` for instance; empty when it named none.
        code: String,
        /// The server's message.
        message: String,
    },
    /// The auth server does not take the password.
    #[error("the password is too weak: {message}")]
    WeakPassword {
        /// The server's message, which names the rules.
        message: String,
        /// `length`, `characters`, `pwned`.
        reasons: Vec<String>,
    },
    /// Too many requests, or too much mail: any service may answer so, and the gateway before it.
    #[error("too many requests: {message}")]
    RateLimited {
        /// The service's code, `over_email_send_rate_limit` for instance; empty when it named none.
        code: String,
        /// The service's message.
        message: String,
        /// When to ask again, if the server said.
        retry_after: Option<Duration>,
    },
    /// The auth server, or the provider behind it, sent the browser back with an error.
    #[error("sign-in was not completed: {description} ({error} {code})")]
    Redirected {
        /// OAuth's word: `access_denied`, `server_error`.
        error: String,
        /// The auth server's code, `otp_expired` for instance; empty when it named none.
        code: String,
        /// A sentence. It comes from an address, which anybody can make: show it as text and do not act on it.
        description: String,
    },
    /// The address that the program was called back with is not usable.
    #[error("the callback cannot be used: {problem}")]
    Callback {
        /// Why.
        problem: CallbackProblem,
    },
    /// A query that cannot be sent, because of what it was given.
    #[error("the query is not possible: {reason}")]
    InvalidQuery {
        /// What is wrong with it.
        reason: String,
    },
    /// The query's address is longer than gateways take. Call a function with the values in its body: [`Client::rpc`](crate::Client::rpc).
    #[error(
        "the query's address has {length} bytes, more than the {limit} that gateways take; call a function instead"
    )]
    UrlTooLong {
        /// Bytes.
        length: usize,
        /// Bytes.
        limit: usize,
    },
    /// The realtime server refused broadcasts that were sent over HTTP; none of them was sent.
    #[error("broadcast: {message} ({status})")]
    Broadcast {
        /// HTTP status: 401 for the token, 422 for a message.
        status: u16,
        /// What the server found, with the number of the message.
        message: String,
    },
    /// PostgREST, or the database behind it, refused.
    #[error("database: {message} ({status} {code})")]
    Postgrest {
        /// HTTP status.
        status: u16,
        /// SQLSTATE, or a `PGRST…` code.
        code: String,
        /// The server's message.
        message: String,
        /// PostgreSQL's DETAIL.
        details: Option<String>,
        /// PostgreSQL's HINT.
        hint: Option<String>,
    },
    /// An answer that is not of the service's own making: a gateway, a proxy, a captive portal.
    #[error("unexpected HTTP answer {status}")]
    Http {
        /// HTTP status. It can be 200, when a page came instead of JSON.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The answer was not of the expected shape.
    #[error("the answer to {what} was not understood: {message}")]
    Decode {
        /// What was asked.
        what: String,
        /// What did not fit.
        message: String,
    },
    /// The server explicitly ended the session: signing in again is the only way on. A network error never becomes this.
    #[error("signed out: {reason}")]
    SignedOut {
        /// The server's reason, or that there is no session.
        reason: String,
    },
    /// The session could not be stored or read.
    #[error("the session could not be stored: {message}")]
    Storage {
        /// The cause, from the [`SessionStorage`](crate::SessionStorage).
        message: String,
    },
    /// A message was for a channel that is not joined at the moment.
    #[error("the channel {topic} is not joined")]
    NotJoined {
        /// The channel's topic.
        topic: String,
    },
    /// The realtime server answered a message with an error.
    #[error("the realtime server refused a message to {topic}: {reason}")]
    Refused {
        /// The channel's topic.
        topic: String,
        /// The server's reason, `payload_size_exceeded` for instance.
        reason: String,
    },
    /// A broadcast or presence is larger than the realtime server takes. Nothing was sent.
    #[error("a message of {size} bytes is too large: the limit is {limit}")]
    PayloadTooLarge {
        /// Its size in bytes, as it would be sent.
        size: usize,
        /// The largest that is taken.
        limit: usize,
    },
    /// Bytes cannot be broadcast in version 1 of the realtime protocol.
    #[error("bytes can be broadcast only in version 2 of the realtime protocol")]
    BinaryUnsupported,
    /// More broadcasts than the options allow. Nothing was sent.
    #[error("too many broadcasts, the next can be sent in {retry_in:?}")]
    OverBudget {
        /// When there is room for one.
        retry_in: Duration,
    },
    /// Too many messages wait already. Nothing was sent.
    #[error("too many messages wait to be sent or confirmed")]
    QueueFull,
    /// One's own presence cannot be told.
    #[error("the presence on {topic} cannot be tracked: {problem}")]
    Presence {
        /// The channel's topic.
        topic: String,
        /// What is wrong with it.
        problem: PresenceProblem,
    },
    /// The connection closed before the answer, or the task was shut down.
    #[error("the connection is closed")]
    Closed,
}

impl Error {
    /// Whether the same call can succeed later without anything being changed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Network { .. }
            | Self::Timeout
            | Self::Storage { .. }
            | Self::NotJoined { .. }
            | Self::RateLimited { .. }
            | Self::QueueFull
            | Self::OverBudget { .. }
            | Self::Closed => true,
            Self::Broadcast { status, .. } => retryable_status(*status),
            Self::Auth { status, .. } => retryable_status(*status),
            Self::Postgrest { status, code, .. } => retryable_status(*status) || retryable_sqlstate(code),
            // Below 400 something else answered in the server's place, typically the sign-in page of a hotel network.
            Self::Http { status, .. } => *status < 400 || retryable_status(*status),
            Self::InvalidUrl { .. }
            | Self::Tls { .. }
            | Self::Decode { .. }
            | Self::SignedOut { .. }
            | Self::Refused { .. }
            | Self::PayloadTooLarge { .. }
            | Self::BinaryUnsupported
            | Self::Presence { .. }
            | Self::WeakPassword { .. }
            | Self::Redirected { .. }
            | Self::Callback { .. }
            | Self::InvalidQuery { .. }
            | Self::UrlTooLong { .. } => false,
        }
    }

    /// Whether the access token was refused: ask for a fresh one and repeat the call once.
    pub fn is_unauthorized(&self) -> bool {
        match self {
            Self::Auth { status, code, .. } => *status == 401 || (*status == 403 && code == "bad_jwt"),
            Self::Postgrest { status, .. } | Self::Http { status, .. } | Self::Broadcast { status, .. } => {
                *status == 401
            }
            _ => false,
        }
    }

    /// The auth server's code, where the error has one.
    pub fn auth_code(&self) -> Option<AuthErrorCode> {
        match self {
            Self::Auth { code, .. } | Self::RateLimited { code, .. } | Self::Redirected { code, .. } => {
                Some(AuthErrorCode::from(code.as_str()))
            }
            Self::WeakPassword { .. } => Some(AuthErrorCode::WeakPassword),
            _ => None,
        }
    }
}

fn retryable_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429) || status >= 500
}

/// Connection trouble, serialisation and deadlock, lock time-out, resources, cancellation and shutdown. PostgREST answers most of
/// them with a 5xx anyway; the code decides when a gateway in between has changed the status.
fn retryable_sqlstate(code: &str) -> bool {
    matches!(code, "55P03" | "57014" | "57P01" | "57P02" | "57P03")
        || (code.len() == 5 && ["08", "40", "53"].iter().any(|class| code.starts_with(class)))
}

#[cfg(test)]
mod tests {
    use super::Error;
    use rstest::rstest;

    fn postgrest(status: u16, code: &str) -> Error {
        Error::Postgrest { status, code: code.into(), message: String::new(), details: None, hint: None }
    }

    fn auth(status: u16, code: &str) -> Error {
        Error::Auth { status, code: code.into(), message: String::new() }
    }

    #[rstest]
    #[case::deadlock(postgrest(400, "40P01"), true)]
    #[case::lock_timeout(postgrest(400, "55P03"), true)]
    #[case::statement_timeout(postgrest(500, "57014"), true)]
    #[case::pool_timeout(postgrest(504, "PGRST003"), true)]
    #[case::no_such_function(postgrest(404, "PGRST202"), false)]
    #[case::our_own_rule(postgrest(400, "CK001"), false)]
    #[case::unique(postgrest(409, "23505"), false)]
    #[case::rate(auth(429, "over_request_rate_limit"), true)]
    #[case::wrong_password(auth(400, "invalid_credentials"), false)]
    #[case::captive_portal(Error::Http { status: 302, body: String::new() }, true)]
    #[case::page_instead_of_json(Error::Http { status: 200, body: String::new() }, true)]
    #[case::not_found(Error::Http { status: 404, body: String::new() }, false)]
    #[case::gateway(Error::Http { status: 502, body: String::new() }, true)]
    #[case::signed_out(Error::SignedOut { reason: String::new() }, false)]
    #[case::timeout(Error::Timeout, true)]
    fn says_whether_to_try_again(#[case] error: Error, #[case] retryable: bool) {
        assert_eq!(error.is_retryable(), retryable, "{error:?}");
    }

    #[rstest]
    #[case(postgrest(401, "PGRST301"), true)]
    #[case(postgrest(403, "42501"), false)]
    #[case(auth(403, "bad_jwt"), true)]
    #[case(auth(403, "user_banned"), false)]
    #[case(Error::Http { status: 401, body: String::new() }, true)]
    fn says_whether_the_token_was_refused(#[case] error: Error, #[case] unauthorized: bool) {
        assert_eq!(error.is_unauthorized(), unauthorized, "{error:?}");
    }
}
