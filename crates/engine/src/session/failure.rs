//! What a failed call means: for sync, for a person at the sign-in form.

use cockpit_domain::{AppError, ErrorCode};
use cockpit_supabase::Error;
use cockpit_sync::CallError;
use serde_json::json;

/// What the failure of a sync call means for sync.
pub(crate) fn call_error(error: Error) -> CallError {
    match &error {
        Error::SignedOut { .. } => CallError::SignInNeeded,
        _ if error.is_unauthorized() => CallError::SignInNeeded,
        Error::Postgrest { code, .. } if is_missing(code) => CallError::Mismatch(schema_missing(&error)),
        Error::Decode { .. } => CallError::Mismatch(
            AppError::new(
                ErrorCode::SchemaTooNew,
                "The server answers in a form that this version of Cockpit does not know. Your work is kept here; update Cockpit.",
            )
            .with_details(facts(&error)),
        ),
        _ => CallError::Later(waiting(&error)),
    }
}

/// What the failure of a call means to a person at the sign-in form.
pub(crate) fn sign_in_error(error: &Error) -> AppError {
    let told = match error {
        Error::RateLimited { .. } => AppError::retryable(
            ErrorCode::RateLimited,
            "The server has had too many attempts. Wait a minute, then try again.",
        ),
        Error::Auth { code, .. }
            if matches!(code.as_str(), "invalid_credentials" | "invalid_grant" | "validation_failed") =>
        {
            AppError::new(
                ErrorCode::WrongPassword,
                "E-mail or password is wrong. Check both; the password is case-sensitive.",
            )
        }
        Error::Auth { status: 401 | 403, code, .. } if code.is_empty() => key_refused(),
        Error::Http { status: 401 | 403, .. } => key_refused(),
        Error::Auth { message, .. } if !error.is_retryable() => {
            AppError::new(ErrorCode::Forbidden, format!("The server refuses this sign-in. It says: {message}"))
        }
        Error::Postgrest { code, .. } if is_missing(code) => schema_missing(error),
        Error::Postgrest { message, status: 400..=499, .. } if !error.is_retryable() => {
            AppError::new(ErrorCode::Forbidden, format!("The server refuses this. It says: {message}"))
        }
        Error::Storage { .. } => AppError::retryable(
            ErrorCode::Internal,
            "The session could not be kept in this machine's keyring. Unlock the keyring and sign in again.",
        ),
        Error::InvalidUrl { reason, .. } => {
            AppError::new(ErrorCode::InvalidAddress, format!("That is not a usable server address: {reason}."))
        }
        Error::SignedOut { .. } => sign_in_needed(),
        Error::Decode { .. } => not_a_server(),
        _ => unreachable(error),
    };
    told.with_details(facts(error))
}

/// The session has ended; work goes on.
pub(crate) fn sign_in_needed() -> AppError {
    AppError::new(
        ErrorCode::SignInNeeded,
        "Your session has ended. Sign in again; your work is kept here and is sent then.",
    )
}

/// Somebody answers who is not a server of ours.
pub(crate) fn not_a_server() -> AppError {
    AppError::new(
        ErrorCode::NotACockpitServer,
        "Something answers at this address, but it is neither a Cockpit hub nor a Supabase project. Check the address and the port.",
    )
}

/// A defect of ours.
pub(crate) fn internal(what: &str) -> AppError {
    AppError::retryable(
        ErrorCode::Internal,
        "Cockpit met a defect of its own. What you saved is kept. Do it again, or restart Cockpit.",
    )
    .with_details(json!({ "where": what }))
}

/// Nobody answers, or with a failure that may pass.
pub(crate) fn unreachable(error: &Error) -> AppError {
    match error {
        Error::Tls { .. } => AppError::retryable(
            ErrorCode::ServerUnreachable,
            "A secure connection to the server could not be made. Check the address, and the date and certificates of this machine.",
        ),
        Error::Network { .. } | Error::Timeout | Error::Closed => AppError::retryable(
            ErrorCode::ServerUnreachable,
            "The server does not answer. Check the address and your network, then try again.",
        ),
        _ => AppError::retryable(
            ErrorCode::ServerFailed,
            "The server answers with a failure of its own. Try again in a moment.",
        ),
    }
}

fn waiting(error: &Error) -> AppError {
    let told = match error {
        Error::RateLimited { .. } => AppError::retryable(
            ErrorCode::RateLimited,
            "The server asks to slow down. Sync goes on by itself in a moment.",
        ),
        Error::Network { .. } | Error::Timeout | Error::Closed | Error::Tls { .. } => AppError::retryable(
            ErrorCode::ServerUnreachable,
            "The server does not answer. Your work is kept on this device and is sent as soon as it does.",
        ),
        Error::Storage { .. } => AppError::retryable(
            ErrorCode::Internal,
            "The session could not be kept in this machine's keyring, so nothing is sent. Unlock the keyring; sync goes on by itself.",
        ),
        _ => AppError::retryable(
            ErrorCode::ServerFailed,
            "The server fails at the moment. Your work is kept on this device and is sent as soon as it recovers.",
        ),
    };
    told.with_details(facts(error))
}

fn schema_missing(error: &Error) -> AppError {
    AppError::new(
        ErrorCode::SchemaMissing,
        "This server has no Cockpit tables and functions, or lacks some. Ask whoever runs it to apply Cockpit's migrations, then try again.",
    )
    .with_details(facts(error))
}

fn key_refused() -> AppError {
    AppError::new(
        ErrorCode::KeyNeeded,
        "The server does not accept the project key. Copy the anon or publishable key from the project's API settings and try again.",
    )
}

/// PostgREST found no such function, or PostgreSQL no such function, table or column.
pub(super) fn is_missing(code: &str) -> bool {
    matches!(code, "PGRST202" | "PGRST203" | "42883" | "42P01" | "42703")
}

fn facts(error: &Error) -> serde_json::Value {
    json!({ "server": error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn postgrest(status: u16, code: &str) -> Error {
        Error::Postgrest { status, code: code.into(), message: "m".into(), details: None, hint: None }
    }

    fn rate_limited() -> Error {
        Error::RateLimited { code: "over_request_rate_limit".into(), message: "m".into(), retry_after: None }
    }

    #[derive(Debug, PartialEq)]
    enum Kind {
        Later,
        SignIn,
        Mismatch,
    }

    #[rstest]
    #[case::network(Error::Network { message: String::new() }, Kind::Later)]
    #[case::timeout(Error::Timeout, Kind::Later)]
    #[case::gateway(Error::Http { status: 502, body: String::new() }, Kind::Later)]
    #[case::hotel(Error::Http { status: 302, body: String::new() }, Kind::Later)]
    #[case::deadlock(postgrest(500, "40P01"), Kind::Later)]
    #[case::serialisation(postgrest(400, "40001"), Kind::Later)]
    #[case::lock_timeout(postgrest(400, "55P03"), Kind::Later)]
    #[case::too_many_connections(postgrest(503, "53300"), Kind::Later)]
    #[case::cancelled(postgrest(500, "57014"), Kind::Later)]
    #[case::slow_down(rate_limited(), Kind::Later)]
    #[case::token(postgrest(401, "PGRST301"), Kind::SignIn)]
    #[case::ended(Error::SignedOut { reason: String::new() }, Kind::SignIn)]
    #[case::no_function(postgrest(404, "PGRST202"), Kind::Mismatch)]
    #[case::no_function_below(postgrest(404, "42883"), Kind::Mismatch)]
    #[case::strange(Error::Decode { what: String::new(), message: String::new() }, Kind::Mismatch)]
    fn a_failed_call_means(#[case] error: Error, #[case] expected: Kind) {
        let kind = match call_error(error) {
            CallError::Later(told) => {
                assert!(told.retryable);
                Kind::Later
            }
            CallError::SignInNeeded => Kind::SignIn,
            CallError::Mismatch(_) => Kind::Mismatch,
        };
        assert_eq!(kind, expected);
    }

    #[rstest]
    #[case::wrong(Error::Auth { status: 400, code: "invalid_credentials".into(), message: "m".into() }, ErrorCode::WrongPassword)]
    #[case::often(rate_limited(), ErrorCode::RateLimited)]
    #[case::banned(Error::Auth { status: 403, code: "user_banned".into(), message: "m".into() }, ErrorCode::Forbidden)]
    #[case::key(Error::Auth { status: 401, code: String::new(), message: "Invalid API key".into() }, ErrorCode::KeyNeeded)]
    #[case::nobody(Error::Network { message: "refused".into() }, ErrorCode::ServerUnreachable)]
    #[case::broken(Error::Http { status: 500, body: String::new() }, ErrorCode::ServerFailed)]
    #[case::no_schema(postgrest(404, "PGRST202"), ErrorCode::SchemaMissing)]
    fn a_person_is_told(#[case] error: Error, #[case] code: ErrorCode) {
        assert_eq!(sign_in_error(&error).code, code);
    }
}
