//! Sign-in as GoTrue offers it: password and refresh grants, the signed-in person, sign-out.

mod error;
mod grant;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::json;
use uuid::Uuid;

use super::gateway::{bearer, query_value};
use crate::{app::App, sessions::Scope, token::unix_now};
use error::AuthError;
pub(super) use grant::token;

/// GoTrue's own health answer; it does not ask the database.
pub(super) async fn health() -> Response {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"), "name": "GoTrue", "description": "Sign-in of cockpit-hub, in GoTrue's words"
    }))
    .into_response()
}

/// The person of the access token.
pub(super) async fn user(State(app): State<App>, headers: HeaderMap) -> Result<Response, AuthError> {
    let (user, _) = signed_in(&app, &headers).await?;
    let described = app.accounts.describe(user).await?;
    described.map(|user| Json(user).into_response()).ok_or_else(AuthError::user_not_found)
}

/// Ends the person's sessions: all (`global`, the default), this one (`local`) or all but this one (`others`).
pub(super) async fn logout(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<StatusCode, AuthError> {
    let scope = match query_value(&uri, "scope").as_deref() {
        None | Some("global") => Scope::Global,
        Some("local") => Scope::Local,
        Some("others") => Scope::Others,
        Some(_) => return Err(AuthError::validation("Unsupported logout scope: use global, local or others")),
    };
    let (user, session) = signed_in(&app, &headers).await?;
    app.sessions.end(user, session, scope).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The person and session of a valid access token whose session still exists.
async fn signed_in(app: &App, headers: &HeaderMap) -> Result<(Uuid, Uuid), AuthError> {
    let token = bearer(headers).ok_or_else(AuthError::no_authorization)?;
    let verified = app.signer.verify(token, unix_now()).map_err(AuthError::bad_jwt)?;
    let (Some(user), Some(session)) = (verified.sub, verified.session_id) else {
        return Err(AuthError::missing_sub());
    };
    if app.sessions.is_live(session).await? { Ok((user, session)) } else { Err(AuthError::session_not_found()) }
}
