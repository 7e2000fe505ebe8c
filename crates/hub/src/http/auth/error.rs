//! GoTrue's error bodies: `{code, error_code, msg}`.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{error::HubError, sessions::RefreshError, token::TokenError};

/// A refused or failed request to `/auth/v1`.
#[derive(Debug)]
pub(in crate::http) struct AuthError {
    status: StatusCode,
    error_code: &'static str,
    msg: String,
}

impl AuthError {
    pub(super) fn invalid_credentials() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_credentials", "Invalid login credentials")
    }

    pub(super) fn validation(msg: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "validation_failed", msg)
    }

    pub(super) fn bad_json() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_json", "Could not parse request body as JSON")
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

    fn new(status: StatusCode, error_code: &'static str, msg: impl Into<String>) -> Self {
        Self { status, error_code, msg: msg.into() }
    }
}

impl From<HubError> for AuthError {
    fn from(error: HubError) -> Self {
        tracing::error!(%error, "sign-in could not be served");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "unexpected_failure",
            "Sign-in is not available right now. Try again in a moment.",
        )
    }
}

impl From<RefreshError> for AuthError {
    fn from(error: RefreshError) -> Self {
        let error_code = match error {
            RefreshError::NotFound => "refresh_token_not_found",
            RefreshError::AlreadyUsed => "refresh_token_already_used",
            RefreshError::Hub(error) => return error.into(),
        };
        Self::new(StatusCode::BAD_REQUEST, error_code, error.to_string())
    }
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        let body = json!({ "code": self.status.as_u16(), "error_code": self.error_code, "msg": self.msg });
        (self.status, Json(body)).into_response()
    }
}
