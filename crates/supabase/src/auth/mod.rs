//! GoTrue: sign-in, refresh, sign-out, and the keeper that holds a session alive.

mod keeper;
mod session;
mod storage;
mod wire;

use reqwest::header::HeaderName;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde_json::json;

pub use keeper::{KeeperOptions, SessionKeeper, TokenSource};
pub use session::{Session, SignOutScope, User};
pub use storage::{MemoryStorage, SessionStorage};
pub(crate) use wire::refusal;

use crate::client::{Answer, service_url};
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
    /// [`Error::Auth`] with code `invalid_credentials` for a wrong pair; the transport's errors otherwise.
    pub async fn sign_in_with_password(&self, email: &str, password: &str) -> Result<Session, Error> {
        self.token("password", &json!({ "email": email, "password": password })).await
    }

    /// Exchanges a refresh token for a new session. The server rotates it: the given one is spent afterwards, so the answer
    /// must be stored before it is used. Prefer [`SessionKeeper`], which does that and never asks twice at once.
    ///
    /// # Errors
    /// [`Error::Auth`] when the server refuses the token; the transport's errors otherwise.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Session, Error> {
        self.token("refresh_token", &json!({ "refresh_token": refresh_token })).await
    }

    /// Ends sessions of the token's owner. A session that the server no longer knows counts as ended.
    ///
    /// # Errors
    /// The transport's errors, and [`Error::Auth`] for anything else that the server refuses.
    pub async fn sign_out(&self, access_token: &str, scope: SignOutScope) -> Result<(), Error> {
        let request = self.request(Method::POST, "logout", Some(("scope", scope.as_str())), Some(access_token));
        let answer = Answer::to(request, "sign-out").await?;
        match answer.read::<Option<serde_json::Value>>("sign-out", refusal) {
            Ok(_) | Err(Error::Auth { status: 401 | 403 | 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The owner of the token, as the server knows it now.
    ///
    /// # Errors
    /// [`Error::Auth`] when the token is refused; the transport's errors otherwise.
    pub async fn user(&self, access_token: &str) -> Result<User, Error> {
        let request = self.request(Method::GET, "user", None, Some(access_token));
        Answer::to(request, "user").await?.read("user", refusal)
    }

    async fn token(&self, grant_type: &str, body: &impl Serialize) -> Result<Session, Error> {
        let request = self.request(Method::POST, "token", Some(("grant_type", grant_type)), None).json(body);
        let issued: wire::IssuedSession = Answer::to(request, "sign-in").await?.read("sign-in", refusal)?;
        Ok(issued.into_session(session::unix_now()))
    }

    fn request(
        &self,
        method: Method,
        endpoint: &str,
        query: Option<(&str, &str)>,
        access_token: Option<&str>,
    ) -> RequestBuilder {
        let mut url = service_url(self.client.url(), &["auth", "v1", endpoint]);
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        self.client.request(method, url, access_token).header(API_VERSION.0, API_VERSION.1)
    }
}
