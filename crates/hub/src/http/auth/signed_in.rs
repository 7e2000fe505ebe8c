//! Who an access token stands for, and the end of their sessions.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use uuid::Uuid;

use super::error::AuthError;
use crate::{
    app::App,
    http::gateway::{bearer, query_value},
    sessions::{Scope, Standing},
    token::unix_now,
};

/// A person and the session they are in.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedIn {
    pub(super) user: Uuid,
    pub(super) session: Uuid,
    /// The session began within the last day.
    pub(super) recent: bool,
}

/// The person and session of a valid access token whose session goes on.
pub(super) async fn signed_in(app: &App, headers: &HeaderMap) -> Result<SignedIn, AuthError> {
    let token = bearer(headers).ok_or_else(AuthError::no_authorization)?;
    let verified = app.signer.verify(token, unix_now()).map_err(AuthError::bad_jwt)?;
    let (Some(user), Some(session)) = (verified.sub, verified.session_id) else {
        return Err(AuthError::missing_sub());
    };
    match app.sessions.standing(user, session).await? {
        Standing::Live { recent } => Ok(SignedIn { user, session, recent }),
        Standing::Ended => Err(AuthError::session_not_found()),
        Standing::Banned => Err(AuthError::banned(StatusCode::FORBIDDEN)),
    }
}

/// Ends the person's sessions: all (`global`, the default), this one (`local`) or all but this one (`others`).
pub(in crate::http) async fn logout(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, AuthError> {
    let scope = match query_value(&uri, "scope").as_deref() {
        None | Some("global") => Scope::Global,
        Some("local") => Scope::Local,
        Some("others") => Scope::Others,
        Some(_) => {
            return Err(AuthError::validation("Unsupported logout scope: use global, local or others"));
        }
    };
    let SignedIn { user, session, .. } = signed_in(&app, &headers).await?;
    app.sessions.end(user, session, scope).await?;
    tracing::info!(%user, %session, ?scope, "signed out");
    Ok(StatusCode::NO_CONTENT)
}
