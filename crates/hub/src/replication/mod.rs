//! Broadcasts from the database by logical replication: PostgreSQL decodes its own log, and each new row of `realtime.messages` is
//! handed on after its commit, in the order of the commits.
//!
//! Invariants:
//! - **At most once.** The slot is temporary: it ends with its connection, so PostgreSQL keeps nothing for a hub that is away, and what is
//!   sent while the connection is down never arrives. Whoever listens is told when it is back, and reads again.
//! - **Bounded.** At most 64 events wait here; while the receiver is busy nothing is read, and PostgreSQL keeps the rest on its disk.
//! - **The log does not grow.** What was received is confirmed within a second, also when it was nothing of ours.
//!
//! It does not know who listens, nor what a socket is: see [`Receiver`].

mod message;
mod pgoutput;
mod pgwire;
mod transport;

use std::time::{Duration, Instant};

use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;

use message::Columns;
pub(crate) use message::Message;
use pgoutput::Change;
use pgwire::PgWire;
use transport::{Event, ReplicationError, Transport};

use crate::HubError;

const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MOST: Duration = Duration::from_secs(5);

/// Who takes the messages.
pub(crate) trait Receiver: Send + Sync {
    /// Whether commits are heard of from now on.
    fn live(&self, live: bool);

    /// Takes one message. While this waits nothing further is read.
    fn deliver(&self, message: Message<'_>) -> impl Future<Output = ()> + Send;
}

/// Reads until the hub stops, and begins again after every loss of the connection.
pub(crate) async fn replicate(
    receiver: impl Receiver,
    config: Config,
    stopping: CancellationToken,
) -> Result<(), HubError> {
    let mut wait = RETRY_FIRST;
    loop {
        let begun = Instant::now();
        let connected = tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            connected = PgWire::connect(&config) => connected,
        };
        let error = match connected {
            Ok(stream) => match session(stream, &receiver, &stopping).await {
                Some(error) => error,
                None => return Ok(()),
            },
            Err(error) => error,
        };
        // A connection that lived for a while has shown that there is nothing wrong with trying at once.
        if begun.elapsed() > RETRY_MOST {
            wait = RETRY_FIRST;
        }
        tracing::warn!(%error, "broadcasts from the database do not arrive; connecting again");
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_MOST),
        }
    }
}

/// Reads one stream to its end; answers nothing when the hub stops.
async fn session(
    mut stream: impl Transport,
    receiver: &impl Receiver,
    stopping: &CancellationToken,
) -> Option<ReplicationError> {
    tracing::debug!("broadcasts from the database arrive");
    receiver.live(true);
    let ended = tokio::select! {
        () = stopping.cancelled() => None,
        error = read(&mut stream, receiver) => Some(error),
    };
    receiver.live(false);
    // PostgreSQL would otherwise wait for this connection when it is stopped.
    stream.end().await;
    ended
}

async fn read(stream: &mut impl Transport, receiver: &impl Receiver) -> ReplicationError {
    let mut columns = None;
    loop {
        let handled = match stream.next().await {
            Ok(Event::Change(data)) => take(&data, &mut columns, receiver).await,
            Ok(Event::Position(position)) => {
                stream.confirm(position);
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = handled {
            return error;
        }
    }
}

async fn take(data: &[u8], columns: &mut Option<Columns>, receiver: &impl Receiver) -> Result<(), ReplicationError> {
    match pgoutput::parse(data)? {
        Change::Relation(relation) => match Columns::of(&relation) {
            Some(found) => *columns = Some(found),
            None => tracing::error!(table = relation.name, "this table is published, but holds no messages"),
        },
        Change::Insert { relation, row } => {
            // Without a description of its table a row is of another table.
            let Some(columns) = columns.filter(|columns| columns.relation == relation) else { return Ok(()) };
            match columns.message(&row) {
                Some(message) => receiver.deliver(message).await,
                None => tracing::error!("a row of realtime.messages is no message and is left out"),
            }
        }
        Change::Other => {}
    }
    Ok(())
}
