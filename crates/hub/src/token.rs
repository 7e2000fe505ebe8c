//! Access tokens and the anonymous key: HS256 JSON web tokens signed with the hub's own secret.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

/// The anonymous key must stay the same over restarts, so its times are constants: issued 2026-01-01, valid until 2100-01-01.
const ANON_KEY_ISSUED: i64 = 1_767_225_600;
const ANON_KEY_EXPIRES: i64 = 4_102_444_800;

/// The database role that a caller acts as. No other role can be reached over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Nobody in particular: has the anonymous key only.
    Anon,
    /// A person who signed in.
    Authenticated,
}

impl Role {
    /// The role's name in SQL.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Anon => "anon",
            Self::Authenticated => "authenticated",
        }
    }
}

/// The claims that the hub itself puts into an access token.
#[derive(Debug, Serialize)]
pub(crate) struct AccessClaims<'a> {
    /// The person (`auth.users.id`).
    pub(crate) sub: Uuid,
    /// Always [`Role::Authenticated`].
    pub(crate) role: Role,
    /// Always `authenticated`, as GoTrue writes it.
    pub(crate) aud: &'a str,
    /// The person's e-mail address.
    pub(crate) email: &'a str,
    /// Always empty: nobody signs in by phone.
    pub(crate) phone: &'a str,
    /// What the hub wrote about the person.
    pub(crate) app_metadata: &'a RawValue,
    /// What the person wrote about themselves: never a ground for a right.
    pub(crate) user_metadata: &'a RawValue,
    /// Always `aal1`: there is no second factor.
    pub(crate) aal: &'a str,
    /// How and when the person showed who they are.
    pub(crate) amr: [Reference<'a>; 1],
    /// The session (`auth.sessions.id`), which a sign-out ends.
    pub(crate) session_id: Uuid,
    /// Always false.
    pub(crate) is_anonymous: bool,
    /// The hub's sign-in service.
    pub(crate) iss: &'a str,
    /// Issued at, Unix seconds.
    pub(crate) iat: i64,
    /// Expires at, Unix seconds.
    pub(crate) exp: i64,
}

/// One entry of `amr`.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Reference<'a> {
    /// `password`, `otp` and so on.
    pub(crate) method: &'a str,
    /// Unix seconds.
    pub(crate) timestamp: i64,
}

/// A token whose signature and lifetime were checked.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedToken {
    /// The role to act as.
    pub(crate) role: Role,
    /// Unix seconds after which it is no longer accepted.
    pub(crate) exp: i64,
    /// The person; an anonymous key has none.
    pub(crate) sub: Option<Uuid>,
    /// The session; an anonymous key has none.
    pub(crate) session_id: Option<Uuid>,
    /// All claims as JSON text, as policies read them from `request.jwt.claims`.
    pub(crate) claims: String,
}

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not three base64 parts with JSON in them.
    #[error("The token provided is not a valid JWT")]
    Malformed,
    /// Signed with another secret or another algorithm.
    #[error("Failed to validate JWT signature")]
    Signature,
    /// `role` or `exp` is missing, or the role is none that may call.
    #[error("Fields `role` and `exp` are required in JWT")]
    MissingClaims,
    /// Its time is over.
    #[error("Token has expired {seconds_ago} seconds ago")]
    Expired {
        /// Whole seconds since `exp`.
        seconds_ago: i64,
    },
}

/// Signs and checks tokens. Holds the secret; `Debug` never shows it.
pub(crate) struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    anon_key: String,
}

impl Signer {
    /// A signer over the hub's secret.
    ///
    /// # Errors
    /// Only when the anonymous key cannot be encoded.
    pub(crate) fn new(secret: &[u8]) -> Result<Self, jsonwebtoken::errors::Error> {
        // Lifetime and required claims are checked by hand below, because the answers name the seconds since the expiry.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let encoding = EncodingKey::from_secret(secret);
        let anon = serde_json::json!({
            "iss": "cockpit-hub", "role": Role::Anon, "iat": ANON_KEY_ISSUED, "exp": ANON_KEY_EXPIRES
        });
        let anon_key = jsonwebtoken::encode(&Header::default(), &anon, &encoding)?;
        Ok(Self { encoding, decoding: DecodingKey::from_secret(secret), validation, anon_key })
    }

    /// The key that every client sends along: it names the hub and grants what `anon` may do. Not a secret.
    pub(crate) fn anon_key(&self) -> &str {
        &self.anon_key
    }

    /// Signs an access token.
    ///
    /// # Errors
    /// When the claims cannot be encoded.
    pub(crate) fn sign(&self, claims: &AccessClaims<'_>) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&Header::default(), claims, &self.encoding)
    }

    /// Checks signature, claims and lifetime of `token` at `now` (Unix seconds). There is no leeway: one clock issues and checks.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub(crate) fn verify(&self, token: &str, now: i64) -> Result<VerifiedToken, TokenError> {
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &self.decoding, &self.validation);
        let claims = decoded.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => TokenError::Signature,
            _ => TokenError::Malformed,
        })?;
        let claims = claims.claims;
        let role = claims.get("role").and_then(|role| Role::deserialize(role).ok()).ok_or(TokenError::MissingClaims)?;
        let exp = claims.get("exp").and_then(Value::as_i64).ok_or(TokenError::MissingClaims)?;
        if exp <= now {
            return Err(TokenError::Expired { seconds_ago: now - exp });
        }
        let uuid = |name: &str| claims.get(name).and_then(Value::as_str).and_then(|text| Uuid::parse_str(text).ok());
        let (sub, session_id) = (uuid("sub"), uuid("session_id"));
        Ok(VerifiedToken { role, exp, sub, session_id, claims: Value::Object(claims).to_string() })
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Signer").finish_non_exhaustive()
    }
}

/// The wall clock in Unix seconds, as tokens count it.
pub(crate) fn unix_now() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(signer: &Signer, exp: i64) -> String {
        let nothing = RawValue::from_string("{}".to_owned()).unwrap();
        let claims = AccessClaims {
            sub: Uuid::from_u128(1),
            role: Role::Authenticated,
            aud: "authenticated",
            email: "ada@cockpit.test",
            phone: "",
            app_metadata: &nothing,
            user_metadata: &nothing,
            aal: "aal1",
            amr: [Reference { method: "password", timestamp: 0 }],
            session_id: Uuid::from_u128(2),
            is_anonymous: false,
            iss: "http://127.0.0.1/auth/v1",
            iat: 0,
            exp,
        };
        signer.sign(&claims).unwrap()
    }

    #[test]
    fn a_token_is_believed_until_exp_and_not_at_it() {
        let signer = Signer::new(b"secret").unwrap();
        let verified = signer.verify(&token(&signer, 100), 99).unwrap();
        assert_eq!((verified.role, verified.sub), (Role::Authenticated, Some(Uuid::from_u128(1))));
        assert_eq!(signer.verify(&token(&signer, 100), 100).unwrap_err(), TokenError::Expired { seconds_ago: 0 });
        assert_eq!(signer.verify(&token(&signer, 100), 130).unwrap_err(), TokenError::Expired { seconds_ago: 30 });
    }

    #[test]
    fn forged_and_foreign_tokens_are_told_apart() {
        let signer = Signer::new(b"secret").unwrap();
        let other = Signer::new(b"another").unwrap();
        assert_eq!(signer.verify(&token(&other, 100), 1).unwrap_err(), TokenError::Signature);
        assert_eq!(signer.verify("garbage", 1).unwrap_err(), TokenError::Malformed);
        assert_eq!(signer.verify("", 1).unwrap_err(), TokenError::Malformed);
        let service = serde_json::json!({"role": "service_role", "exp": 100});
        let service = jsonwebtoken::encode(&Header::default(), &service, &signer.encoding).unwrap();
        assert_eq!(signer.verify(&service, 1).unwrap_err(), TokenError::MissingClaims);
        assert_eq!(signer.verify(signer.anon_key(), 1).unwrap().role, Role::Anon);
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_as_a_token_is_answered(text in "[A-Za-z0-9_.=-]{0,120}|\\PC{0,60}|([A-Za-z0-9_-]{0,40}\\.){2}[A-Za-z0-9_-]{0,40}") {
            let signer = Signer::new(b"secret").unwrap();
            proptest::prop_assert!(signer.verify(&text, 1).is_err());
        }

        #[test]
        fn a_token_with_any_other_character_in_it_is_refused(at in 0usize..400, letter in "[A-Za-z0-9_.-]") {
            let signer = Signer::new(b"secret").unwrap();
            let good = token(&signer, 100);
            let at = at % good.len();
            let mut forged = good.clone();
            forged.replace_range(at..=at, &letter);
            // The last letter of a signature of 32 bytes has two bits that say nothing.
            let same = forged == good || at + 1 == good.len();
            proptest::prop_assert!(same || signer.verify(&forged, 1).is_err(), "{forged}");
        }
    }
}
