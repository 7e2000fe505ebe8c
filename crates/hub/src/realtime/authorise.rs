//! What a caller may do on a private topic, as PostgreSQL's own policies on `realtime.messages` say.
//!
//! As the real server does it: in a transaction that is always rolled back, one message per extension is inserted with the hub's
//! rights; then, under the caller's role, claims and `realtime.topic`, those that can be selected may be read and those that can
//! be inserted may be written.

use deadpool_postgres::Transaction;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::{
    HubError,
    database::{Caller, Database},
};

/// A caller's rights on one topic, remembered until the next token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) read_broadcasts: bool,
    pub(super) write_broadcasts: bool,
    pub(super) read_presence: bool,
    /// Asked when a presence is first tracked.
    pub(super) write_presence: Option<bool>,
}

/// What a row of `realtime.messages` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    Broadcast,
    Presence,
}

impl Extension {
    fn as_str(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::Presence => "presence",
        }
    }
}

impl Rights {
    /// Public channels are open to every key.
    pub(super) const PUBLIC: Self =
        Self { read_broadcasts: true, write_broadcasts: true, read_presence: true, write_presence: Some(true) };

    /// Whether a join is granted.
    pub(super) fn may_join(self) -> bool {
        self.read_broadcasts || self.read_presence
    }
}

/// Asks the policies. `topic` has no `realtime:` prefix. The right to read presence is asked for only when a join wants it: else it
/// is none, as with the real server.
pub(super) async fn rights(
    database: &Database,
    caller: &Caller,
    topic: &str,
    presence: bool,
) -> Result<Rights, HubError> {
    let mut connection = database.hub_connection().await?;
    let mut transaction = connection.transaction().await?;
    let probes = transaction
        .query(
            "insert into realtime.messages (topic, extension, private) values ($1, 'broadcast', true), ($1, 'presence', true) \
             returning id",
            &[&topic],
        )
        .await?;
    let probes: Vec<Uuid> = probes.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    become_caller(&transaction, caller, topic).await?;
    let readable = readable(&mut transaction, &probes).await?;
    let rights = Rights {
        read_broadcasts: readable.iter().any(|extension| extension == "broadcast"),
        read_presence: presence && readable.iter().any(|extension| extension == "presence"),
        write_broadcasts: insertable(&mut transaction, topic, Extension::Broadcast).await?,
        write_presence: None,
    };
    transaction.rollback().await?;
    Ok(rights)
}

/// Whether the caller may write messages of this kind on a topic.
pub(super) async fn may_write(
    database: &Database,
    caller: &Caller,
    topic: &str,
    extension: Extension,
) -> Result<bool, HubError> {
    let mut connection = database.hub_connection().await?;
    let mut transaction = connection.transaction().await?;
    become_caller(&transaction, caller, topic).await?;
    let allowed = insertable(&mut transaction, topic, extension).await?;
    transaction.rollback().await?;
    Ok(allowed)
}

/// Takes on the caller's role, claims and topic for the rest of the transaction.
pub(super) async fn become_caller(
    transaction: &Transaction<'_>,
    caller: &Caller,
    topic: &str,
) -> Result<(), tokio_postgres::Error> {
    let identify = "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true), \
                    set_config('realtime.topic', $3, true), set_config('statement_timeout', '3s', true)";
    transaction.query_one(identify, &[&caller.role.as_str(), &caller.claims.as_str(), &topic]).await?;
    Ok(())
}

async fn readable(transaction: &mut Transaction<'_>, probes: &[Uuid]) -> Result<Vec<String>, HubError> {
    let savepoint = transaction.transaction().await?;
    let rows = savepoint.query("select extension from realtime.messages where id = any($1)", &[&probes]).await;
    match refused(rows)? {
        Some(rows) => Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?),
        None => {
            savepoint.rollback().await?;
            Ok(Vec::new())
        }
    }
}

async fn insertable(transaction: &mut Transaction<'_>, topic: &str, extension: Extension) -> Result<bool, HubError> {
    let savepoint = transaction.transaction().await?;
    let insert = "insert into realtime.messages (topic, extension, private) values ($1, $2, true)";
    let inserted = savepoint.execute(insert, &[&topic, &extension.as_str()]).await;
    let allowed = refused(inserted)?.is_some();
    savepoint.rollback().await?;
    Ok(allowed)
}

/// A policy that refuses, or that fails on this topic, grants nothing. What says that PostgreSQL itself is in trouble is a failure to
/// ask.
pub(super) fn refused<T>(result: Result<T, tokio_postgres::Error>) -> Result<Option<T>, HubError> {
    let error = match result {
        Ok(value) => return Ok(Some(value)),
        Err(error) => error,
    };
    match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Ok(None),
        // Connection, resources, an operator's act, the system, and inner errors.
        Some(state) if !["08", "53", "57", "58", "XX"].iter().any(|class| state.code().starts_with(class)) => {
            tracing::warn!(code = state.code(), "a policy on realtime.messages failed and was taken as a refusal");
            Ok(None)
        }
        _ => Err(error.into()),
    }
}
