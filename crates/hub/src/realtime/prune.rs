//! Old broadcasts are removed.

use std::time::Duration;

use crate::{HubError, app::App};

const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// `realtime.prune` removes at most so many at once.
const PRUNE_SLICE: i64 = 10_000;

/// Removes messages that are older than three days, at the start and then every hour.
pub(crate) async fn prune(app: App) -> Result<(), HubError> {
    loop {
        match prune_once(&app).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "old broadcasts removed"),
            Err(error) => tracing::warn!(%error, "old broadcasts could not be removed"),
        }
        tokio::select! {
            () = app.stopping.cancelled() => return Ok(()),
            () = tokio::time::sleep(PRUNE_EVERY) => {}
        }
    }
}

async fn prune_once(app: &App) -> Result<i64, HubError> {
    let connection = app.database.hub_connection().await?;
    let mut removed = 0;
    loop {
        let slice: i64 = connection.query_one("select realtime.prune()", &[]).await?.try_get(0)?;
        removed += slice;
        if slice < PRUNE_SLICE {
            return Ok(removed);
        }
    }
}
