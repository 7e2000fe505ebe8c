//! The ways to a session: stored before it is used, whichever way it came.

use serde_json::{Map, Value};

use super::refresh::lifetime;
use super::{AuthEvent, SessionKeeper};
use crate::auth::{Exchanged, MailOptions, OtpType, Pkce, SignedUp, TokenSource, User, UserUpdate, Verified};
use crate::{Error, Session};

impl SessionKeeper {
    /// Takes the stored session up again, without asking the server.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub async fn restore(&self) -> Result<Option<Session>, Error> {
        let _storing = self.inner.storing.lock().await;
        let stored = self.inner.storage.load().await?;
        if let Some(session) = &stored {
            self.inner.replace(session.clone(), None, AuthEvent::Restored { user: session.user.clone() });
        }
        Ok(stored)
    }

    /// Signs in and stores the session before it is used.
    ///
    /// # Errors
    /// As [`Auth::sign_in_with_password`](crate::Auth::sign_in_with_password), and [`Error::Storage`].
    pub async fn sign_in_with_password(&self, email: &str, password: &str) -> Result<Session, Error> {
        let session = self.inner.client.auth().sign_in_with_password(email, password).await?;
        self.set_session(session.clone()).await?;
        Ok(session)
    }

    /// Takes over a session that was obtained otherwise, storing it first.
    ///
    /// # Errors
    /// [`Error::Storage`]; the session is then not taken over.
    pub async fn set_session(&self, session: Session) -> Result<(), Error> {
        let _storing = self.inner.storing.lock().await;
        self.inner.storage.save(&session).await?;
        let lifetime = lifetime(&session);
        let event = AuthEvent::SignedIn { user: session.user.clone() };
        self.inner.replace(session, Some(lifetime), event);
        Ok(())
    }

    /// Makes an account, and signs in when the server does not want its address confirmed first.
    ///
    /// # Errors
    /// As [`Auth::sign_up`](crate::Auth::sign_up), and [`Error::Storage`].
    pub async fn sign_up(
        &self,
        email: &str,
        password: &str,
        data: Map<String, Value>,
        mail: &MailOptions,
    ) -> Result<SignedUp, Error> {
        let outcome = self.inner.client.auth().sign_up(email, password, data, mail).await?;
        if let SignedUp::SignedIn(session) = &outcome {
            self.set_session(session.as_ref().clone()).await?;
        }
        Ok(outcome)
    }

    /// Signs in with a code that was typed from a mail.
    ///
    /// # Errors
    /// As [`Auth::verify_otp`](crate::Auth::verify_otp), and [`Error::Storage`].
    pub async fn verify_otp(&self, email: &str, code: &str, kind: OtpType) -> Result<Verified, Error> {
        let outcome = self.inner.client.auth().verify_otp(email, code, kind).await?;
        self.keep(outcome).await
    }

    /// Signs in with the hash that a mail's link brought.
    ///
    /// # Errors
    /// As [`Auth::verify_token_hash`](crate::Auth::verify_token_hash), and [`Error::Storage`].
    pub async fn verify_token_hash(&self, token_hash: &str, kind: OtpType) -> Result<Verified, Error> {
        let outcome = self.inner.client.auth().verify_token_hash(token_hash, kind).await?;
        self.keep(outcome).await
    }

    async fn keep(&self, outcome: Verified) -> Result<Verified, Error> {
        if let Verified::SignedIn(session) = &outcome {
            self.set_session(session.as_ref().clone()).await?;
        }
        Ok(outcome)
    }

    /// Signs in with the code that a browser brought back, from a provider or a mail's link.
    ///
    /// # Errors
    /// As [`Auth::exchange_code`](crate::Auth::exchange_code), and [`Error::Storage`].
    pub async fn exchange_code(&self, code: &str, pkce: &Pkce) -> Result<Exchanged, Error> {
        let exchanged = self.inner.client.auth().exchange_code(code, pkce).await?;
        self.set_session(exchanged.session.clone()).await?;
        Ok(exchanged)
    }

    /// Changes the account that is signed in. The kept session has the new account afterwards.
    ///
    /// # Errors
    /// As [`Auth::update_user`](crate::Auth::update_user) and for the token; [`Error::Storage`] when the server has made the change
    /// but it could not be stored here (the next refresh brings it).
    pub async fn update_user(&self, update: &UserUpdate, mail: &MailOptions) -> Result<User, Error> {
        let generation = self.inner.state().generation;
        let token = self.access_token().await?;
        let user = self.inner.client.auth().update_user(&token, update, mail).await?;
        self.inner.learn(user.clone(), generation).await?;
        Ok(user)
    }

    /// Asks the server for the account that is signed in, as it is now.
    ///
    /// # Errors
    /// As [`Auth::user`](crate::Auth::user) and for the token; [`Error::Storage`].
    pub async fn reload_user(&self) -> Result<User, Error> {
        let generation = self.inner.state().generation;
        let token = self.access_token().await?;
        let user = self.inner.client.auth().user(&token).await?;
        self.inner.learn(user.clone(), generation).await?;
        Ok(user)
    }
}
