//! PKCE flows (RFC 7636): a client sends a challenge with its request for a mail; the mailed link hands a code to the client's redirect
//! address; only who holds the verifier behind the challenge gets a session for it. Kept in `auth.flow_state`.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use deadpool_postgres::Transaction;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{error::HubError, keyed_hash::KeyedHash, sessions::Method};

/// How long the code of a redirect is good: GoTrue's default.
const AUTH_CODE_SECONDS: f64 = 300.0;

/// A client's challenge, whose form was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    text: String,
    method: ChallengeMethod,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChallengeMethod {
    S256,
    Plain,
}

/// Why a challenge was refused, in GoTrue's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChallengeError {
    #[error("PKCE flow requires code_challenge_method and code_challenge")]
    Incomplete,
    #[error("code challenge has to be between 43 and 128 characters")]
    Length,
    #[error("code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes")]
    Letters,
    #[error("code_challenge_method must be s256 or plain")]
    Method,
}

/// What came of an exchange.
#[derive(Debug)]
pub(crate) enum Exchanged {
    /// The code is used up.
    Session {
        user: Uuid,
        method: Method,
    },
    NotFound,
    Expired,
    WrongVerifier,
}

impl Challenge {
    /// The challenge of a request, if it holds one.
    pub(crate) fn parse(text: Option<&str>, method: Option<&str>) -> Result<Option<Self>, ChallengeError> {
        let (text, method) = match (text.unwrap_or_default(), method.unwrap_or_default()) {
            ("", "") => return Ok(None),
            ("", _) | (_, "") => return Err(ChallengeError::Incomplete),
            both => both,
        };
        if !(43..=128).contains(&text.len()) {
            return Err(ChallengeError::Length);
        }
        if !text.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"-._~".contains(&letter)) {
            return Err(ChallengeError::Letters);
        }
        let method = match method.to_ascii_lowercase().as_str() {
            "s256" => ChallengeMethod::S256,
            "plain" => ChallengeMethod::Plain,
            _ => return Err(ChallengeError::Method),
        };
        Ok(Some(Self { text: text.to_owned(), method }))
    }

    fn is_met_by(&self, verifier: &str) -> bool {
        match self.method {
            ChallengeMethod::S256 => self.text == BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())),
            ChallengeMethod::Plain => self.text == verifier,
        }
    }
}

/// Begins and finishes flows.
#[derive(Clone, Debug)]
pub(crate) struct Flows {
    hash: KeyedHash,
}

impl Flows {
    pub(crate) fn new(hash: KeyedHash) -> Self {
        Self { hash }
    }

    /// Begins a flow for a person; `method` is what the later session says of it.
    pub(crate) async fn begin(
        transaction: &Transaction<'_>,
        user: Uuid,
        challenge: &Challenge,
        method: &str,
    ) -> Result<Uuid, HubError> {
        let id = Uuid::now_v7();
        let kind = match challenge.method {
            ChallengeMethod::S256 => "s256",
            ChallengeMethod::Plain => "plain",
        };
        let insert = "insert into auth.flow_state (id, user_id, code_challenge, code_challenge_method, authentication_method) \
                      values ($1, $2, $3, $4, $5)";
        transaction.execute(insert, &[&id, &user, &challenge.text, &kind, &method]).await?;
        Ok(id)
    }

    /// The code for the redirect of a flow whose link was followed.
    pub(crate) async fn hand_out(&self, transaction: &Transaction<'_>, flow: Uuid) -> Result<Option<String>, HubError> {
        let code = Uuid::new_v4().to_string();
        let sql = "update auth.flow_state set auth_code_hash = $2, auth_code_issued_at = now() where id = $1";
        let updated = transaction.execute(sql, &[&flow, &self.hash.of("auth_code", &[&code])]).await?;
        Ok((updated == 1).then_some(code))
    }

    /// Exchanges the code. Of two at the same time one finds nothing.
    pub(crate) async fn exchange(
        &self,
        transaction: &Transaction<'_>,
        code: &str,
        verifier: &str,
    ) -> Result<Exchanged, HubError> {
        let find = "select id, user_id, code_challenge, code_challenge_method, authentication_method, \
                      auth_code_issued_at < now() - make_interval(secs => $2) \
                    from auth.flow_state where auth_code_hash = $1 for update";
        let hash = self.hash.of("auth_code", &[code]);
        let Some(row) = transaction.query_opt(find, &[&hash, &AUTH_CODE_SECONDS]).await? else {
            return Ok(Exchanged::NotFound);
        };
        let method = match row.try_get(3)? {
            "plain" => ChallengeMethod::Plain,
            _ => ChallengeMethod::S256,
        };
        if row.try_get(5)? {
            return Ok(Exchanged::Expired);
        }
        if !(Challenge { text: row.try_get(2)?, method }).is_met_by(verifier) {
            return Ok(Exchanged::WrongVerifier);
        }
        let id: Uuid = row.try_get(0)?;
        transaction.execute("delete from auth.flow_state where id = $1", &[&id]).await?;
        Ok(Exchanged::Session { user: row.try_get(1)?, method: Method(row.try_get(4)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_met_by_its_verifier_only() {
        // The example of RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = Challenge::parse(Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), Some("S256"));
        let challenge = challenge.unwrap().unwrap();
        assert!(challenge.is_met_by(verifier));
        assert!(!challenge.is_met_by("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        let plain = Challenge::parse(Some(verifier), Some("plain")).unwrap().unwrap();
        assert!(plain.is_met_by(verifier) && !plain.is_met_by("other"));
    }

    #[test]
    fn a_challenge_has_a_method_a_length_and_plain_letters() {
        let long = "x".repeat(43);
        assert_eq!(Challenge::parse(None, None), Ok(None));
        assert_eq!(Challenge::parse(Some(&long), None), Err(ChallengeError::Incomplete));
        assert_eq!(Challenge::parse(Some(""), Some("s256")), Err(ChallengeError::Incomplete));
        assert_eq!(Challenge::parse(Some("short"), Some("s256")), Err(ChallengeError::Length));
        assert_eq!(Challenge::parse(Some(&"x".repeat(129)), Some("s256")), Err(ChallengeError::Length));
        assert_eq!(Challenge::parse(Some(&"ä".repeat(30)), Some("s256")), Err(ChallengeError::Letters));
        assert_eq!(Challenge::parse(Some(&long), Some("md5")), Err(ChallengeError::Method));
    }
}
