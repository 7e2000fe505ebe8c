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
            None if relation.name == "messages" => {
                tracing::error!("realtime.messages has not the columns of a message")
            }
            // PostgreSQL describes the partition, too, right after the table as which its rows are published.
            None => {}
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

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Arc, Mutex},
    };

    use bytes::Bytes;

    use super::*;

    const RELATION: &[u8] =
        b"R\0\0\0\x01realtime\0messages\0d\0\x05\0private\0\0\0\0\0\0\0\0\0\0topic\0\0\0\0\0\0\0\0\0\
        \0id\0\0\0\0\0\0\0\0\0\0payload\0\0\0\0\0\0\0\0\0\0event\0\0\0\0\0\0\0\0\0";
    const OTHER_TABLE: &[u8] = b"R\0\0\0\x02public\0messages\0d\0\0";

    fn insert(relation: u8, values: [&str; 5]) -> Event {
        let mut message = vec![b'I', 0, 0, 0, relation, b'N', 0, 5];
        for value in values {
            message.push(b't');
            message.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
            message.extend(value.as_bytes());
        }
        Event::Change(message.into())
    }

    fn message(relation: u8, event: &str) -> Event {
        insert(relation, ["f", "room", "fa2943ad-a676-43ca-b544-cc2ff458001f", r#"{"n": 1.50}"#, event])
    }

    fn change(bytes: &'static [u8]) -> Event {
        Event::Change(Bytes::from_static(bytes))
    }

    /// Answers what it was given, then waits for ever, and notes what was asked of it.
    struct Script {
        events: VecDeque<Event>,
        notes: Notes,
    }

    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl Notes {
        fn add(&self, note: impl Into<String>) {
            self.0.lock().unwrap().push(note.into());
        }
    }

    impl Transport for Script {
        async fn next(&mut self) -> Result<Event, ReplicationError> {
            match self.events.pop_front() {
                Some(event) => Ok(event),
                None => std::future::pending().await,
            }
        }

        fn confirm(&self, position: u64) {
            self.notes.add(format!("confirmed {position}"));
        }

        async fn end(self) {
            self.notes.add("ended");
        }
    }

    impl Receiver for Notes {
        fn live(&self, live: bool) {
            self.add(if live { "live" } else { "not live" });
        }

        async fn deliver(&self, message: Message<'_>) {
            self.add(format!("{} {} {} {}", message.topic, message.event, message.payload.get(), message.private));
        }
    }

    /// Runs the events, stops after them, and answers what happened.
    async fn run(events: impl IntoIterator<Item = Event>) -> (Option<ReplicationError>, Vec<String>) {
        let notes = Notes::default();
        let script = Script { events: events.into_iter().collect(), notes: notes.clone() };
        let stopping = CancellationToken::new();
        let session = session(script, &notes, &stopping);
        tokio::pin!(session);
        // Everything scripted is ready at once; what is not over then waits to be stopped.
        let ended = match futures_util::FutureExt::now_or_never(&mut session) {
            Some(ended) => ended,
            None => {
                stopping.cancel();
                session.await
            }
        };
        let notes = notes.0.lock().unwrap().clone();
        (ended, notes)
    }

    #[tokio::test]
    async fn columns_are_found_by_name_and_positions_confirmed() {
        let events = [change(RELATION), message(1, "one"), Event::Position(7), message(1, "two"), Event::Position(9)];
        let (ended, notes) = run(events).await;
        assert!(ended.is_none(), "it was stopped");
        let (one, two) = (r#"room one {"n": 1.50} false"#, r#"room two {"n": 1.50} false"#);
        assert_eq!(notes, ["live", one, "confirmed 7", two, "confirmed 9", "not live", "ended"]);
    }

    #[tokio::test]
    async fn rows_of_other_tables_and_rows_that_are_no_messages_are_left_out() {
        let bad = |id: &str, payload: &str| insert(1, ["f", "room", id, payload, "bad"]);
        let events = [
            message(1, "of a table not yet described"),
            change(RELATION),
            change(OTHER_TABLE),
            message(2, "of another table"),
            bad("no id", "{}"),
            bad("fa2943ad-a676-43ca-b544-cc2ff458001f", "{no json"),
            change(b"D an old row"),
            message(1, "good"),
        ];
        let (_, notes) = run(events).await;
        assert_eq!(notes, ["live", r#"room good {"n": 1.50} false"#, "not live", "ended"]);
    }

    #[tokio::test]
    async fn what_cannot_be_read_ends_the_session_in_good_order() {
        let (ended, notes) = run([change(RELATION), change(b"I\0\0"), message(1, "after")]).await;
        assert!(matches!(ended, Some(ReplicationError::Malformed(_))), "{ended:?}");
        assert_eq!(notes, ["live", "not live", "ended"]);
    }
}
