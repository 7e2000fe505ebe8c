//! The exchange of a refresh token for the next one.
//!
//! A refresh token is used once: using it revokes it and issues its child. Invariants:
//! - a token whose child was used already (or that is older than the grace period and not the parent of the live one) is a stolen
//!   or copied one: the whole session ends;
//! - within [`REUSE_GRACE`] of its use a token may be used again, for two windows that refresh at the same moment;
//! - the parent of a live token may be used at any time, for a client that died before it saved the answer. The unused child is
//!   revoked then, so that a thief and the owner can never both go on.

use std::time::Duration;

use super::{Granted, Method, Sessions, hash, issue};
use crate::{accounts::Account, error::HubError};

/// As GoTrue's default.
const REUSE_GRACE: Duration = Duration::from_secs(10);

/// Why a refresh was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    #[error("Invalid Refresh Token: Refresh Token Not Found")]
    NotFound,
    #[error("Invalid Refresh Token: Already Used")]
    AlreadyUsed,
    #[error("Invalid Refresh Token: Session Expired")]
    Expired,
    #[error("Invalid Refresh Token: User Banned")]
    Banned,
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl From<tokio_postgres::Error> for RefreshError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Hub(error.into())
    }
}

impl Sessions {
    /// Exchanges a refresh token for the next one.
    pub(crate) async fn refresh(&self, token: &str) -> Result<Granted, RefreshError> {
        let mut connection = self.database.hub_connection().await.map_err(HubError::from)?;
        let transaction = connection.transaction().await?;
        let hash = hash(token);
        // The session's row is locked first, so that two refreshes of one session follow one another.
        let session = "select s.id from auth.sessions s join auth.refresh_tokens t on t.session_id = s.id \
                       where t.token = $1 for update of s";
        if transaction.query_opt(session, &[&hash]).await?.is_none() {
            return Err(RefreshError::NotFound);
        }
        let row = transaction
            .query_one(
                "select t.session_id, u.id, u.email, t.revoked, \
                   t.updated_at > now() - make_interval(secs => $2) as fresh, \
                   exists (select from auth.refresh_tokens c where c.parent = t.token and not c.revoked) as parent_of_live, \
                   coalesce(u.banned_until > now(), false), coalesce(s.not_after <= now(), false), \
                   s.method, extract(epoch from s.created_at)::bigint \
                 from auth.refresh_tokens t join auth.users u on u.id = t.user_id \
                 join auth.sessions s on s.id = t.session_id where t.token = $1",
                &[&hash, &REUSE_GRACE.as_secs_f64()],
            )
            .await?;
        let (session, account) = (row.try_get(0)?, Account { id: row.try_get(1)?, email: row.try_get(2)? });
        let (revoked, fresh, parent_of_live): (bool, bool, bool) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
        let (banned, expired): (bool, bool) = (row.try_get(6)?, row.try_get(7)?);
        let (method, authenticated_at) = (Method(row.try_get(8)?), row.try_get(9)?);
        if revoked && !fresh && !parent_of_live {
            transaction.execute("delete from auth.sessions where id = $1", &[&session]).await?;
            transaction.commit().await?;
            tracing::warn!(%session, user = %account.id, "a used refresh token came back: the session was ended");
            return Err(RefreshError::AlreadyUsed);
        }
        // After the theft was noticed: a disabled account is no shelter for a stolen token.
        if banned {
            return Err(RefreshError::Banned);
        }
        if expired {
            return Err(RefreshError::Expired);
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
        Ok(Granted { account, session, method, authenticated_at, refresh_token })
    }
}
