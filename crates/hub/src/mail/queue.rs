//! The mails in PostgreSQL: `auth.mail` holds at most the newest [`KEEP`] of the last [`KEEP_DAYS`] days.

use std::sync::Arc;

use deadpool_postgres::Transaction;
use serde::Serialize;
use tokio::sync::Notify;

use super::text::Letter;
use crate::{codes::LIFETIME_SECONDS, database::Database, error::HubError};

const KEEP: i64 = 200;
const KEEP_DAYS: i32 = 7;

/// Where mails wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    /// Rung after a commit that wrote a mail.
    bell: Arc<Notify>,
}

/// A mail that `cockpit-hub mail` shows.
#[derive(Debug, Serialize)]
pub(crate) struct Kept {
    pub(crate) id: i64,
    pub(crate) to: String,
    /// GoTrue's type of verification.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) subject: String,
    /// RFC 3339, UTC.
    pub(crate) created_at: String,
    /// `kept`, `sent` or `failed`.
    pub(crate) state: String,
    /// Gone once the mail was sent.
    pub(crate) code: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) body: Option<String>,
}

impl Queue {
    /// Puts a mail into the queue. It is sent after the transaction is committed and [`Queue::ring`] was called, or soon after.
    pub(crate) async fn put(transaction: &Transaction<'_>, letter: &Letter<'_>) -> Result<(), HubError> {
        let insert = "insert into auth.mail (recipient, kind, subject, body, code, link, expires_at) \
                      values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))";
        let (kind, subject, body) = (letter.kind.verify_type(), letter.subject(), letter.body());
        let lifetime = f64::from(LIFETIME_SECONDS);
        transaction
            .execute(insert, &[&letter.to, &kind, &subject, &body, &letter.code, &letter.link, &lifetime])
            .await?;
        // Identities only grow, so that the newest are those with the highest.
        let bound = "delete from auth.mail where id <= (select max(id) from auth.mail) - $1";
        transaction.execute(bound, &[&KEEP]).await?;
        Ok(())
    }

    /// Wakes the task that sends.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }
}

/// The mails to one address or to all, newest first.
pub(crate) async fn list(database: &Database, to: Option<&str>) -> Result<Vec<Kept>, HubError> {
    let connection = database.hub_connection().await?;
    let select = "select id, recipient, kind, subject, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
                    case when sent_at is not null then 'sent' when failed_at is not null then 'failed' else 'kept' end, \
                    code, link, body \
                  from auth.mail where $1::text is null or recipient = $1 order by id desc limit $2";
    let rows = connection.query(select, &[&to, &KEEP]).await?;
    let read = |row: &tokio_postgres::Row| {
        Ok(Kept {
            id: row.try_get(0)?,
            to: row.try_get(1)?,
            kind: row.try_get(2)?,
            subject: row.try_get(3)?,
            created_at: row.try_get(4)?,
            state: row.try_get(5)?,
            code: row.try_get(6)?,
            link: row.try_get(7)?,
            body: row.try_get(8)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Removes what is too old.
pub(crate) async fn tidy(database: &Database) -> Result<(), HubError> {
    let connection = database.hub_connection().await?;
    connection
        .execute("delete from auth.mail where created_at < now() - make_interval(days => $1)", &[&KEEP_DAYS])
        .await?;
    Ok(())
}
