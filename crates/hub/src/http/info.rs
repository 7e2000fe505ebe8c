//! The hub's own addresses: who it is, and whether it works.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::app::App;

/// Needs no key, so that a person only has to type the hub's address.
pub(super) async fn info(State(app): State<App>) -> Json<Value> {
    Json(json!({
        "product": "cockpit-hub",
        "version": env!("CARGO_PKG_VERSION"),
        "anon_key": app.signer.anon_key(),
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
