//! An answer, read to its end within bounds, and what it means.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;

use crate::Error;
use crate::client::chain;

/// No answer this crate asks for comes near this; a server that sends more is broken or hostile.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// How much of an unexpected body is kept for a message.
const BODY_IN_ERROR: usize = 2048;

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The answer carries tokens, so nothing of its body may get into an error.
    secret: bool,
    is_json: bool,
    retry_after: Option<Duration>,
    content_range: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    /// Sends the request and reads the answer to its end. `what` names the call in logs and errors.
    pub(crate) async fn to(request: RequestBuilder, what: &str) -> Result<Self, Error> {
        let started = Instant::now();
        let mut response = request.send().await.map_err(transport)?;
        let status = response.status();
        let headers = response.headers();
        let text = |name: HeaderName| text(headers, name);
        let is_json = text(CONTENT_TYPE).is_some_and(|value| value.contains("json"));
        // Only seconds: GoTrue and the gateways before it send no date.
        let retry_after = text(RETRY_AFTER).and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        let content_range = text(CONTENT_RANGE).map(str::to_owned);
        let too_large = || Error::Decode { what: what.into(), message: format!("more than {LARGEST_ANSWER} bytes") };
        if response.content_length().is_some_and(|length| length > LARGEST_ANSWER as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        tracing::debug!(what, status = status.as_u16(), bytes = body.len(), elapsed = ?started.elapsed(), "answered");
        Ok(Self { status, secret: false, is_json, retry_after, content_range, body })
    }

    /// The same answer, of which nothing may be shown.
    pub(crate) fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// PostgREST's `Content-Range`: `0-24/573`, `0-24/*`, `*/0`.
    pub(crate) fn content_range(&self) -> Option<&str> {
        self.content_range.as_deref()
    }

    /// The body of a success; `refused` reads the service's own error object, and anything else is [`Error::Http`].
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        what: &str,
        refused: impl FnOnce(u16, &[u8]) -> Option<Error>,
    ) -> Result<T, Error> {
        self.check(refused)?;
        if self.body.is_empty() {
            // 204, or a function that returns void.
            return self.decode(what, b"null");
        }
        if !self.is_json {
            return Err(self.unexpected());
        }
        self.decode(what, &self.body)
    }

    /// The error of an answer that is no success.
    pub(crate) fn check(&self, refused: impl FnOnce(u16, &[u8]) -> Option<Error>) -> Result<(), Error> {
        let status = self.status.as_u16();
        if self.status.is_success() {
            return Ok(());
        }
        let refusal = refused(status, &self.body);
        if status == 429 {
            return Err(self.rate_limited(refusal));
        }
        Err(refusal.unwrap_or_else(|| self.unexpected()))
    }

    fn rate_limited(&self, refusal: Option<Error>) -> Error {
        let (code, message) = match refusal {
            Some(Error::Auth { code, message, .. } | Error::Postgrest { code, message, .. }) => (code, message),
            Some(Error::Broadcast { message, .. }) => (String::new(), message),
            _ => (String::new(), "the server asks to slow down".to_owned()),
        };
        let retry_after = self.retry_after.or_else(|| seconds_named(&message));
        Error::RateLimited { code, message, retry_after }
    }

    /// An answer that is not of the service's making.
    pub(crate) fn unexpected(&self) -> Error {
        let kept = if self.secret && self.status.is_success() {
            &[][..]
        } else {
            self.body.get(..BODY_IN_ERROR).unwrap_or(&self.body)
        };
        Error::Http { status: self.status.as_u16(), body: String::from_utf8_lossy(kept).into_owned() }
    }

    fn decode<T: DeserializeOwned>(&self, what: &str, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|error| {
            let message = if self.secret {
                // serde's own message quotes the value that did not fit.
                let kind = match error.classify() {
                    serde_json::error::Category::Data => "a field is missing or of another type",
                    serde_json::error::Category::Eof => "it ends too early",
                    serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
                };
                format!("{kind} at line {} column {}", error.line(), error.column())
            } else {
                error.to_string()
            };
            Error::Decode { what: what.into(), message }
        })
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// GoTrue names the pause only in words: "you can only request this after 47 seconds".
fn seconds_named(message: &str) -> Option<Duration> {
    let before = message.split(" second").next()?;
    let digits = before.rsplit(' ').next()?;
    (before.len() < message.len()).then(|| digits.parse().ok().map(Duration::from_secs))?
}

fn transport(error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::Timeout;
    }
    Error::Network { message: chain(&error.without_url()) }
}

#[cfg(test)]
mod tests {
    use super::seconds_named;
    use rstest::rstest;
    use std::time::Duration;

    #[rstest]
    #[case("For security purposes, you can only request this after 47 seconds.", Some(47))]
    #[case("For security purposes, you can only request this once every 60 seconds", Some(60))]
    #[case("you can only request this after 1 second.", Some(1))]
    #[case("email rate limit exceeded", None)]
    #[case("in a few seconds", None)]
    #[case("47", None)]
    #[case("", None)]
    fn reads_the_pause_out_of_the_words(#[case] message: &str, #[case] expected: Option<u64>) {
        assert_eq!(seconds_named(message), expected.map(Duration::from_secs));
    }
}
