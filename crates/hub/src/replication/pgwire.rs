//! The transport over the library pgwire-replication: a connection of its own with a temporary slot.

use std::time::Duration;

use pgwire_replication::{Lsn, ReplicationClient, ReplicationConfig, ReplicationEvent};
use tokio_postgres::{Config, config::Host};

use super::transport::{Event, ReplicationError, Transport};

pub(super) use pgwire_replication::PgWireError as Error;

/// What the platform's SQL publishes: new rows of `realtime.messages`. The name is the real server's.
const PUBLICATION: &str = "supabase_realtime_messages_publication";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A slot begins when every transaction that was open has ended; longer than this is worth a word in the log.
const SLOT_WAIT: Duration = Duration::from_secs(5);
/// How soon PostgreSQL is told what it may throw away. Nothing is sent while nothing is written.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// So often at least it is told that we live; it gives us up after 60 s (`wal_sender_timeout`).
const ALIVE_EVERY: Duration = Duration::from_secs(10);
/// Events that wait for their reader. When they are this many, nothing more is read and PostgreSQL keeps the rest on its disk.
const EVENTS: usize = 64;
/// Five times the largest payload that is delivered. A larger row ends the connection; the next one begins behind it.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A stream that is open. Dropping it closes the connection, and with that its slot is gone.
pub(super) struct PgWire {
    client: ReplicationClient,
}

impl PgWire {
    /// Connects, makes a temporary slot and starts to read from it: from here on every commit is heard of.
    pub(super) async fn connect(config: &Config) -> Result<Self, ReplicationError> {
        // A name of its own each time: the slot of a connection that was cut lives until the server has noticed.
        let slot = format!("cockpit_broadcasts_{:016x}", rand::random::<u64>());
        let create = format!("CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'nothing')");
        let client = ReplicationClient::connect_gated(replication_config(config, slot)?).await?;
        let mut stream = Self { client };
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, stream.client.identify_system()).await;
        connected.map_err(|_| ReplicationError::Timeout)??;
        {
            let created = stream.client.simple_query(&create);
            tokio::pin!(created);
            match tokio::time::timeout(SLOT_WAIT, &mut created).await {
                Ok(created) => created?,
                Err(_) => {
                    tracing::warn!("broadcasts from the database wait until transactions that are open have ended");
                    created.await?
                }
            };
        }
        stream.client.start().await?;
        let started = tokio::time::timeout(CONNECT_TIMEOUT, stream.client.wait_started()).await;
        started.map_err(|_| ReplicationError::Timeout)??;
        Ok(stream)
    }
}

impl Transport for PgWire {
    async fn next(&mut self) -> Result<Event, ReplicationError> {
        loop {
            match self.client.recv().await?.ok_or(ReplicationError::Ended)? {
                ReplicationEvent::XLogData { data, .. } => return Ok(Event::Change(data)),
                ReplicationEvent::Commit { end_lsn, .. } => return Ok(Event::Position(end_lsn.as_u64())),
                ReplicationEvent::KeepAlive { wal_end, .. } => return Ok(Event::Position(wal_end.as_u64())),
                // A transaction's begin says nothing that is needed; other programs' messages and stops are not for us.
                ReplicationEvent::Begin { .. }
                | ReplicationEvent::Message { .. }
                | ReplicationEvent::StoppedAt { .. } => {}
            }
        }
    }

    fn confirm(&self, position: u64) {
        self.client.update_applied_lsn(Lsn::from_u64(position));
    }

    async fn end(mut self) {
        match tokio::time::timeout(END_TIMEOUT, self.client.shutdown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the replication connection ended badly"),
            Err(_) => tracing::warn!("the replication connection did not end in time and is cut"),
        }
    }
}

impl Drop for PgWire {
    fn drop(&mut self) {
        // The library would leave its task to itself, and while a slot is being made it hears no request to stop.
        self.client.abort();
    }
}

fn replication_config(config: &Config, slot: String) -> Result<ReplicationConfig, ReplicationError> {
    let missing = ReplicationError::Configuration;
    let host = match config.get_hosts().first().ok_or(missing("host"))? {
        Host::Tcp(name) => name.clone(),
        // A path that is no text would not have come through the server's settings either.
        Host::Unix(folder) => folder.to_str().ok_or(missing("readable socket folder"))?.to_owned(),
    };
    let password = config.get_password().ok_or(missing("password"))?;
    let mut replication = ReplicationConfig::new(
        host,
        config.get_user().ok_or(missing("user"))?,
        String::from_utf8_lossy(password),
        config.get_dbname().ok_or(missing("database"))?,
        slot,
        PUBLICATION,
    );
    replication.port = config.get_ports().first().copied().ok_or(missing("port"))?;
    replication.status_interval = STATUS_EVERY;
    replication.idle_wakeup_interval = ALIVE_EVERY;
    replication.buffer_events = EVENTS;
    replication.max_message_size = MAX_MESSAGE;
    replication.application_name = Some("cockpit-hub broadcasts".to_owned());
    Ok(replication)
}
