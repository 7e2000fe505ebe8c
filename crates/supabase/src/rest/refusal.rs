//! PostgREST's error object.

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

#[derive(Deserialize)]
struct Refusal {
    code: Option<String>,
    message: String,
    // A string or null from PostgreSQL, but an array of candidates in some of PostgREST's own errors.
    details: Option<Value>,
    hint: Option<Value>,
}

/// The error object in `body`; none when it is somebody else's (a gateway's has a message but no code).
pub(super) fn postgrest(status: u16, body: &[u8]) -> Option<Error> {
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    Some(Error::Postgrest {
        status,
        code: refusal.code?,
        message: refusal.message,
        details: refusal.details.and_then(text),
        hint: refusal.hint.and_then(text),
    })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
