//! What can be broadcast.

use bytes::Bytes;
use serde_json::Value;

use super::protocol::{BroadcastPayload, Json};

impl From<Value> for BroadcastPayload {
    fn from(value: Value) -> Self {
        Self::Json(value.into())
    }
}

impl From<Json> for BroadcastPayload {
    fn from(json: Json) -> Self {
        Self::Json(json)
    }
}

impl From<Bytes> for BroadcastPayload {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}
