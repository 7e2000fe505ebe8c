//! The hub's own addresses: who it is, and whether it works.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::app::App;

/// Needs no key, so that a person only has to type the hub's address. The fingerprint is for people who look the hub up; a client
/// that believed it without comparing would believe anybody.
pub(super) async fn info(State(app): State<App>, headers: HeaderMap) -> Json<Value> {
    let scheme = if app.fingerprint.is_some() { "https" } else { "http" };
    // As the asker knows this machine: the hub itself may have several addresses.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    Json(json!({
        "product": "cockpit-hub",
        "version": env!("CARGO_PKG_VERSION"),
        "anon_key": app.signer.anon_key(),
        "url": host.map(|host| format!("{scheme}://{host}")),
        "fingerprint": app.fingerprint,
    }))
}

/// 200 when PostgreSQL answers, 503 when not.
pub(super) async fn health(State(app): State<App>) -> Response {
    let checked = async {
        let connection = app.database.hub_connection().await?;
        connection.simple_query("select 1").await?;
        Ok::<_, crate::HubError>(())
    };
    match checked.await {
        Ok(()) => Json(json!({ "status": "ok" })).into_response(),
        Err(error) => {
            tracing::warn!(%error, "the health check failed");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "unavailable", "message": error.to_string() })))
                .into_response()
        }
    }
}
