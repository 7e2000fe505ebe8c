//! Sign-in as GoTrue offers it: passwords, mailed codes and links, PKCE, sessions, the person's own account.

mod answer;
mod error;
mod grant;
mod mailing;
mod open;
mod redirect;
mod request;
mod request_mail;
mod signed_in;
mod signup;
mod user;
mod verify;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};

use crate::app::App;

pub(crate) use redirect::link;

/// The largest request body of this service: a person's own data is bounded to far less.
const BODY_LIMIT: usize = 64 * 1024;

/// The service's routes. Links are followed in browsers, which have no key; everything else asks for it.
pub(super) fn router(app: &App) -> Router<App> {
    let keyed = Router::new()
        .route("/auth/v1/health", get(open::health))
        .route("/auth/v1/settings", get(open::settings))
        .route("/auth/v1/token", post(grant::token))
        .route("/auth/v1/signup", post(signup::signup))
        .route("/auth/v1/otp", post(request_mail::otp))
        .route("/auth/v1/magiclink", post(request_mail::otp))
        .route("/auth/v1/recover", post(request_mail::recover))
        .route("/auth/v1/resend", post(request_mail::resend))
        .route("/auth/v1/user", get(user::show).put(user::update))
        .route("/auth/v1/reauthenticate", get(user::reauthenticate))
        .route("/auth/v1/logout", post(signed_in::logout))
        .route_layer(middleware::from_fn_with_state(app.clone(), super::gateway::require_api_key));
    Router::new()
        .route("/auth/v1/verify", get(verify::follow).post(verify::verify))
        .route("/auth/v1/authorize", get(open::authorize))
        .route(redirect::DONE_PAGE, get(open::done_page))
        .merge(keyed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}
