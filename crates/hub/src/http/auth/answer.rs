//! A session in GoTrue's shape.

use serde::Serialize;
use serde_json::value::RawValue;

use super::error::AuthError;
use crate::{
    app::App,
    sessions::Granted,
    token::{AccessClaims, Reference, Role, unix_now},
};

/// GoTrue's answer to everything that begins or continues a session.
#[derive(Serialize)]
pub(in crate::http) struct TokenAnswer {
    pub(super) access_token: String,
    token_type: &'static str,
    /// Seconds.
    pub(super) expires_in: i64,
    /// Unix seconds.
    pub(super) expires_at: i64,
    pub(super) refresh_token: String,
    user: Box<RawValue>,
}

/// Signs the access token of a session.
pub(super) async fn answer(app: &App, granted: &Granted) -> Result<TokenAnswer, AuthError> {
    let about = app.accounts.describe(granted.account.id).await?.ok_or_else(AuthError::user_not_found)?;
    let iat = unix_now();
    let expires_in = i64::try_from(app.token_ttl.as_secs()).unwrap_or(i64::MAX / 2);
    let claims = AccessClaims {
        sub: granted.account.id,
        role: Role::Authenticated,
        aud: "authenticated",
        email: &granted.account.email,
        phone: "",
        app_metadata: &about.app_metadata,
        user_metadata: &about.user_metadata,
        aal: "aal1",
        amr: [Reference { method: &granted.method.0, timestamp: granted.authenticated_at }],
        session_id: granted.session,
        is_anonymous: false,
        iss: &app.auth.issuer,
        iat,
        exp: iat + expires_in,
    };
    let access_token = app.signer.sign(&claims).map_err(|error| crate::HubError::Internal(error.to_string()))?;
    tracing::info!(
        user = %granted.account.id, session = %granted.session, method = granted.method.0, "signed in or refreshed"
    );
    Ok(TokenAnswer {
        access_token,
        token_type: "bearer",
        expires_in,
        expires_at: claims.exp,
        refresh_token: granted.refresh_token.clone(),
        user: about.user,
    })
}
