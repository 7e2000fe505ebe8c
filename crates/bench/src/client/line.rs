//! One signed-in person's realtime connection, as the churn needs it: with [`ours`](super::ours) all that the benchmarks know of our client's
//! interface.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use cockpit_supabase::{
    ChannelSpec, Client, ClientOptions, KeeperOptions, MemoryStorage, Realtime, RealtimeEvent, RealtimeOptions,
    SessionKeeper, TokenSource,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// What is heard on the line.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A channel is live.
    Joined { topic: String },
    /// The socket is gone, or another attempt failed.
    Down { reason: String },
    /// A channel was refused or ended.
    Lost { topic: String, reason: String },
    /// A broadcast.
    Message { payload: Value },
}

/// A session and its socket.
#[derive(Clone)]
pub(crate) struct Line {
    client: Client,
    keeper: SessionKeeper,
    realtime: Realtime,
}

/// The times of the churn: a tenth of the usual ones, so that ten minutes hold many faults.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);

impl Line {
    /// Signs in and begins to connect. Nothing is wanted yet.
    pub(crate) async fn open(
        url: &str,
        key: &str,
        email: &str,
        password: &str,
    ) -> Result<(Self, mpsc::Receiver<RealtimeEvent>)> {
        let timeout = Duration::from_secs(5);
        let client = Client::new(ClientOptions { timeout, ..ClientOptions::new(url.parse()?, key) })?;
        let options = KeeperOptions { margin: Duration::from_secs(6), retry_after: Duration::from_secs(1) };
        let keeper = SessionKeeper::new(client.clone(), Arc::new(MemoryStorage::default()), options);
        keeper.sign_in_with_password(email, password).await.with_context(|| format!("{email} cannot sign in"))?;
        let options = RealtimeOptions {
            heartbeat: HEARTBEAT,
            connect_timeout: Duration::from_secs(3),
            join_timeout: Duration::from_secs(7),
            ack_timeout: Duration::from_secs(2),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(3),
            stable_after: Duration::from_secs(3),
            refused_pause: Duration::from_secs(1),
            join_spread: Duration::from_millis(200),
            ..RealtimeOptions::new(url.parse()?, key)
        };
        let (realtime, events) = Realtime::spawn(options, Arc::new(keeper.clone()));
        Ok((Self { client, keeper, realtime }, events))
    }

    /// Says which channels are wanted: topic, and whether it is private.
    pub(crate) fn want(&self, channels: &[(&str, bool)]) {
        let channel = |(topic, private): &(&str, bool)| match private {
            true => ChannelSpec::private(*topic).acknowledged().replication_ready(),
            false => ChannelSpec::public(*topic).acknowledged(),
        };
        self.realtime.set_channels(channels.iter().map(channel).collect());
    }

    /// Sends a broadcast and waits for the server's word.
    pub(crate) async fn send(&self, topic: &str, payload: Value) -> Result<()> {
        Ok(self.realtime.broadcast(topic, "churn", payload).await?)
    }

    /// Calls a function of the database.
    pub(crate) async fn call(&self, function: &str) -> Result<Value> {
        let token = self.keeper.access_token().await?;
        Ok(self.client.rpc(function, &json!({}), Some(&token)).await?)
    }

    /// Closes the socket; the session stays at the server.
    pub(crate) async fn close(&self) {
        self.realtime.shutdown().await;
    }

    /// The token that is good now, to see that it is replaced.
    pub(crate) async fn token(&self) -> Result<String> {
        Ok(self.keeper.access_token().await?)
    }
}

/// What an event means to the churn; nothing for what it does not look at.
pub(crate) fn heard(event: RealtimeEvent) -> Option<Heard> {
    Some(match event {
        RealtimeEvent::Joined { topic } => Heard::Joined { topic },
        RealtimeEvent::Disconnected { reason, .. } => Heard::Down { reason: reason.to_string() },
        RealtimeEvent::Refused { topic, reason } => Heard::Lost { topic, reason: format!("join refused: {reason:?}") },
        RealtimeEvent::ChannelClosed { topic, reason } => {
            Heard::Lost { topic, reason: format!("channel closed: {reason}") }
        }
        RealtimeEvent::Broadcast { payload, .. } => Heard::Message { payload: payload.get().ok()? },
        _ => return None,
    })
}
