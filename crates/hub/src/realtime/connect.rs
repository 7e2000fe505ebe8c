//! The websocket handshake: version, key and the hub's limits are checked before the upgrade, with the real server's answers.

use axum::{
    Json,
    extract::{State, WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    claims::{believe, connection_refusal},
    frame::Version,
    socket,
};
use crate::{app::App, http::gateway::query_value};

/// Frames are small, and most sockets are idle: the library's own 128 KiB would be nearly all that an idle socket costs. A larger frame is
/// read in several goes.
const READ_BUFFER: usize = 8 * 1024;

/// `/realtime/v1/websocket?apikey=…&vsn=…`.
pub(crate) async fn connect(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let limits = *app.topics.limits();
    if uri.query().is_some_and(|query| query.len() > limits.key_bytes) {
        return too_long(StatusCode::URI_TOO_LONG);
    }
    if headers.values().any(|value| value.len() > limits.key_bytes) {
        return too_long(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let Some(version) = Version::parse(query_value(&uri, "vsn").as_deref()) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let header = headers.get("x-api-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let Some(key) = query_value(&uri, "apikey").or(header) else {
        return refuse(&app, StatusCode::UNAUTHORIZED, "API key is missing").await;
    };
    if let Err(error) = believe(&app, &key) {
        let (status, text) = connection_refusal(&key, error);
        return refuse(&app, StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED), &text).await;
    }
    if app.topics.rates().joins.is_over() {
        return refuse(&app, StatusCode::TOO_MANY_REQUESTS, "Too many joins per second").await;
    }
    let Some(place) = app.topics.connect() else {
        return refuse(&app, StatusCode::TOO_MANY_REQUESTS, "Too many connected users").await;
    };
    upgrade
        .max_message_size(limits.frame_bytes)
        .max_frame_size(limits.frame_bytes)
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(move |websocket| app.sockets.clone().track_future(socket::run(app, websocket, version, key, place)))
}

async fn refuse(app: &App, status: StatusCode, error: &str) -> Response {
    tracing::info!(error, "a realtime connection was refused");
    tokio::select! {
        () = app.stopping.cancelled() => {}
        () = tokio::time::sleep(app.timings.refused_connect) => {}
    }
    (status, Json(json!({ "error": error }))).into_response()
}

fn too_long(status: StatusCode) -> Response {
    tracing::info!(status = status.as_u16(), "a realtime connection with an overlong key was refused");
    (status, [(header::CONNECTION, HeaderValue::from_static("close"))]).into_response()
}
