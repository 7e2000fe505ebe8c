//! Broadcasts by HTTP: many at once, or one whose topic and event are in the path. Private ones need the caller's right to write; what
//! may not be sent is dropped in silence, as the real server does.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json, value::RawValue};

use super::{
    authorise::{Extension, may_write},
    broadcast::{Body, Broadcast},
    claims::{Believed, believe},
    messages::{Message, read},
};
use crate::{
    app::App,
    database::Caller,
    http::gateway::{bearer, query_value},
};

/// `POST /realtime/v1/api/broadcast` with `{messages: [{topic, event, payload, private}]}`: 202, or 400, 401, 422, 429.
pub(crate) async fn broadcast(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    let body = if is_json(&headers) { serde_json::from_slice(&body).map_err(|_| ()) } else { Ok(Value::Null) };
    let Ok(body) = body else { return bad_request() };
    let caller = match caller(&app, &headers) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let answer = match read(&body, app.topics.limits().payload_bytes) {
        Ok(messages) => send_all(&app, caller.as_ref(), &messages).await,
        Err(errors) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "errors": { "messages": errors } }))).into_response()
        }
    };
    with_rate(&app, answer)
}

/// `POST /realtime/v1/api/broadcast/{topic}/events/{event}?private=true`: the body is the payload, JSON or bytes by its type.
pub(crate) async fn broadcast_one(
    State(app): State<App>,
    Path((topic, event)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let json: Option<Box<RawValue>> = match content_type(&headers) {
        "application/json" => match serde_json::from_slice(&body) {
            Ok(json) => Some(json),
            Err(_) => return bad_request(),
        },
        "application/octet-stream" => None,
        _ => {
            let error = "Unsupported Media Type. Use application/json or application/octet-stream";
            return (StatusCode::UNSUPPORTED_MEDIA_TYPE, Json(json!({ "error": error }))).into_response();
        }
    };
    let caller = match caller(&app, &headers) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let private = query_value(&uri, "private").as_deref() == Some("true");
    let answer = if body.len() > app.topics.limits().payload_bytes {
        let errors = json!({ "errors": { "payload": ["Payload size exceeds tenant limit"] } });
        (StatusCode::UNPROCESSABLE_ENTITY, Json(errors)).into_response()
    } else if let Some(refused) = over_rate(&app, 1) {
        refused
    } else {
        if !private || may_send(&app, caller.as_ref(), &topic).await {
            let body = json.as_deref().map_or(Body::Bytes(&body), Body::Json);
            app.topics.rates().messages.add(1);
            app.topics.broadcast(&topic, private, Broadcast::Message { event: &event, meta: None, body });
        }
        StatusCode::ACCEPTED.into_response()
    };
    with_rate(&app, answer)
}

async fn send_all(app: &App, caller: Option<&Caller>, messages: &[Message<'_>]) -> Response {
    if let Some(refused) = over_rate(app, messages.len()) {
        return refused;
    }
    let mut allowed: HashMap<&str, bool> = HashMap::new();
    // Public ones go first, as with the real server.
    let (private, public): (Vec<&Message<'_>>, Vec<_>) = messages.iter().partition(|message| message.private);
    for message in public.into_iter().chain(private) {
        if message.private {
            let known = allowed.get(message.topic).copied();
            let may = match known {
                Some(may) => may,
                None => may_send(app, caller, message.topic).await,
            };
            allowed.insert(message.topic, may);
            if !may {
                continue;
            }
        }
        let payload = json!({ "event": message.event, "payload": message.payload, "type": "broadcast" });
        match serde_json::value::to_raw_value(&payload) {
            Ok(payload) => {
                app.topics.rates().messages.add(1);
                app.topics.broadcast(message.topic, message.private, Broadcast::Text(&payload));
            }
            Err(error) => tracing::error!(%error, "a broadcast could not be written"),
        }
    }
    StatusCode::ACCEPTED.into_response()
}

async fn may_send(app: &App, caller: Option<&Caller>, topic: &str) -> bool {
    let Some(caller) = caller else { return false };
    may_write(&app.database, caller, topic, Extension::Broadcast).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the policies could not be asked");
        false
    })
}

/// Who sends: nobody whom the database knows when the token's role is none of the hub's.
fn caller(app: &App, headers: &HeaderMap) -> Result<Option<Caller>, Box<Response>> {
    let key = headers.get("apikey").and_then(|key| key.to_str().ok());
    let believed = bearer(headers).or(key).map(|token| believe(app, token));
    match believed {
        Some(Ok(Believed::Known(token))) => Ok(Some(Caller::from(&token))),
        Some(Ok(Believed::UnknownRole { .. })) => Ok(None),
        Some(Err(_)) | None => {
            let refused = (StatusCode::UNAUTHORIZED, Json(json!({ "message": "Unauthorized" }))).into_response();
            Err(Box::new(with_rate(app, refused)))
        }
    }
}

fn over_rate(app: &App, more: usize) -> Option<Response> {
    let rate = &app.topics.rates().messages;
    let message = if rate.is_over() {
        "You have exceeded your rate limit"
    } else if rate.limit() != u32::MAX && more as f64 + rate.average() > f64::from(rate.limit()) {
        "Too many messages to broadcast, please reduce the batch size"
    } else {
        return None;
    };
    Some((StatusCode::TOO_MANY_REQUESTS, Json(json!({ "message": message }))).into_response())
}

/// Tells the rate, as the real server does with every answer that got so far.
fn with_rate(app: &App, mut response: Response) -> Response {
    let rate = &app.topics.rates().messages;
    // Both are numbers a client shows or waits by; parts of an event do not matter to it.
    let rolling = rate.average().trunc() as u64;
    let remaining = u64::from(rate.limit()).saturating_sub(rolling);
    for (name, value) in
        [("x-rate-limit", u64::from(rate.limit())), ("x-rate-limit-remaining", remaining), ("x-rate-rolling", rolling)]
    {
        response.headers_mut().insert(name, value.into());
    }
    response
}

fn bad_request() -> Response {
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], "Bad Request").into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers) == "application/json"
}

fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}
