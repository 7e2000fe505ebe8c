//! The HTTP surface: what supabase-js and Cockpit's own client ask of Supabase, and the hub's own two addresses.

pub(crate) mod auth;
pub(crate) mod gateway;
mod info;
mod rest;

use std::time::Duration;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, Request, header},
    middleware,
    routing::{any, get, post},
};
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    trace::TraceLayer,
};

use crate::{app::App, realtime};

pub(crate) use rest::FunctionCatalog;

/// The largest request body: a batch of 50 mutations with long texts stays far below.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// All routes.
pub(crate) fn router(app: App) -> Router {
    let keyed = Router::new()
        .route("/rest/v1/rpc/{function}", get(rest::call_by_get).post(rest::call))
        .route("/rest/v1/{table}", get(rest::read_table))
        .route_layer(middleware::from_fn_with_state(app.clone(), gateway::require_api_key));
    Router::new()
        .route("/health", get(info::health))
        .route("/hub/v1/info", get(info::info))
        // Realtime checks the key itself, with answers of its own.
        .route("/realtime/v1/websocket", any(realtime::connect))
        .route("/realtime/v1/api/broadcast", post(realtime::rest_broadcast))
        .route("/realtime/v1/api/broadcast/{topic}/events/{event}", post(realtime::rest_broadcast_one))
        .merge(keyed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .merge(auth::router(&app))
        .layer(cors())
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request<_>| {
            // The path only: the query may hold an apikey.
            tracing::info_span!("request", method = %request.method(), path = request.uri().path())
        }))
        .with_state(app)
}

/// Pages of this machine and of Cockpit's own windows only; supabase-js's headers only.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(|origin, _| is_local_origin(origin)))
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            HeaderName::from_static("apikey"),
            HeaderName::from_static("x-client-info"),
            HeaderName::from_static("x-supabase-api-version"),
            HeaderName::from_static("prefer"),
            HeaderName::from_static("accept-profile"),
            HeaderName::from_static("content-profile"),
        ])
        .expose_headers([header::CONTENT_RANGE, header::RETRY_AFTER])
        .max_age(Duration::from_secs(600))
}

fn is_local_origin(origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    match scheme {
        "tauri" => host == "localhost",
        "http" | "https" => matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "tauri.localhost"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_may_read_answers() {
        for good in [
            "http://localhost:5173",
            "http://127.0.0.1",
            "tauri://localhost",
            "http://tauri.localhost",
            "http://[::1]:80",
        ] {
            assert!(is_local_origin(&HeaderValue::from_static(good)), "{good}");
        }
        for bad in [
            "https://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com:80",
            "null",
            "file://",
        ] {
            assert!(!is_local_origin(&HeaderValue::from_static(bad)), "{bad}");
        }
    }
}
