//! What handlers take out of a request.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{
    body::Bytes,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Request},
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, value::RawValue};

use super::error::AuthError;
use crate::limits::network;

/// What a person says about themselves travels in every access token, and so in every request's header.
pub(super) const METADATA_MAX_BYTES: usize = 8 * 1024;
/// Answers that must not tell whether there is an account take at least so long, whatever was done for them.
const EVEN_TIME: Duration = Duration::from_millis(60);

/// A JSON body. An empty one is an empty object.
pub(in crate::http) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = AuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AuthError> {
        let body =
            Bytes::from_request(request, state).await.map_err(|rejection| match rejection.into_response_status() {
                StatusCode::PAYLOAD_TOO_LARGE => AuthError::too_large(),
                _ => AuthError::bad_json(),
            })?;
        let body: &[u8] = if body.is_empty() { b"{}" } else { &body };
        serde_json::from_slice(body).map(Self).map_err(|_| AuthError::bad_json())
    }
}

/// Axum's rejections tell their status only through the response they would become.
trait Status {
    fn into_response_status(self) -> StatusCode;
}

impl<R: axum::response::IntoResponse> Status for R {
    fn into_response_status(self) -> StatusCode {
        self.into_response().status()
    }
}

/// Who asks, as far as it can be seen.
#[derive(Clone, Debug)]
pub(in crate::http) struct Peer {
    /// The client's network, by which its tries are counted.
    pub(super) network: String,
    pub(super) user_agent: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Never a header such as X-Forwarded-For: anybody may write one.
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| network(info.0.ip()));
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned);
        Ok(Self { network: address.unwrap_or_else(|| "unknown".to_owned()), user_agent })
    }
}

/// Whether `data` can be kept about a person: an object of bounded size in which PostgreSQL takes every text.
pub(super) fn metadata(data: Option<&RawValue>) -> Result<Option<&RawValue>, AuthError> {
    let Some(data) = data.filter(|data| data.get() != "null") else { return Ok(None) };
    if data.get().len() > METADATA_MAX_BYTES {
        return Err(too_much_metadata());
    }
    serde_json::from_str::<Map<String, Value>>(data.get()).map_err(|_| AuthError::bad_json())?;
    if data.get().contains("\\u0000") {
        return Err(AuthError::validation("User metadata cannot hold the character U+0000"));
    }
    Ok(Some(data))
}

pub(super) fn too_much_metadata() -> AuthError {
    AuthError::validation(format!("User metadata cannot be larger than {METADATA_MAX_BYTES} bytes"))
}

/// Makes answers take the same time.
#[derive(Debug)]
pub(super) struct EvenTime(Instant);

impl EvenTime {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    pub(super) async fn end(self) {
        tokio::time::sleep(EVEN_TIME.saturating_sub(self.0.elapsed())).await;
    }
}
