//! GoTrue's error bodies: `{code, error_code, msg}`.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    accounts::AccountError, error::HubError, flows::ChallengeError, limits::Exhausted, sessions::RefreshError,
    token::TokenError,
};

/// A refused or failed request to `/auth/v1`.
#[derive(Debug)]
pub(in crate::http) struct AuthError {
    pub(super) status: StatusCode,
    pub(super) error_code: &'static str,
    pub(super) msg: String,
    /// Seconds after which the same request may do.
    retry_after: Option<u64>,
    /// Why a password is too weak.
    weak_password: Option<&'static str>,
}

impl AuthError {
    pub(super) fn invalid_credentials() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_credentials", "Invalid login credentials")
    }

    pub(super) fn unsupported_grant_type() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_credentials", "unsupported_grant_type")
    }

    pub(super) fn not_confirmed() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "email_not_confirmed", "Email not confirmed")
    }

    /// GoTrue answers a sign-in with 400 and everything else with 403.
    pub(super) fn banned(status: StatusCode) -> Self {
        Self::new(status, "user_banned", "User is banned")
    }

    pub(super) fn validation(msg: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "validation_failed", msg)
    }

    pub(super) fn bad_json() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_json", "Could not parse request body as JSON")
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "validation_failed", "The request body is too large")
    }

    pub(super) fn no_authorization() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "no_authorization", "This endpoint requires a valid Bearer token")
    }

    pub(super) fn bad_jwt(error: TokenError) -> Self {
        Self::new(StatusCode::FORBIDDEN, "bad_jwt", format!("invalid JWT: {error}"))
    }

    pub(super) fn missing_sub() -> Self {
        Self::new(StatusCode::FORBIDDEN, "bad_jwt", "invalid claim: missing sub claim")
    }

    pub(super) fn session_not_found() -> Self {
        Self::new(StatusCode::FORBIDDEN, "session_not_found", "Session from session_id claim in JWT does not exist")
    }

    pub(super) fn user_not_found() -> Self {
        Self::new(StatusCode::FORBIDDEN, "user_not_found", "User from sub claim in JWT does not exist")
    }

    pub(super) fn signup_disabled() -> Self {
        let msg = "Signups not allowed for this instance: ask who runs it for an invitation";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "signup_disabled", msg)
    }

    pub(super) fn user_already_exists() -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "user_already_exists", "User already registered")
    }

    pub(super) fn email_exists() -> Self {
        let msg = "A user with this email address has already been registered";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "email_exists", msg)
    }

    pub(super) fn anonymous_disabled() -> Self {
        let msg = "Anonymous sign-ins are disabled";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "anonymous_provider_disabled", msg)
    }

    pub(super) fn phone_disabled() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "phone_provider_disabled", "Unsupported phone provider")
    }

    pub(super) fn not_admin() -> Self {
        let msg = "Updating app_metadata requires admin privileges";
        Self::new(StatusCode::FORBIDDEN, "not_admin", msg)
    }

    pub(super) fn otp_expired() -> Self {
        Self::new(StatusCode::FORBIDDEN, "otp_expired", "Token has expired or is invalid")
    }

    pub(super) fn link_expired() -> Self {
        Self::new(StatusCode::FORBIDDEN, "otp_expired", "Email link is invalid or has expired")
    }

    pub(super) fn flow_not_found() -> Self {
        let msg = "invalid flow state, no valid flow state found";
        Self::new(StatusCode::NOT_FOUND, "flow_state_not_found", msg)
    }

    pub(super) fn flow_expired() -> Self {
        let msg = "invalid flow state, flow state has expired";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "flow_state_expired", msg)
    }

    pub(super) fn bad_code_verifier() -> Self {
        let msg = "code challenge does not match previously saved code verifier";
        Self::new(StatusCode::BAD_REQUEST, "bad_code_verifier", msg)
    }

    pub(super) fn same_password() -> Self {
        let msg = "New password should be different from the old password.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "same_password", msg)
    }

    pub(super) fn reauthentication_needed() -> Self {
        let msg = "Password update requires reauthentication";
        Self::new(StatusCode::BAD_REQUEST, "reauthentication_needed", msg)
    }

    pub(super) fn reauthentication_not_valid() -> Self {
        let msg = "Nonce has expired or is invalid";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "reauthentication_not_valid", msg)
    }

    /// Too many requests of one client.
    pub(super) fn over_request_rate(exhausted: Exhausted) -> Self {
        Self::too_many("over_request_rate_limit", "Request rate limit reached".to_owned(), exhausted)
    }

    /// Too soon after the last mail to this address.
    pub(super) fn over_mail_frequency(exhausted: Exhausted) -> Self {
        let seconds = exhausted.retry_after.as_secs();
        let msg = format!("For security purposes, you can only request this after {seconds} seconds.");
        Self::too_many("over_email_send_rate_limit", msg, exhausted)
    }

    /// The hub has sent as many mails as it may.
    pub(super) fn over_mail_rate(exhausted: Exhausted) -> Self {
        Self::too_many("over_email_send_rate_limit", "email rate limit exceeded".to_owned(), exhausted)
    }

    fn too_many(error_code: &'static str, msg: String, exhausted: Exhausted) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, error_code, msg);
        Self { retry_after: Some(exhausted.retry_after.as_secs()), ..error }
    }

    fn new(status: StatusCode, error_code: &'static str, msg: impl Into<String>) -> Self {
        Self { status, error_code, msg: msg.into(), retry_after: None, weak_password: None }
    }
}

impl From<HubError> for AuthError {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Account(error) => error.into(),
            error => {
                tracing::error!(%error, "sign-in could not be served");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "unexpected_failure",
                    "Sign-in is not available right now. Try again in a moment.",
                )
            }
        }
    }
}

impl From<tokio_postgres::Error> for AuthError {
    fn from(error: tokio_postgres::Error) -> Self {
        HubError::from(error).into()
    }
}

impl From<deadpool_postgres::PoolError> for AuthError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        HubError::from(error).into()
    }
}

impl From<AccountError> for AuthError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::PasswordShort => Self {
                weak_password: Some("length"),
                ..Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "weak_password",
                    format!("Password should be at least {} characters.", crate::accounts::password::MIN_CHARS),
                )
            },
            AccountError::PasswordLong => Self::validation("Password cannot be longer than 72 characters"),
            AccountError::Email(_) => Self::validation("Unable to validate email address: invalid format"),
            AccountError::Exists(_) => Self::email_exists(),
            other => Self::validation(other.to_string()),
        }
    }
}

impl From<ChallengeError> for AuthError {
    fn from(error: ChallengeError) -> Self {
        Self::validation(error.to_string())
    }
}

impl From<RefreshError> for AuthError {
    fn from(error: RefreshError) -> Self {
        let error_code = match error {
            RefreshError::NotFound => "refresh_token_not_found",
            RefreshError::AlreadyUsed => "refresh_token_already_used",
            RefreshError::Expired => "session_expired",
            RefreshError::Banned => "user_banned",
            RefreshError::Hub(error) => return error.into(),
        };
        Self::new(StatusCode::BAD_REQUEST, error_code, error.to_string())
    }
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        let mut body = json!({ "code": self.status.as_u16(), "error_code": self.error_code, "msg": self.msg });
        if let (Some(reason), Some(body)) = (self.weak_password, body.as_object_mut()) {
            body.insert("weak_password".to_owned(), json!({ "reasons": [reason] }));
        }
        let retry_after = self.retry_after.map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
        (self.status, retry_after, Json(body)).into_response()
    }
}
