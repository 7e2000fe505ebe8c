//! The task that hands waiting mails to the mail server, one after the other, and tries again later when it fails.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    queue::Queue,
    smtp::{Failure, SmtpServer},
};
use crate::{database::Database, error::HubError};

/// How often the queue is looked at without having been rung for: another program may have written to it, and tries come due.
const LOOK: Duration = Duration::from_secs(2);
/// The first wait after a failure; it doubles up to the longest.
const FIRST_WAIT_SECONDS: f64 = 1.0;
const LONGEST_WAIT_SECONDS: f64 = 300.0;

/// Sends until the hub stops. Without a mail server mails only wait to be read.
pub(crate) async fn run(
    database: Database,
    queue: Queue,
    server: Option<SmtpServer>,
    stopping: CancellationToken,
) -> Result<(), HubError> {
    let Some(server) = server else {
        stopping.cancelled().await;
        return Ok(());
    };
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => return Ok(()),
            () = queue.rung() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        // A mail that is being sent while the hub stops is cut off, and sent again at the next start.
        let sent = tokio::select! {
            biased;
            () = stopping.cancelled() => return Ok(()),
            sent = send_due(&database, &server) => sent,
        };
        if let Err(error) = sent {
            tracing::warn!(%error, "the waiting mails could not be read");
        }
    }
}

struct Waiting {
    id: i64,
    to: String,
    kind: String,
    subject: String,
    body: String,
    attempts: i32,
}

async fn send_due(database: &Database, server: &SmtpServer) -> Result<(), HubError> {
    give_up_stale(database).await?;
    while let Some(mail) = next_due(database).await? {
        let sent = server.send(&mail.to, &mail.subject, mail.body.clone()).await;
        let connection = database.hub_connection().await?;
        match sent {
            Ok(()) => {
                let done = "update auth.mail set sent_at = now(), body = null, code = null, link = null where id = $1";
                connection.execute(done, &[&mail.id]).await?;
                tracing::info!(mail = mail.id, kind = mail.kind, "a mail was sent");
            }
            Err(Failure { permanent: true, reason }) => {
                let failed =
                    "update auth.mail set failed_at = now(), body = null, code = null, link = null where id = $1";
                connection.execute(failed, &[&mail.id]).await?;
                tracing::warn!(mail = mail.id, kind = mail.kind, reason, "a mail was refused and is not sent again");
            }
            Err(Failure { permanent: false, reason }) => {
                let exponent = f64::from(mail.attempts.min(20));
                let wait = (FIRST_WAIT_SECONDS * exponent.exp2()).min(LONGEST_WAIT_SECONDS);
                let later = "update auth.mail set attempts = attempts + 1, \
                             next_attempt_at = now() + make_interval(secs => $2) where id = $1";
                connection.execute(later, &[&mail.id, &wait]).await?;
                tracing::warn!(
                    mail = mail.id,
                    kind = mail.kind,
                    reason,
                    wait,
                    "a mail could not be sent; it is tried again"
                );
            }
        }
    }
    Ok(())
}

async fn next_due(database: &Database) -> Result<Option<Waiting>, HubError> {
    let connection = database.hub_connection().await?;
    let select = "select id, recipient, kind, subject, body, attempts from auth.mail \
                  where sent_at is null and failed_at is null and next_attempt_at <= now() and expires_at > now() \
                    and body is not null \
                  order by next_attempt_at, id limit 1";
    let Some(row) = connection.query_opt(select, &[]).await? else { return Ok(None) };
    Ok(Some(Waiting {
        id: row.try_get(0)?,
        to: row.try_get(1)?,
        kind: row.try_get(2)?,
        subject: row.try_get(3)?,
        body: row.try_get(4)?,
        attempts: row.try_get(5)?,
    }))
}

/// What a mail holds is worth nothing after its time.
async fn give_up_stale(database: &Database) -> Result<(), HubError> {
    let connection = database.hub_connection().await?;
    let sql = "update auth.mail set failed_at = now(), body = null, code = null, link = null \
               where sent_at is null and failed_at is null and expires_at <= now() returning id";
    for row in connection.query(sql, &[]).await? {
        let mail: i64 = row.try_get(0)?;
        tracing::warn!(mail, "a mail could not be sent before what it holds had run out");
    }
    Ok(())
}
