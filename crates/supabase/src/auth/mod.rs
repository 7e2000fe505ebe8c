//! GoTrue: every way to sign in, refresh, sign-out, one's account, and the keeper that holds a session alive.
//!
//! [`Auth`] makes single calls and remembers nothing. [`SessionKeeper`] is what a program that stays signed in uses: it has the
//! ways of signing in, too, and keeps what they give.
//!
//! A code comes back to the program in one of three ways:
//! - **typed** from a mail: [`Auth::otp`] or [`Auth::recover`], then [`Auth::verify_otp`];
//! - **by a link** of a mail, asked for with a [`Pkce`] challenge: [`Callback::parse`], then [`Auth::exchange_code`];
//! - **from a provider**: [`Auth::authorize_url`] in a browser, then as with a link. [`LoopbackRedirect`] receives the browser
//!   where the program has no deep link.

mod callback;
mod code;
mod keeper;
mod loopback;
mod mail;
mod oauth;
mod pkce;
mod session;
mod settings;
mod storage;
mod token_source;
mod update;
mod user;
mod verify;
mod wire;

use reqwest::header::HeaderName;
use reqwest::{Method, RequestBuilder};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;

pub use callback::{Callback, CallbackProblem};
pub use code::AuthErrorCode;
pub use keeper::{AuthEvent, AuthEvents, KeeperOptions, SessionKeeper, SignOutReason};
pub use loopback::LoopbackRedirect;
pub use mail::{MailOptions, Resend, SignedUp};
pub use oauth::{Exchanged, OAuth};
pub use pkce::Pkce;
pub use session::{Session, SignOutScope};
pub use settings::{AuthHealth, AuthSettings};
pub use storage::{MemoryStorage, SessionStorage};
pub use token_source::TokenSource;
pub use update::UserUpdate;
pub use user::{Identity, User};
pub use verify::{OtpType, Verified};
pub(crate) use wire::refusal;

use crate::answer::Answer;
use crate::client::service_url;
use crate::{Client, Error};

/// Asks the server for error objects with a textual `code`; servers that do not know it answer in the older shapes.
const API_VERSION: (HeaderName, &str) = (HeaderName::from_static("x-supabase-api-version"), "2024-01-01");

/// The auth calls of a [`Client`]. They keep no session; [`SessionKeeper`] does.
#[derive(Debug, Clone, Copy)]
pub struct Auth<'a> {
    client: &'a Client,
}

impl<'a> Auth<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// Signs in with a mail address and a password.
    ///
    /// # Errors
    /// [`Error::Auth`] with code `invalid_credentials` for a wrong pair and `email_not_confirmed` for an address that is still to
    /// be confirmed; the transport's errors otherwise.
    pub async fn sign_in_with_password(&self, email: &str, password: &str) -> Result<Session, Error> {
        let body = json!({ "email": email, "password": password });
        let request = self.request(Method::POST, "token", &[("grant_type", "password")], None).json(&body);
        self.session(request, "sign-in").await
    }

    /// Exchanges a refresh token for a new session. The server rotates it: the given one is spent afterwards, so the answer
    /// must be stored before it is used. Prefer [`SessionKeeper`], which does that and never asks twice at once.
    ///
    /// # Errors
    /// [`Error::Auth`] when the server refuses the token; the transport's errors otherwise.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Session, Error> {
        let body = json!({ "refresh_token": refresh_token });
        let request = self.request(Method::POST, "token", &[("grant_type", "refresh_token")], None).json(&body);
        self.session(request, "refresh").await
    }

    /// Ends sessions of the token's owner. A session that the server no longer knows counts as ended.
    ///
    /// # Errors
    /// The transport's errors, and [`Error::Auth`] for anything else that the server refuses.
    pub async fn sign_out(&self, access_token: &str, scope: SignOutScope) -> Result<(), Error> {
        let request = self.request(Method::POST, "logout", &[("scope", scope.as_str())], Some(access_token));
        match self.done(request, "sign-out").await {
            Err(Error::Auth { status: 401 | 403 | 404, .. }) => Ok(()),
            outcome => outcome,
        }
    }

    /// The owner of the token, as the server knows it now.
    ///
    /// # Errors
    /// [`Error::Auth`] when the token is refused; the transport's errors otherwise.
    pub async fn user(&self, access_token: &str) -> Result<User, Error> {
        self.ask(self.request(Method::GET, "user", &[], Some(access_token)), "user").await
    }

    async fn session(&self, request: RequestBuilder, what: &str) -> Result<Session, Error> {
        let issued: wire::IssuedSession = self.ask(request, what).await?;
        Ok(issued.into_session(session::unix_now()))
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder, what: &str) -> Result<T, Error> {
        Answer::to(request, what).await?.secret().read(what, refusal)
    }

    /// A call of whose success only the status counts; an HTML page is none.
    async fn done(&self, request: RequestBuilder, what: &str) -> Result<(), Error> {
        self.ask::<Option<IgnoredAny>>(request, what).await.map(|_| ())
    }

    fn request(
        &self,
        method: Method,
        endpoint: &str,
        query: &[(&str, &str)],
        access_token: Option<&str>,
    ) -> RequestBuilder {
        let mut url = service_url(self.client.url(), &["auth", "v1", endpoint]);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.client.request(method, url, access_token).header(API_VERSION.0, API_VERSION.1)
    }
}
