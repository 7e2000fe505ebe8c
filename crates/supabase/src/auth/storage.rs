//! Where a session survives a restart.

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::Session;
use crate::Error;

/// Keeps one session. Implementations report trouble as [`Error::Storage`].
#[async_trait]
pub trait SessionStorage: Send + Sync {
    /// Stores the session durably, in place of an earlier one. It is called before a rotated session is used.
    async fn save(&self, session: &Session) -> Result<(), Error>;
    /// The stored session, if there is one.
    async fn load(&self) -> Result<Option<Session>, Error>;
    /// Forgets the session.
    async fn clear(&self) -> Result<(), Error>;
}

/// Keeps the session only as long as the process lives: for tests, and for people who do not want to stay signed in.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    session: Mutex<Option<Session>>,
}

#[async_trait]
impl SessionStorage for MemoryStorage {
    async fn save(&self, session: &Session) -> Result<(), Error> {
        *self.session.lock().await = Some(session.clone());
        Ok(())
    }

    async fn load(&self) -> Result<Option<Session>, Error> {
        Ok(self.session.lock().await.clone())
    }

    async fn clear(&self) -> Result<(), Error> {
        *self.session.lock().await = None;
        Ok(())
    }
}
