//! Codes that were sent by mail, exchanged for a session.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Auth, Session, wire};
use crate::Error;

/// What a code or a token hash was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtpType {
    /// Confirming a new account. For a typed code the server also takes [`Email`](Self::Email).
    Signup,
    /// A magic link. For a typed code the server also takes [`Email`](Self::Email).
    Magiclink,
    /// A lost password.
    Recovery,
    /// An invitation.
    Invite,
    /// A one-time code by mail, whether or not it made the account: what [`Auth::otp`] sends.
    Email,
    /// A change of address; the address is the one that the mail with this code went to.
    EmailChange,
}

impl OtpType {
    /// The server's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Magiclink => "magiclink",
            Self::Recovery => "recovery",
            Self::Invite => "invite",
            Self::Email => "email",
            Self::EmailChange => "email_change",
        }
    }
}

/// What came of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verified {
    /// The code was right, and its owner is signed in.
    SignedIn(Box<Session>),
    /// The first of two codes of a change of address was right; the mail to the other address has the second.
    OtherAddressNeeded {
        /// The server's sentence.
        message: String,
    },
}

impl Verified {
    /// The session, if there is one.
    pub fn session(self) -> Option<Session> {
        match self {
            Self::SignedIn(session) => Some(*session),
            Self::OtherAddressNeeded { .. } => None,
        }
    }
}

impl Auth<'_> {
    /// Exchanges a code that a person typed from a mail. Spaces around and dashes in it are forgiven.
    ///
    /// # Errors
    /// [`Error::Auth`] with `otp_expired` for a code that is wrong, spent or too old (the server does not tell which),
    /// [`Error::RateLimited`] after too many guesses; the transport's errors otherwise.
    pub async fn verify_otp(&self, email: &str, code: &str, kind: OtpType) -> Result<Verified, Error> {
        let token: String = code.chars().filter(|sign| !sign.is_whitespace() && *sign != '-').collect();
        self.verify(json!({ "type": kind.as_str(), "email": email, "token": token })).await
    }

    /// Exchanges the hash that a link brings where the project's mail template puts `{{ .TokenHash }}` into it. It needs no
    /// verifier, also when the mail was asked for with one.
    ///
    /// # Errors
    /// As [`verify_otp`](Self::verify_otp).
    pub async fn verify_token_hash(&self, token_hash: &str, kind: OtpType) -> Result<Verified, Error> {
        self.verify(json!({ "type": kind.as_str(), "token_hash": token_hash })).await
    }

    async fn verify(&self, body: Value) -> Result<Verified, Error> {
        let request = self.request(Method::POST, "verify", &[], None).json(&body);
        let answer: wire::VerifyAnswer = self.ask(request, "verification").await?;
        Ok(answer.into_outcome(super::session::unix_now()))
    }
}
