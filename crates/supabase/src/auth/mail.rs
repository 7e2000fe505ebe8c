//! The calls after which the auth server sends mail: sign-up, one-time codes, recovery, and sending again.

use reqwest::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Auth, Pkce, Session, User, wire};
use crate::{Error, Secret};

/// What the link in a mail does, and how the request proves itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailOptions {
    redirect_to: Option<String>,
    code_challenge: Option<String>,
    captcha_token: Option<Secret>,
}

impl MailOptions {
    /// Where the link leads after the server has checked it; without it, to the project's site. It must be a loopback address or
    /// match the project's list of redirects, or else the server silently takes the site instead.
    #[must_use]
    pub fn redirect_to(mut self, address: impl Into<String>) -> Self {
        self.redirect_to = Some(address.into());
        self
    }

    /// Lets the link bring a code that only the holder of the verifier can exchange, and that [`Callback`](super::Callback) reads.
    /// Without it the link brings tokens in its fragment, which this crate refuses; codes that are typed work either way.
    #[must_use]
    pub fn pkce(mut self, pkce: &Pkce) -> Self {
        self.code_challenge = Some(pkce.challenge().to_owned());
        self
    }

    /// The captcha's answer, for projects that ask for one.
    #[must_use]
    pub fn captcha(mut self, token: impl Into<Secret>) -> Self {
        self.captcha_token = Some(token.into());
        self
    }

    pub(super) fn query(&self) -> Vec<(&'static str, &str)> {
        self.redirect_to.iter().map(|address| ("redirect_to", address.as_str())).collect()
    }

    /// The fields that go into the body.
    pub(super) fn body(&self) -> MailFields<'_> {
        MailFields {
            code_challenge: self.code_challenge.as_deref(),
            code_challenge_method: self.code_challenge.as_ref().map(|_| Pkce::METHOD),
            gotrue_meta_security: self.captcha_token.as_ref().map(|captcha_token| Security { captcha_token }),
        }
    }
}

#[derive(Serialize)]
pub(super) struct MailFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code_challenge: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_challenge_method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gotrue_meta_security: Option<Security<'a>>,
}

#[derive(Serialize)]
struct Security<'a> {
    captcha_token: &'a Secret,
}

/// What came of a sign-up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedUp {
    /// The server confirms addresses by itself: the account is signed in.
    SignedIn(Box<Session>),
    /// A mail was sent; the account works once its address is confirmed. **For an address that has a confirmed account already
    /// the server answers the same, with an invented user without identities, and sends nothing**: it does not tell who is known.
    ConfirmationNeeded(Box<User>),
}

/// Which mail is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resend {
    /// That of the sign-up.
    SignUp,
    /// That about a change of address.
    EmailChange,
}

impl Auth<'_> {
    /// Makes an account. `data` becomes its [`user_metadata`](User::user_metadata).
    ///
    /// # Errors
    /// [`Error::WeakPassword`] with the rules it breaks, [`Error::Auth`] with `signup_disabled` or `user_already_exists` (only
    /// where addresses are confirmed by the server itself), [`Error::RateLimited`]; the transport's errors otherwise.
    pub async fn sign_up(
        &self,
        email: &str,
        password: &str,
        data: Map<String, Value>,
        mail: &MailOptions,
    ) -> Result<SignedUp, Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            email: &'a str,
            password: &'a str,
            data: Map<String, Value>,
            #[serde(flatten)]
            mail: MailFields<'a>,
        }
        let body = Body { email, password, data, mail: mail.body() };
        let request = self.request(Method::POST, "signup", &mail.query(), None).json(&body);
        let answer: wire::SignUpAnswer = self.ask(request, "sign-up").await?;
        Ok(answer.into_outcome(super::session::unix_now()))
    }

    /// Sends a mail with a one-time code and a magic link; which of them it shows is for the project's template. Then
    /// [`verify_otp`](Self::verify_otp) with [`OtpType::Email`](super::OtpType::Email), or the link's callback.
    ///
    /// With `create_user` an address without an account gets one, with `data` as its metadata.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the last mail was too recent, [`Error::Auth`] with `otp_disabled` when there is no such account
    /// and none shall be made; the transport's errors otherwise.
    pub async fn otp(
        &self,
        email: &str,
        create_user: bool,
        data: Map<String, Value>,
        mail: &MailOptions,
    ) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            email: &'a str,
            create_user: bool,
            data: Map<String, Value>,
            #[serde(flatten)]
            mail: MailFields<'a>,
        }
        let body = Body { email, create_user, data, mail: mail.body() };
        let request = self.request(Method::POST, "otp", &mail.query(), None).json(&body);
        self.done(request, "one-time code").await
    }

    /// Sends a mail to set a new password with. Then [`verify_otp`](Self::verify_otp) with
    /// [`OtpType::Recovery`](super::OtpType::Recovery) (or the link's callback), which signs in, then
    /// [`update_user`](Self::update_user). An unknown address is answered in the same way, and gets nothing.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the last mail was too recent; the transport's errors otherwise.
    pub async fn recover(&self, email: &str, mail: &MailOptions) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            email: &'a str,
            #[serde(flatten)]
            mail: MailFields<'a>,
        }
        let body = Body { email, mail: mail.body() };
        let request = self.request(Method::POST, "recover", &mail.query(), None).json(&body);
        self.done(request, "password recovery").await
    }

    /// Sends a mail once more, with a new code. The server does not continue a PKCE flow here: the mail's code is to be typed.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the last mail was too recent; the transport's errors otherwise.
    pub async fn resend(&self, which: Resend, email: &str, mail: &MailOptions) -> Result<(), Error> {
        let kind = match which {
            Resend::SignUp => "signup",
            Resend::EmailChange => "email_change",
        };
        #[derive(Serialize)]
        struct Body<'a> {
            email: &'a str,
            #[serde(rename = "type")]
            kind: &'a str,
            #[serde(flatten)]
            mail: MailFields<'a>,
        }
        let body = Body { email, kind, mail: mail.body() };
        let request = self.request(Method::POST, "resend", &mail.query(), None).json(&body);
        self.done(request, "sending again").await
    }

    /// Sends the owner of the token a code that proves he still reads that mail: [`UserUpdate::nonce`](super::UserUpdate::nonce).
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the last mail was too recent; the transport's errors otherwise.
    pub async fn reauthenticate(&self, access_token: &str) -> Result<(), Error> {
        self.done(self.request(Method::GET, "reauthenticate", &[], Some(access_token)), "reauthentication").await
    }

    /// An account without any identity, where the project allows them. `data` becomes its metadata.
    ///
    /// # Errors
    /// [`Error::Auth`] with `anonymous_provider_disabled` when it does not; the transport's errors otherwise.
    pub async fn sign_in_anonymously(&self, data: Map<String, Value>, mail: &MailOptions) -> Result<Session, Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            data: Map<String, Value>,
            #[serde(flatten)]
            mail: MailFields<'a>,
        }
        let request = self.request(Method::POST, "signup", &[], None).json(&Body { data, mail: mail.body() });
        self.session(request, "sign-in").await
    }
}
