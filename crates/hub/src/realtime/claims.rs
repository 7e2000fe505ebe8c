//! Tokens as the real server believes them, where the hub's own checks say less.
//!
//! The hub acts only as `anon` and `authenticated`. To the real server a token of any other role is a good token whose role the
//! database does not know: good enough for a public channel, refused by the policies of a private one.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{
    app::App,
    token::{TokenError, VerifiedToken, unix_now},
};

/// A token that is believed.
#[derive(Debug)]
pub(super) enum Believed {
    /// Its holder can be asked about in the database.
    Known(VerifiedToken),
    /// A role that nobody may act as here, until `exp` (Unix seconds).
    UnknownRole { exp: i64 },
}

impl Believed {
    /// Unix seconds at which it is no longer believed.
    pub(super) fn exp(&self) -> i64 {
        match self {
            Self::Known(token) => token.exp,
            Self::UnknownRole { exp } => *exp,
        }
    }
}

/// Checks a token.
pub(super) fn believe(app: &App, token: &str) -> Result<Believed, TokenError> {
    let now = unix_now();
    match app.signer.verify(token, now) {
        Ok(token) => Ok(Believed::Known(token)),
        // Said only after the signature was found good, so that the claims may be read without it.
        Err(TokenError::MissingClaims) => {
            let claims = part(token, 1).unwrap_or_default();
            match (claims.get("role").and_then(Value::as_str), claims.get("exp").and_then(Value::as_i64)) {
                (Some(_), Some(exp)) if exp > now => Ok(Believed::UnknownRole { exp }),
                (Some(_), Some(exp)) => Err(TokenError::Expired { seconds_ago: now - exp }),
                _ => Err(TokenError::MissingClaims),
            }
        }
        Err(error) => Err(error),
    }
}

/// Status and text with which a connection is refused over its key.
pub(super) fn connection_refusal(key: &str, error: TokenError) -> (u16, String) {
    match error {
        TokenError::Expired { .. } => (401, "Token has expired".to_owned()),
        TokenError::MissingClaims
            if part(key, 1).is_some_and(|claims| claims.get("exp").is_some_and(|exp| !exp.is_i64())) =>
        {
            (500, "Error connecting to Realtime".to_owned())
        }
        TokenError::Malformed | TokenError::Signature
            if part(key, 0).is_some_and(|header| header.get("alg").is_some_and(|algorithm| algorithm == "none")) =>
        {
            let why = "Failed to generate JWT signer, check your JWT secret or JWKS configuration";
            (401, why.to_owned())
        }
        other => (401, other.to_string()),
    }
}

/// The header (0) or the claims (1) of a token, unchecked.
fn part(token: &str, index: usize) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(index)?).ok()?).ok()
}
