//! `POST /auth/v1/token`: a password, a refresh token or the code of a PKCE flow for a session.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, Uri},
};
use serde::Deserialize;

use super::{
    answer::{TokenAnswer, answer},
    error::AuthError,
    request::{Body, Peer},
};
use crate::{
    accounts::{Checked, Person},
    app::App,
    flows::Exchanged,
    http::gateway::query_value,
    limits::Bucket,
    sessions::{Granted, Sessions},
};

/// The fields of all grants: which are needed depends on `grant_type`.
#[derive(Deserialize)]
pub(in crate::http) struct Grant {
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    auth_code: Option<String>,
    code_verifier: Option<String>,
}

/// Exchanges what a grant holds for a session.
pub(in crate::http) async fn token(
    State(app): State<App>,
    uri: Uri,
    peer: Peer,
    Body(grant): Body<Grant>,
) -> Result<Json<TokenAnswer>, AuthError> {
    let kind = query_value(&uri, "grant_type");
    let granted = match kind.as_deref() {
        Some("password") => by_password(&app, &peer, &grant).await?,
        // Not counted: 256 random bits are not guessed, and who is in must not be kept out by who tries passwords next to them.
        Some("refresh_token") => by_refresh_token(&app, &grant).await?,
        Some("pkce") => by_auth_code(&app, &peer, &grant).await?,
        _ => return Err(AuthError::unsupported_grant_type()),
    };
    answer(&app, &granted).await.map(Json)
}

async fn by_password(app: &App, peer: &Peer, grant: &Grant) -> Result<Granted, AuthError> {
    let email = grant.email.as_deref().unwrap_or_default();
    if email.is_empty() {
        let by_phone = grant.phone.as_deref().is_some_and(|phone| !phone.is_empty());
        return Err(if by_phone {
            AuthError::phone_disabled()
        } else {
            AuthError::validation("missing email or phone")
        });
    }
    // Only what fails counts in the end: taken before, so that many at the same moment cannot get past, and given back after.
    let address = app.limits.take(Bucket::SignInAddress, &peer.network).await?.map_err(AuthError::over_request_rate)?;
    let account = email.trim().to_lowercase();
    let account = app.limits.take(Bucket::SignInAccount, &account).await?.map_err(AuthError::over_request_rate)?;
    let checked = app.accounts.check(email, grant.password.as_deref().unwrap_or_default()).await?;
    if !matches!(checked, Checked::Wrong) {
        app.limits.give_back(&[address, account]).await?;
    }
    let (account, hash) = match checked {
        Checked::Right(account, hash) => (account, hash),
        Checked::Wrong => return Err(AuthError::invalid_credentials()),
        Checked::NotConfirmed => return Err(AuthError::not_confirmed()),
        Checked::Banned => return Err(AuthError::banned(StatusCode::BAD_REQUEST)),
    };
    let granted = app.sessions.start(account, &hash, peer.user_agent.as_deref()).await?;
    granted.ok_or_else(AuthError::invalid_credentials)
}

async fn by_refresh_token(app: &App, grant: &Grant) -> Result<Granted, AuthError> {
    match grant.refresh_token.as_deref() {
        None | Some("") => Err(AuthError::validation("refresh_token required")),
        Some(token) => Ok(app.sessions.refresh(token).await?),
    }
}

async fn by_auth_code(app: &App, peer: &Peer, grant: &Grant) -> Result<Granted, AuthError> {
    let (code, verifier) = (grant.auth_code.as_deref(), grant.code_verifier.as_deref());
    let (Some(code), Some(verifier)) = (code.filter(|text| !text.is_empty()), verifier.filter(|text| !text.is_empty()))
    else {
        let msg = "invalid request: both auth code and code verifier should be non-empty";
        return Err(AuthError::validation(msg));
    };
    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let (user, method) = match app.flows.exchange(&transaction, code, verifier).await? {
        Exchanged::Session { user, method } => (user, method),
        Exchanged::NotFound => return Err(AuthError::flow_not_found()),
        Exchanged::Expired => return Err(AuthError::flow_expired()),
        Exchanged::WrongVerifier => return Err(AuthError::bad_code_verifier()),
    };
    let person = Person::by_id(&transaction, user).await?.ok_or_else(AuthError::flow_not_found)?;
    if person.banned {
        return Err(AuthError::banned(StatusCode::FORBIDDEN));
    }
    let granted = Sessions::start_in(&transaction, person.account(), method, peer.user_agent.as_deref()).await?;
    transaction.commit().await?;
    Ok(granted)
}
