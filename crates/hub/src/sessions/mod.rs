//! Sessions and their refresh tokens, kept in PostgreSQL as SHA-256 hashes only.

mod refresh;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use deadpool_postgres::Transaction;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{accounts::Account, database::Database, error::HubError};
pub(crate) use refresh::RefreshError;

const TOKEN_BYTES: usize = 32;

/// How a person showed who they are, in the words of GoTrue's `amr` claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method(pub(crate) String);

impl Method {
    pub(crate) fn password() -> Self {
        Self("password".to_owned())
    }

    /// A code or link that was mailed.
    pub(crate) fn otp() -> Self {
        Self("otp".to_owned())
    }
}

/// A session that may go on, with its next refresh token.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) account: Account,
    pub(crate) session: Uuid,
    pub(crate) method: Method,
    /// When the person showed who they are, Unix seconds.
    pub(crate) authenticated_at: i64,
    pub(crate) refresh_token: String,
}

/// Which sessions a sign-out ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Global,
    Local,
    Others,
}

/// What has become of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It goes on. `recent` when it began within the last day.
    Live { recent: bool },
    /// It was ended.
    Ended,
    /// It goes on as soon as the account is no longer disabled.
    Banned,
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

    /// A new session for a person whose password was just compared with `hash`; nothing when it was changed meanwhile.
    pub(crate) async fn start(
        &self,
        account: Account,
        hash: &str,
        user_agent: Option<&str>,
    ) -> Result<Option<Granted>, HubError> {
        let mut connection = self.database.hub_connection().await?;
        let transaction = connection.transaction().await?;
        let same = "select from auth.users where id = $1 and encrypted_password = $2 for no key update";
        if transaction.query_opt(same, &[&account.id, &hash]).await?.is_none() {
            return Ok(None);
        }
        let granted = Self::start_in(&transaction, account, Method::password(), user_agent).await?;
        transaction.commit().await?;
        Ok(Some(granted))
    }

    /// A new session inside the transaction that takes what the person showed, so that a code is either used or still good.
    pub(crate) async fn start_in(
        transaction: &Transaction<'_>,
        account: Account,
        method: Method,
        user_agent: Option<&str>,
    ) -> Result<Granted, HubError> {
        let session = Uuid::new_v4();
        // No header is worth more than this, and rows must not grow with what strangers send.
        let user_agent: Option<String> = user_agent.map(|agent| agent.chars().take(300).collect());
        let insert = "insert into auth.sessions (id, user_id, user_agent, method) values ($1, $2, $3, $4) \
                      returning extract(epoch from created_at)::bigint";
        let row = transaction.query_one(insert, &[&session, &account.id, &user_agent, &method.0]).await?;
        transaction.execute("update auth.users set last_sign_in_at = now() where id = $1", &[&account.id]).await?;
        let refresh_token = issue(transaction, session, account.id, None).await?;
        Ok(Granted { account, session, method, authenticated_at: row.try_get(0)?, refresh_token })
    }

    /// What has become of a person's session.
    pub(crate) async fn standing(&self, user: Uuid, session: Uuid) -> Result<Standing, HubError> {
        let connection = self.database.hub_connection().await?;
        let sql = "select s.created_at > now() - interval '24 hours', coalesce(u.banned_until > now(), false) \
                   from auth.sessions s join auth.users u on u.id = s.user_id \
                   where s.id = $1 and s.user_id = $2 and u.deleted_at is null \
                   and (s.not_after is null or s.not_after > now())";
        let Some(row) = connection.query_opt(sql, &[&session, &user]).await? else { return Ok(Standing::Ended) };
        Ok(if row.try_get(1)? { Standing::Banned } else { Standing::Live { recent: row.try_get(0)? } })
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
