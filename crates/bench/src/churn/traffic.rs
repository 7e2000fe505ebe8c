//! Everybody talks all the time, faults or not; what is said is numbered.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use cockpit_supabase::RealtimeEvent;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_postgres::NoTls;

use super::ledger::{Lane, Ledger};
use super::stage::database;
use crate::client::line::{Heard, Line, heard};

/// Between two messages of a lane.
const PAUSE: Duration = Duration::from_millis(40);

/// How one of the two is.
#[derive(Debug, Default)]
pub(super) struct Health {
    // A plain mutex: held for a few assignments and never over an await.
    inner: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    joined: HashSet<String>,
    disturbances: u64,
    reasons: BTreeMap<String, u64>,
}

impl Health {
    /// How many channels are live.
    pub(super) fn joined(&self) -> usize {
        self.lock().joined.len()
    }

    /// How often the socket or a channel was lost.
    pub(super) fn disturbances(&self) -> u64 {
        self.lock().disturbances
    }

    /// What was said about it, and how often.
    pub(super) fn reasons(&self) -> BTreeMap<String, u64> {
        self.lock().reasons.clone()
    }

    fn lost(&self, topic: Option<&str>, reason: &str) {
        let mut state = self.lock();
        state.disturbances += 1;
        match topic {
            Some(topic) => drop(state.joined.remove(topic)),
            None => state.joined.clear(),
        }
        let reason: String = reason.chars().take(90).collect();
        *state.reasons.entry(reason).or_default() += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what comes on a line until it ends; of the messages those on its own lanes, for both hear the database.
pub(super) async fn listen(
    lanes: &'static [Lane],
    mut events: mpsc::Receiver<RealtimeEvent>,
    health: Arc<Health>,
    ledger: Arc<Ledger>,
    refused: Arc<AtomicU64>,
) {
    while let Some(event) = events.recv().await {
        match heard(event) {
            Some(Heard::Joined { topic }) => drop(health.lock().joined.insert(topic)),
            Some(Heard::Down { reason }) => {
                if reason.contains("refused") {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                health.lost(None, &reason);
            }
            Some(Heard::Lost { topic, reason }) => health.lost(Some(&topic), &reason),
            Some(Heard::Message { payload }) => {
                let number = |name: &str| payload.get(name).and_then(Value::as_u64);
                if let (Some(lane), Some(number)) = (number("lane").and_then(Lane::of), number("n"))
                    && lanes.contains(&lane)
                {
                    ledger.received(lane, number);
                }
            }
            None => {}
        }
    }
}

/// Sends on a lane, one message after the other, until it is aborted.
pub(super) async fn speak(line: Line, lane: Lane, topic: String, ledger: Arc<Ledger>) {
    loop {
        let (number, owed) = ledger.next(lane);
        match line.send(&topic, json!({"lane": lane.number(), "n": number})).await {
            Ok(()) => ledger.accepted(lane, number, owed),
            Err(error) => ledger.failed(lane, number, owed, &format!("{error:#}")),
        }
        sleep(PAUSE).await;
    }
}

/// The same from the database, with a connection that is made anew whenever it is lost.
pub(super) async fn speak_from_database(data: PathBuf, topic: String, ledger: Arc<Ledger>) {
    loop {
        // A message that was not accepted is in the ledger; a connection that cannot be made sends nothing.
        speak_over_one_connection(&data, &topic, &ledger).await.err();
        sleep(Duration::from_millis(100)).await;
    }
}

async fn speak_over_one_connection(data: &std::path::Path, topic: &str, ledger: &Ledger) -> Result<()> {
    let (client, connection) = database(data)?.connect(NoTls).await?;
    // Ends with the client.
    let connection = tokio::spawn(connection);
    let _end = Abort(connection.abort_handle());
    loop {
        let (number, owed) = ledger.next(Lane::Database);
        let payload = json!({"lane": Lane::Database.number(), "n": number}).to_string();
        let sql = "select realtime.send($1::text::jsonb, 'churn', $2, true)";
        match client.execute(sql, &[&payload, &topic]).await {
            Ok(_) => ledger.accepted(Lane::Database, number, owed),
            Err(error) => {
                ledger.failed(Lane::Database, number, owed, &error.to_string());
                return Err(error.into());
            }
        }
        sleep(PAUSE).await;
    }
}

/// Ends a task when this one is dropped.
struct Abort(tokio::task::AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}
