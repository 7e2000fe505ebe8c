//! Proof keys for code exchange, RFC 7636.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use sha2::{Digest, Sha256};

use crate::{Error, Secret};

/// The proof that the code a redirect brings is exchanged by the program that asked for it.
///
/// Make one for each attempt, send its challenge with the request, and keep the verifier on this device until the code comes
/// back. A program that can be restarted in between keeps [`verifier`](Self::verifier) as it keeps a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkce {
    verifier: Secret,
    challenge: String,
}

impl Pkce {
    /// A fresh one: 256 random bits.
    #[must_use]
    pub fn generate() -> Self {
        let random: [u8; 32] = rand::rng().random();
        Self::of(URL_SAFE_NO_PAD.encode(random))
    }

    /// The one that was kept.
    ///
    /// # Errors
    /// [`Error::Callback`] when the text cannot be a verifier: 43 to 128 letters, digits and `-._~`.
    pub fn from_verifier(verifier: &str) -> Result<Self, Error> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(fits) {
            return Err(super::CallbackProblem::BadVerifier.into());
        }
        Ok(Self::of(verifier.to_owned()))
    }

    /// What must stay on this device until the exchange.
    pub fn verifier(&self) -> &Secret {
        &self.verifier
    }

    /// What is sent with the request: the verifier's SHA-256 in base64url, method [`METHOD`](Self::METHOD).
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// The one method this crate uses, as the auth server spells it.
    pub const METHOD: &'static str = "s256";

    fn of(verifier: String) -> Self {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        Self { verifier: verifier.into(), challenge }
    }
}

#[cfg(test)]
mod tests {
    use super::Pkce;
    use rstest::rstest;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let pkce = Pkce::from_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn each_is_another_and_can_be_kept() {
        let (one, other) = (Pkce::generate(), Pkce::generate());
        assert_ne!(one, other);
        assert_eq!(Pkce::from_verifier(one.verifier()).unwrap(), one);
        assert!(!format!("{one:?}").contains(one.verifier().expose()));
    }

    #[rstest]
    #[case("short")]
    #[case("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk=")]
    #[case("")]
    fn refuses_what_cannot_be_a_verifier(#[case] text: &str) {
        assert!(Pkce::from_verifier(text).is_err());
    }
}
