//! Sessions and their refresh tokens, kept in PostgreSQL as SHA-256 hashes only.
//!
//! A refresh token is used once: using it revokes it and issues its child. Invariants:
//! - a token whose child was used already (or that is older than the grace period and not the parent of the live one) is a stolen
//!   or copied one: the whole session ends;
//! - within [`REUSE_GRACE`] of its use a token may be used again, for two windows that refresh at the same moment;
//! - the parent of a live token may be used at any time, for a client that died before it saved the answer. The unused child is
//!   revoked then, so that a thief and the owner can never both go on.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use deadpool_postgres::Transaction;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{accounts::Account, database::Database, error::HubError};

/// As GoTrue's default.
const REUSE_GRACE: Duration = Duration::from_secs(10);
const TOKEN_BYTES: usize = 32;

/// A session that may go on, with its next refresh token.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) account: Account,
    pub(crate) session: Uuid,
    pub(crate) refresh_token: String,
}

/// Why a refresh was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    #[error("Invalid Refresh Token: Refresh Token Not Found")]
    NotFound,
    #[error("Invalid Refresh Token: Already Used")]
    AlreadyUsed,
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl From<tokio_postgres::Error> for RefreshError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Hub(error.into())
    }
}

/// Which sessions a sign-out ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Global,
    Local,
    Others,
}

/// Starts, continues and ends sessions.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    database: Database,
}

impl Sessions {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// A new session for a person whose password was just checked.
    pub(crate) async fn start(&self, account: Account, user_agent: Option<&str>) -> Result<Granted, HubError> {
        let mut connection = self.database.hub_connection().await?;
        let transaction = connection.transaction().await?;
        let session = Uuid::new_v4();
        let insert = "insert into auth.sessions (id, user_id, user_agent) values ($1, $2, $3)";
        transaction.execute(insert, &[&session, &account.id, &user_agent]).await?;
        transaction.execute("update auth.users set last_sign_in_at = now() where id = $1", &[&account.id]).await?;
        let refresh_token = issue(&transaction, session, account.id, None).await?;
        transaction.commit().await?;
        Ok(Granted { account, session, refresh_token })
    }

    /// Exchanges a refresh token for the next one.
    pub(crate) async fn refresh(&self, token: &str) -> Result<Granted, RefreshError> {
        let mut connection = self.database.hub_connection().await.map_err(HubError::from)?;
        let transaction = connection.transaction().await?;
        let hash = hash(token);
        // The session's row is locked first, so that two refreshes of one session follow one another.
        let session = "select s.id from auth.sessions s join auth.refresh_tokens t on t.session_id = s.id \
                       where t.token = $1 and (s.not_after is null or s.not_after > now()) for update of s";
        if transaction.query_opt(session, &[&hash]).await?.is_none() {
            return Err(RefreshError::NotFound);
        }
        let row = transaction
            .query_one(
                "select t.session_id, u.id, u.email, t.revoked, \
                   t.updated_at > now() - make_interval(secs => $2) as fresh, \
                   exists (select from auth.refresh_tokens c where c.parent = t.token and not c.revoked) as parent_of_live \
                 from auth.refresh_tokens t join auth.users u on u.id = t.user_id where t.token = $1",
                &[&hash, &REUSE_GRACE.as_secs_f64()],
            )
            .await?;
        let (session, account) = (row.try_get(0)?, Account { id: row.try_get(1)?, email: row.try_get(2)? });
        let (revoked, fresh, parent_of_live): (bool, bool, bool) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
        if revoked && !fresh && !parent_of_live {
            transaction.execute("delete from auth.sessions where id = $1", &[&session]).await?;
            transaction.commit().await?;
            tracing::warn!(%session, user = %account.id, "a used refresh token came back: the session was ended");
            return Err(RefreshError::AlreadyUsed);
        }
        if revoked && !fresh {
            // Dated back, so that the replaced child has no grace period of its own.
            let revoke = "update auth.refresh_tokens set revoked = true, updated_at = now() - interval '1 hour' \
                          where parent = $1 and not revoked";
            transaction.execute(revoke, &[&hash]).await?;
        }
        // `updated_at` is the moment of the first use: using a token again must not stretch its grace period.
        let revoke =
            "update auth.refresh_tokens set revoked = true, updated_at = now() where token = $1 and not revoked";
        transaction.execute(revoke, &[&hash]).await?;
        let refresh_token = issue(&transaction, session, account.id, Some(&hash)).await?;
        transaction.execute("update auth.sessions set refreshed_at = now() where id = $1", &[&session]).await?;
        // A session keeps what it needs to notice a reuse within a week; older generations are of no use to anybody.
        let forget = "delete from auth.refresh_tokens where session_id = $1 and revoked \
                      and updated_at < now() - interval '7 days'";
        transaction.execute(forget, &[&session]).await?;
        transaction.commit().await?;
        Ok(Granted { account, session, refresh_token })
    }

    /// Whether a session still exists.
    pub(crate) async fn is_live(&self, session: Uuid) -> Result<bool, HubError> {
        let connection = self.database.hub_connection().await?;
        Ok(connection.query_opt("select from auth.sessions where id = $1", &[&session]).await?.is_some())
    }

    /// Ends sessions of a person. Access tokens already issued run out by themselves.
    pub(crate) async fn end(&self, user: Uuid, session: Uuid, scope: Scope) -> Result<(), HubError> {
        let connection = self.database.hub_connection().await?;
        let (all, this, others) = (
            "delete from auth.sessions where user_id = $1 and $2::uuid is not null",
            "delete from auth.sessions where user_id = $1 and id = $2",
            "delete from auth.sessions where user_id = $1 and id <> $2",
        );
        let delete = match scope {
            Scope::Global => all,
            Scope::Local => this,
            Scope::Others => others,
        };
        connection.execute(delete, &[&user, &session]).await?;
        Ok(())
    }
}

async fn issue(
    transaction: &Transaction<'_>,
    session: Uuid,
    user: Uuid,
    parent: Option<&str>,
) -> Result<String, tokio_postgres::Error> {
    let token = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; TOKEN_BYTES]>());
    let insert = "insert into auth.refresh_tokens (token, parent, user_id, session_id) values ($1, $2, $3, $4)";
    transaction.execute(insert, &[&hash(&token), &parent, &user, &session]).await?;
    Ok(token)
}

/// 256 random bits need no slow hash.
fn hash(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}
