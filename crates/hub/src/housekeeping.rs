//! What sign-in leaves behind and nobody needs any more: full buckets, codes and flows that have run out, old mails.

use std::time::Duration;

use crate::{app::App, database::Database, error::HubError, mail};

const EVERY: Duration = Duration::from_secs(300);

/// Sweeps until the hub stops.
pub(crate) async fn run(app: App) -> Result<(), HubError> {
    loop {
        if let Err(error) = sweep(&app.database).await {
            tracing::warn!(%error, "what sign-in left behind could not be swept away");
        }
        tokio::select! {
            () = app.stopping.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn sweep(database: &Database) -> Result<(), HubError> {
    let connection = database.hub_connection().await?;
    connection
        .batch_execute(
            "delete from auth.rate_limit where full_at < clock_timestamp();
             delete from auth.one_time_tokens where expires_at < now() - interval '1 day';
             delete from auth.flow_state where created_at < now() - interval '1 day';",
        )
        .await?;
    drop(connection);
    mail::tidy(database).await
}
