//! Messages of the past for a channel that joins: the newest few of its topic, as far as the caller's own policies show them.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::authorise::{become_caller, refused};
use crate::{
    HubError,
    database::{Caller, Database},
};

/// A message that is sent again.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) id: Uuid,
    pub(super) event: String,
    pub(super) payload: Box<RawValue>,
}

/// The newest `limit` broadcasts on a private topic since `since` (milliseconds of Unix time), the oldest first.
pub(super) async fn replay(
    database: &Database,
    caller: &Caller,
    topic: &str,
    since: i64,
    limit: i64,
) -> Result<Vec<Replayed>, HubError> {
    let mut connection = database.hub_connection().await?;
    let transaction = connection.build_transaction().read_only(true).start().await?;
    become_caller(&transaction, caller, topic).await?;
    // Beyond the year 10,000 there is nothing, and PostgreSQL's own limit is not far.
    let since = std::time::Duration::from_millis(u64::try_from(since).unwrap_or(0).min(253_402_300_800_000));
    let select = "select id, coalesce(event, ''), coalesce(payload, 'null')::text from realtime.messages \
                  where topic = $1 and private and extension = 'broadcast' \
                  and inserted_at >= timestamp 'epoch' + $2::float8 * interval '1 second' \
                  order by inserted_at desc limit $3";
    let rows = transaction.query(select, &[&topic, &since.as_secs_f64(), &limit]).await;
    let Some(rows) = refused(rows)? else { return Ok(Vec::new()) };
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows.iter().rev() {
        // PostgreSQL writes no JSON that cannot be read.
        let payload = RawValue::from_string(row.try_get(2)?).map_err(|error| HubError::Database(error.to_string()))?;
        messages.push(Replayed { id: row.try_get(0)?, event: row.try_get(1)?, payload });
    }
    transaction.rollback().await?;
    Ok(messages)
}
