//! GoTrue's answers as they come.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::oauth::Exchanged;
use super::verify::Verified;
use super::{Session, SignedUp, User};
use crate::Error;
use crate::secret::Secret;

/// The answer of the token endpoint.
#[derive(Deserialize)]
pub(super) struct IssuedSession {
    access_token: Secret,
    refresh_token: Secret,
    /// Given once, with the exchange of a provider's code; the server does not keep them.
    provider_token: Option<Secret>,
    provider_refresh_token: Option<Secret>,
    /// Lifetime in seconds.
    expires_in: Option<i64>,
    /// Unix seconds by the server's clock; used only when no lifetime is given.
    expires_at: Option<i64>,
    user: User,
}

impl IssuedSession {
    /// `now` is this machine's clock, read after the answer came.
    pub(super) fn into_session(self, now: i64) -> Session {
        // An hour is the server's default; a wrong guess is mended by the first refusal.
        let expires_at = self.expires_in.map(|seconds| now.saturating_add(seconds)).or(self.expires_at);
        Session {
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            expires_at: expires_at.unwrap_or_else(|| now.saturating_add(3600)),
            user: self.user,
        }
    }

    pub(super) fn into_exchanged(mut self, now: i64) -> Exchanged {
        let given = |token: Option<Secret>| token.filter(|token| !token.is_empty());
        let provider_token = given(self.provider_token.take());
        let provider_refresh_token = given(self.provider_refresh_token.take());
        Exchanged { session: self.into_session(now), provider_token, provider_refresh_token }
    }
}

/// The answer to a sign-up: a session, or the account alone when its address is to be confirmed first.
pub(super) enum SignUpAnswer {
    Session(Box<IssuedSession>),
    User(Box<User>),
}

impl<'de> Deserialize<'de> for SignUpAnswer {
    /// Decided by one field, not by what fits: a session with a broken field must not pass for an account.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Map::deserialize(deserializer)?;
        if object.contains_key("access_token") {
            return parse(Value::Object(object)).map(Self::Session);
        }
        // Some versions wrap the account.
        let user = object.remove("user").filter(Value::is_object);
        parse(user.unwrap_or(Value::Object(object))).map(Self::User)
    }
}

impl SignUpAnswer {
    pub(super) fn into_outcome(self, now: i64) -> SignedUp {
        match self {
            Self::Session(issued) => SignedUp::SignedIn(Box::new(issued.into_session(now))),
            Self::User(user) => SignedUp::ConfirmationNeeded(user),
        }
    }
}

/// The answer to a verification: a session, or a sentence when the other address has a mail to confirm, too.
pub(super) enum VerifyAnswer {
    Session(Box<IssuedSession>),
    Message(String),
}

impl<'de> Deserialize<'de> for VerifyAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::deserialize(deserializer)?;
        match object.get("msg").or_else(|| object.get("message")).and_then(Value::as_str) {
            Some(message) if !object.contains_key("access_token") => Ok(Self::Message(message.to_owned())),
            _ => parse(Value::Object(object)).map(Self::Session),
        }
    }
}

fn parse<T: DeserializeOwned, E: serde::de::Error>(value: Value) -> Result<T, E> {
    serde_json::from_value(value).map_err(E::custom)
}

impl VerifyAnswer {
    pub(super) fn into_outcome(self, now: i64) -> Verified {
        match self {
            Self::Session(issued) => Verified::SignedIn(Box::new(issued.into_session(now))),
            Self::Message(message) => Verified::OtherAddressNeeded { message },
        }
    }
}

/// The error object in `body`, in the three shapes that are about: with a textual `code`, with a numeric `code` beside
/// `error_code` and `msg`, and OAuth's `error` with `error_description`. None when it is none of them.
pub(crate) fn refusal(status: u16, body: &[u8]) -> Option<Error> {
    let object: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let text = |name: &str| object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let message =
        text("msg").or_else(|| text("message")).or_else(|| text("error_description")).or_else(|| text("error"))?;
    let code = text("error_code").or_else(|| text("code")).or_else(|| text("error")).unwrap_or_else(|| {
        // Servers from before error codes named this one case only in words.
        if message.starts_with("Invalid Refresh Token") { "invalid_grant" } else { "" }
    });
    if code == "weak_password" {
        let reasons = object.get("weak_password").and_then(|details| details.get("reasons")?.as_array());
        let reasons = reasons.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        return Some(Error::WeakPassword { message: message.into(), reasons });
    }
    Some(Error::Auth { status, code: code.into(), message: message.into() })
}

#[cfg(test)]
mod tests {
    use super::{IssuedSession, refusal};
    use rstest::rstest;

    #[rstest]
    #[case::textual(r#"{"code":"invalid_credentials","message":"Invalid login credentials"}"#, "invalid_credentials")]
    #[case::numeric(
        r#"{"code":400,"error_code":"refresh_token_not_found","msg":"Invalid Refresh Token"}"#,
        "refresh_token_not_found"
    )]
    #[case::oauth(r#"{"error":"invalid_grant","error_description":"Invalid login credentials"}"#, "invalid_grant")]
    #[case::before_codes(r#"{"code":400,"msg":"Invalid Refresh Token: Already Used"}"#, "invalid_grant")]
    #[case::gateway(r#"{"message":"Invalid API key"}"#, "")]
    fn reads_every_shape_of_refusal(#[case] body: &str, #[case] expected: &str) {
        let Some(crate::Error::Auth { status: 400, code, message }) = refusal(400, body.as_bytes()) else {
            panic!("not read: {body}");
        };
        assert_eq!(code, expected);
        assert!(!message.is_empty());
    }

    #[rstest]
    #[case(r#"{"code":"weak_password","message":"m","weak_password":{"reasons":["length","pwned"]}}"#, &["length", "pwned"])]
    #[case(r#"{"code":422,"error_code":"weak_password","msg":"m","weak_password":{"reasons":["length"]}}"#, &["length"])]
    #[case(r#"{"code":"weak_password","message":"m","weak_password":{"reasons":[1,null]}}"#, &[])]
    #[case(r#"{"code":"weak_password","message":"m","weak_password":7}"#, &[])]
    #[case(r#"{"code":"weak_password","message":"m"}"#, &[])]
    fn a_weak_password_names_its_reasons(#[case] body: &str, #[case] expected: &[&str]) {
        let Some(crate::Error::WeakPassword { reasons, .. }) = refusal(422, body.as_bytes()) else {
            panic!("not read: {body}");
        };
        assert_eq!(reasons, expected);
    }

    #[rstest]
    #[case("<html>504</html>")]
    #[case("{}")]
    #[case("[]")]
    #[case("")]
    fn leaves_other_bodies_alone(#[case] body: &str) {
        assert_eq!(refusal(400, body.as_bytes()), None);
    }

    #[rstest]
    #[case::lifetime_wins_over_the_servers_clock(r#""expires_in":3600,"expires_at":5"#, 13_600)]
    #[case::only_the_servers_clock(r#""expires_at":12000"#, 12_000)]
    #[case::neither(r#""token_type":"bearer""#, 13_600)]
    fn expiry_is_by_this_machines_clock(#[case] field: &str, #[case] expected: i64) {
        let body = format!(
            r#"{{"access_token":"a","refresh_token":"r",{field},"user":{{"id":"00000000-0000-4000-8000-000000000001","email":null}}}}"#
        );
        let issued: IssuedSession = serde_json::from_str(&body).unwrap();
        assert_eq!(issued.into_session(10_000).expires_at, expected);
    }
}
