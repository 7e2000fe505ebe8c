//! Tokens for the placeholders `JWT(claims)` of a recording, with their times moved to now.

use base64::{Engine, prelude::*};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Map, Value, json};

use super::script::Script;

/// Mints with the hub's own secret.
pub(crate) struct Mint {
    pub(crate) secret: Vec<u8>,
}

/// Unix seconds.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

impl Mint {
    /// Replaces every placeholder in `text`.
    pub(crate) fn fill(&self, text: &str, script: &Script, connection: &str, is_key: bool) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("JWT(") {
            let (claims, after) = after.split_once(')').expect("a placeholder ends");
            filled.push_str(before);
            filled.push_str(&self.token(claims, script, connection, is_key));
            rest = after;
        }
        filled + rest
    }

    /// A good token of about so many characters.
    pub(crate) fn long(&self, length: usize) -> String {
        let sign = |pad: usize| self.sign(&json!({ "role": "anon", "exp": now() + 3600, "pad": "p".repeat(pad) }));
        let bare = sign(0).len();
        sign((length - bare) * 3 / 4)
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(&self.secret)).unwrap()
    }

    fn token(&self, written: &str, script: &Script, connection: &str, is_key: bool) -> String {
        let mut claims = Map::new();
        for (name, value) in written.split(';').filter_map(|claim| claim.split_once('=')) {
            let value = value.parse::<i64>().map_or_else(|_| json!(value), Value::from);
            claims.insert(name.to_owned(), value);
        }
        // As long before its expiry as it was then.
        if let (Some(issued), Some(expires)) =
            (claims.get("iat").and_then(Value::as_i64), claims.get("exp").and_then(Value::as_i64))
        {
            claims.insert("exp".to_owned(), json!(now() + expires - issued));
        }
        if claims.contains_key("iat") {
            claims.insert("iat".to_owned(), json!(now()));
        }
        claims.extend(script.more_claims(connection));
        if let (false, Some(length)) = (is_key, script.token_length(connection)) {
            return self.long(length);
        }
        let has_sub = claims.contains_key("sub");
        let claims = Value::Object(claims);
        if script.is_unsigned(connection) {
            let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
            return format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims));
        }
        if script.is_forged(connection, is_key, has_sub) {
            return jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(b"another")).unwrap();
        }
        self.sign(&claims)
    }
}
