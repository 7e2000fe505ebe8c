//! What Supabase's gateway does before a request reaches a service: ask for the project's key.

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::app::App;

/// Refuses requests without the hub's own anonymous key in the header or query `apikey`.
pub(super) async fn require_api_key(State(app): State<App>, request: Request, next: Next) -> Response {
    let header = request.headers().get("apikey").and_then(|value| value.to_str().ok());
    let from_query = if header.is_none() { query_value(request.uri(), "apikey") } else { None };
    match header.or(from_query.as_deref()) {
        Some(key) if key == app.signer.anon_key() => next.run(request).await,
        Some(_) => refuse("Invalid API key", "Double check the anonymous key: the hub tells it at /hub/v1/info."),
        None => refuse("No API key found in request", "No `apikey` request header or url param was found."),
    }
}

fn refuse(message: &str, hint: &str) -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({ "message": message, "hint": hint }))).into_response()
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The first value of a query parameter, decoded.
pub(crate) fn query_value(uri: &Uri, name: &str) -> Option<String> {
    query_pairs(uri).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// All query parameters in order, decoded. What cannot be decoded is no parameter.
pub(crate) fn query_pairs(uri: &Uri) -> Vec<(String, String)> {
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).map(|query| query.0).unwrap_or_default()
}
