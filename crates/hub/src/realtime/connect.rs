//! The websocket handshake: version and key are checked before the upgrade, with the real server's answers.

use axum::{
    Json,
    extract::{State, WebSocketUpgrade},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    frame::Version,
    socket::{self, MAX_FRAME},
};
use crate::{
    app::App,
    http::gateway::query_value,
    token::{TokenError, unix_now},
};

/// `/realtime/v1/websocket?apikey=…&vsn=…`.
pub(crate) async fn connect(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(version) = Version::parse(query_value(&uri, "vsn").as_deref()) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let header = headers.get("x-api-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let Some(key) = query_value(&uri, "apikey").or(header) else {
        return refuse(&app, "API key is missing").await;
    };
    match app.signer.verify(&key, unix_now()) {
        Ok(_) => upgrade
            .max_message_size(MAX_FRAME)
            .max_frame_size(MAX_FRAME)
            .on_upgrade(move |websocket| app.sockets.clone().track_future(socket::run(app, websocket, version, key))),
        Err(TokenError::Expired { .. }) => refuse(&app, "Token has expired").await,
        Err(other) => refuse(&app, &other.to_string()).await,
    }
}

async fn refuse(app: &App, error: &str) -> Response {
    tracing::info!(error, "a realtime connection was refused");
    tokio::select! {
        () = app.stopping.cancelled() => {}
        () = tokio::time::sleep(app.timings.refused_connect) => {}
    }
    (StatusCode::UNAUTHORIZED, Json(json!({ "error": error }))).into_response()
}
