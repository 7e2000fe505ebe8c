//! Secrets: only refresh tokens. Access tokens stay in memory, and passwords are kept nowhere.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use cockpit_domain::UserId;
use cockpit_supabase::{Error, Session, SessionStorage};
use serde::{Deserialize, Serialize};
use url::Url;

/// Why a secret could not be kept or read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(
    /// The system's own words.
    pub String,
);

/// A place for secrets, the system's keyring for instance. Calls may block; the engine makes them off its runtime.
pub trait SecretStore: Send + Sync + 'static {
    /// The secret of that name, if there is one.
    ///
    /// # Errors
    /// When the store cannot be asked; a locked keyring is an error and not an absent secret.
    fn get(&self, key: &str) -> Result<Option<String>, SecretError>;

    /// Keeps a secret durably under that name, in place of an earlier one.
    ///
    /// # Errors
    /// When it could not be kept.
    fn set(&self, key: &str, secret: &str) -> Result<(), SecretError>;

    /// Forgets a secret; an absent one is no error.
    ///
    /// # Errors
    /// When it could not be removed.
    fn remove(&self, key: &str) -> Result<(), SecretError>;
}

/// Secrets that end with the process: for tests, and for a machine without a keyring.
#[derive(Debug, Default)]
pub struct MemorySecrets {
    // A plain mutex: it is held for one map operation.
    secrets: Mutex<HashMap<String, String>>,
}

impl SecretStore for MemorySecrets {
    fn get(&self, key: &str) -> Result<Option<String>, SecretError> {
        Ok(self.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn set(&self, key: &str, secret: &str) -> Result<(), SecretError> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(key.into(), secret.into());
        Ok(())
    }

    fn remove(&self, key: &str) -> Result<(), SecretError> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(())
    }
}

/// Keeps the refresh token of one account in a [`SecretStore`].
pub(crate) struct RefreshTokens {
    secrets: Arc<dyn SecretStore>,
    key: String,
}

impl RefreshTokens {
    /// The storage of the account of `user` at `server`.
    pub(crate) fn new(secrets: Arc<dyn SecretStore>, server: &Url, user: UserId) -> Self {
        Self { secrets, key: format!("refresh-token {user} {server}") }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn SecretStore, &str) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<T, Error> {
        let (secrets, key) = (Arc::clone(&self.secrets), self.key.clone());
        let done = tokio::task::spawn_blocking(move || work(secrets.as_ref(), &key)).await;
        done.map_err(|_| Error::Closed)?.map_err(|error| Error::Storage { message: error.to_string() })
    }
}

/// What is really kept: a session without its access token.
#[derive(Serialize, Deserialize)]
struct Kept {
    refresh_token: String,
    user: cockpit_supabase::User,
}

#[async_trait]
impl SessionStorage for RefreshTokens {
    async fn save(&self, session: &Session) -> Result<(), Error> {
        // Of the account only what names it: some keyrings take no more than 2,560 bytes, and metadata can be of any size.
        let user = cockpit_supabase::User::new(session.user.id, session.user.email.clone());
        let kept = Kept { refresh_token: session.refresh_token.expose().to_owned(), user };
        let text = serde_json::to_string(&kept).map_err(|error| Error::Storage { message: error.to_string() })?;
        self.blocking(move |secrets, key| secrets.set(key, &text)).await
    }

    async fn load(&self) -> Result<Option<Session>, Error> {
        let Some(text) = self.blocking(|secrets, key| secrets.get(key)).await? else { return Ok(None) };
        let Ok(kept) = serde_json::from_str::<Kept>(&text) else {
            tracing::warn!("the stored session is not readable; a new sign-in is needed");
            return Ok(None);
        };
        // An access token that has expired long ago: the keeper refreshes before it gives one out.
        let spent = Session {
            access_token: String::new().into(),
            refresh_token: kept.refresh_token.into(),
            expires_at: 0,
            user: kept.user,
        };
        Ok(Some(spent))
    }

    async fn clear(&self) -> Result<(), Error> {
        self.blocking(|secrets, key| secrets.remove(key)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_refresh_token_is_kept() {
        let secrets = Arc::new(MemorySecrets::default());
        let server = Url::parse("https://a.test").unwrap();
        let user = cockpit_supabase::User::new(uuid::Uuid::from_u128(7), Some("ada@cockpit.test".into()));
        let storage = RefreshTokens::new(secrets.clone(), &server, UserId(user.id));
        let session = Session {
            access_token: String::from("ACCESS").into(),
            refresh_token: String::from("REFRESH").into(),
            expires_at: i64::MAX,
            user,
        };
        storage.save(&session).await.unwrap();
        let kept = format!("{:?}", secrets.secrets.lock().unwrap());
        assert!(kept.contains("REFRESH") && !kept.contains("ACCESS"), "{kept}");
        let loaded = storage.load().await.unwrap().unwrap();
        assert_eq!((loaded.refresh_token.expose(), loaded.expires_at), ("REFRESH", 0));
        storage.clear().await.unwrap();
        assert_eq!(storage.load().await.unwrap(), None);
    }
}
