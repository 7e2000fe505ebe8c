//! `POST /auth/v1/token`: a password or a refresh token for an access token.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Uri, header},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::error::AuthError;
use crate::{
    app::App,
    http::gateway::query_value,
    sessions::Granted,
    token::{AccessClaims, Role, unix_now},
};

#[derive(Deserialize)]
struct PasswordGrant {
    email: String,
    password: String,
}

#[derive(Deserialize)]
struct RefreshGrant {
    refresh_token: String,
}

/// GoTrue's answer to both grants.
#[derive(Serialize)]
pub(in crate::http) struct TokenAnswer {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// Unix seconds.
    expires_at: i64,
    refresh_token: String,
    user: Box<RawValue>,
}

/// Exchanges a password or a refresh token for a session.
pub(in crate::http) async fn token(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<TokenAnswer>, AuthError> {
    let granted = match query_value(&uri, "grant_type").as_deref() {
        Some("password") => {
            let grant: PasswordGrant = parse(&body)?;
            let account = app.accounts.check(&grant.email, &grant.password).await?;
            let account = account.ok_or_else(AuthError::invalid_credentials)?;
            let user_agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
            app.sessions.start(account, user_agent).await?
        }
        Some("refresh_token") => {
            let grant: RefreshGrant = parse(&body)?;
            app.sessions.refresh(&grant.refresh_token).await?
        }
        _ => return Err(AuthError::validation("unsupported_grant_type")),
    };
    answer(&app, granted).await.map(Json)
}

async fn answer(app: &App, granted: Granted) -> Result<TokenAnswer, AuthError> {
    let iat = unix_now();
    let expires_in = i64::try_from(app.token_ttl.as_secs()).unwrap_or(i64::MAX / 2);
    let claims = AccessClaims {
        sub: granted.account.id,
        role: Role::Authenticated,
        aud: "authenticated",
        email: &granted.account.email,
        session_id: granted.session,
        iat,
        exp: iat + expires_in,
    };
    let access_token = app.signer.sign(&claims).map_err(|error| crate::HubError::Internal(error.to_string()))?;
    let user = app.accounts.describe(granted.account.id).await?.ok_or_else(AuthError::user_not_found)?;
    tracing::info!(user = %granted.account.id, session = %granted.session, "signed in or refreshed");
    Ok(TokenAnswer {
        access_token,
        token_type: "bearer",
        expires_in,
        expires_at: claims.exp,
        refresh_token: granted.refresh_token,
        user,
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, AuthError> {
    serde_json::from_slice(body).map_err(|_| AuthError::bad_json())
}
