//! What is told to anybody: how sign-in is set up, that there are no other providers, and that a link was followed.

use axum::{Json, extract::State, http::StatusCode, response::Html};
use serde_json::{Map, Value, json};

use super::error::AuthError;
use crate::app::App;

/// The providers that GoTrue names in its settings, none of which a hub has.
const OTHER_PROVIDERS: [&str; 26] = [
    "anonymous_users",
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "kakao",
    "keycloak",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "phone",
    "slack",
    "slack_oidc",
    "snapchat",
    "spotify",
    "twitch",
    "twitter",
    "workos",
    "x",
    "zoom",
];

/// GoTrue's own health answer; it does not ask the database.
pub(in crate::http) async fn health() -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"), "name": "GoTrue", "description": "Sign-in of cockpit-hub, in GoTrue's words"
    }))
}

/// How sign-in is set up.
pub(in crate::http) async fn settings(State(app): State<App>) -> Json<Value> {
    let mut external: Map<String, Value> =
        OTHER_PROVIDERS.iter().map(|provider| ((*provider).to_owned(), Value::Bool(false))).collect();
    external.insert("email".to_owned(), Value::Bool(true));
    Json(json!({
        "external": external, "disable_signup": !app.auth.open, "mailer_autoconfirm": !app.auth.mail_confirmation,
        "phone_autoconfirm": false, "sms_provider": "", "saml_enabled": false, "passkeys_enabled": false,
    }))
}

/// Sign-in through another provider: GoTrue's answer for one that is not set up.
pub(in crate::http) async fn authorize() -> AuthError {
    AuthError::validation("Unsupported provider: provider is not enabled")
}

/// Where a mailed link ends that names no other address.
pub(in crate::http) async fn done_page() -> (StatusCode, [(&'static str, &'static str); 2], Html<&'static str>) {
    // The fragment may hold a session: nothing on the page may read it or tell another site where it was.
    let headers = [("content-security-policy", "default-src 'none'"), ("referrer-policy", "no-referrer")];
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Cockpit</title>\
                <h1>Go back to Cockpit</h1><p>If the link was good, your address is confirmed. You can close this page.</p></html>";
    (StatusCode::OK, headers, Html(page))
}
