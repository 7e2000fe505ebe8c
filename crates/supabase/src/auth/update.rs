//! Changing one's own account.

use reqwest::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use super::mail::MailFields;
use super::{Auth, MailOptions, User};
use crate::{Error, Secret};

/// What is to change in one's own account. Everything that is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserUpdate {
    email: Option<String>,
    password: Option<Secret>,
    nonce: Option<Secret>,
    data: Option<Map<String, Value>>,
}

impl UserUpdate {
    /// Another mail address. It takes effect when it is confirmed, by default at the old address and the new one.
    #[must_use]
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// Another password. The server ends the account's other sessions.
    #[must_use]
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The code of [`Auth::reauthenticate`], for projects that ask for it before a password is changed.
    #[must_use]
    pub fn nonce(mut self, nonce: impl Into<Secret>) -> Self {
        self.nonce = Some(nonce.into());
        self
    }

    /// Fields of the [`user_metadata`](User::user_metadata) to set; null removes a field, and others stay.
    #[must_use]
    pub fn data(mut self, data: Map<String, Value>) -> Self {
        self.data = Some(data);
        self
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Map<String, Value>>,
    #[serde(flatten)]
    mail: MailFields<'a>,
}

impl Auth<'_> {
    /// Changes the account of the token's owner; answers it as it is now. `mail` is for the mails about a change of address.
    ///
    /// # Errors
    /// [`Error::WeakPassword`]; [`Error::Auth`] with `same_password`, `reauthentication_needed`, `email_exists`;
    /// [`Error::RateLimited`]; the transport's errors otherwise.
    pub async fn update_user(
        &self,
        access_token: &str,
        update: &UserUpdate,
        mail: &MailOptions,
    ) -> Result<User, Error> {
        let body = Body {
            email: update.email.as_deref(),
            password: update.password.as_ref(),
            nonce: update.nonce.as_ref(),
            data: update.data.as_ref(),
            mail: mail.body(),
        };
        let request = self.request(Method::PUT, "user", &mail.query(), Some(access_token)).json(&body);
        self.ask(request, "change of account").await
    }
}
