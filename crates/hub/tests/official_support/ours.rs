//! Our own client. All that these tests use of its interface is in this file.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use cockpit_supabase::{
    ChannelSpec, Client, ClientOptions, KeeperOptions, MemoryStorage, Realtime, RealtimeEvent, RealtimeOptions,
    SessionKeeper, TokenSource,
    realtime::{Extension, protocol::ProtocolVersion},
};
use serde_json::Value;
use tokio::sync::mpsc;

use super::PATIENCE;

pub(crate) struct Ours {
    client: Client,
    keeper: SessionKeeper,
    realtime: Realtime,
    events: mpsc::Receiver<RealtimeEvent>,
}

/// A broadcast that was heard.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) topic: String,
    pub(crate) payload: Value,
    pub(crate) id: Option<String>,
}

impl Ours {
    /// Signs in and joins private channels; own broadcasts do not come back, and sending waits for the server's word. On the last
    /// channel it waits until the database is heard.
    pub(crate) async fn join(
        url: &str,
        key: &str,
        version: &str,
        (email, password): (&str, &str),
        topics: &[&str],
    ) -> Self {
        let mut ours = Self::open(url, key, version, (email, password)).await;
        let specs = topics.iter().map(|topic| ChannelSpec::private(*topic).acknowledged().replication_ready());
        ours.realtime.set_channels(specs.collect());
        for _ in topics {
            ours.hears_that_the_database_is_heard().await;
        }
        ours
    }

    /// Signs in and joins a public channel.
    pub(crate) async fn join_public(url: &str, key: &str, account: (&str, &str), topic: &str) -> Self {
        let ours = Self::open(url, key, "2.0.0", account).await;
        ours.realtime.set_channels(vec![ChannelSpec::public(topic).replication_ready()]);
        ours
    }

    /// Waits until a channel is told that broadcasts from the database arrive, which a program takes as a reason to read again.
    pub(crate) async fn hears_that_the_database_is_heard(&mut self) {
        let ready = |event: &RealtimeEvent| {
            matches!(event, RealtimeEvent::Ready { extension: Extension::DatabaseBroadcasts, .. })
        };
        self.event("that the database is heard", |event| ready(&event).then_some(())).await;
    }

    /// Signs in and joins a private channel for presence alone, under `key`.
    pub(crate) async fn join_presence(
        url: &str,
        anon_key: &str,
        version: &str,
        account: (&str, &str),
        topic: &str,
        key: &str,
    ) -> Self {
        let mut ours = Self::open(url, anon_key, version, account).await;
        ours.realtime.set_channels(vec![ChannelSpec::private(topic).presence(key)]);
        ours.event("a join", |event| matches!(event, RealtimeEvent::Joined { .. }).then_some(())).await;
        ours
    }

    async fn open(url: &str, key: &str, version: &str, (email, password): (&str, &str)) -> Self {
        let options = ClientOptions { url: url.parse().unwrap(), anon_key: key.to_owned(), timeout: PATIENCE };
        let client = Client::new(options).unwrap();
        let storage = Arc::new(MemoryStorage::default());
        let keeper = SessionKeeper::new(client.clone(), storage, KeeperOptions::default());
        keeper.sign_in_with_password(email, password).await.unwrap();
        let mut options = RealtimeOptions::new(client.url().clone(), key);
        options.protocol = if version == "1.0.0" { ProtocolVersion::V1 } else { ProtocolVersion::V2 };
        (options.ack_timeout, options.join_timeout) = (PATIENCE, PATIENCE);
        // Reported at once, so that a test need not wait for a leave.
        options.presence_grace = Duration::ZERO;
        let (realtime, events) = Realtime::spawn(options, Arc::new(keeper.clone()));
        Self { client, keeper, realtime, events }
    }

    pub(crate) async fn rpc(&self, name: &str, arguments: &Value) -> Value {
        let token = self.keeper.access_token().await.unwrap();
        self.client.rpc(name, arguments, Some(&token)).await.unwrap()
    }

    pub(crate) async fn broadcast(&self, topic: &str, event: &str, payload: Value) {
        self.realtime.broadcast(topic, event, payload).await.unwrap();
    }

    /// The next broadcast with JSON of this event, whatever else is heard before.
    pub(crate) async fn hears_event(&mut self, wanted: &str) -> Heard {
        let take = |event| match event {
            RealtimeEvent::Broadcast { topic, event, payload, id, .. } if event == wanted => {
                Some(Heard { topic, payload: payload.get().unwrap(), id })
            }
            _ => None,
        };
        self.event(wanted, take).await
    }

    pub(crate) async fn broadcast_bytes(&self, topic: &str, event: &str, payload: &'static [u8]) {
        self.realtime.broadcast(topic, event, Bytes::from_static(payload)).await.unwrap();
    }

    pub(crate) async fn track(&self, topic: &str, payload: Value) {
        self.realtime.track(topic, payload).await.unwrap();
    }

    /// Waits until exactly these keys are present.
    pub(crate) async fn sees(&mut self, topic: &str, keys: &[&str]) {
        let present = |realtime: &Realtime| {
            let mut present: Vec<_> = realtime.presences(topic).iter().map(|(key, _)| key.clone()).collect();
            present.sort_unstable();
            present == keys
        };
        while !present(&self.realtime) {
            let what = format!("that {keys:?} are present");
            self.event(&what, |event| matches!(event, RealtimeEvent::Presence { .. }).then_some(())).await;
        }
    }

    /// The same with bytes.
    pub(crate) async fn hears_bytes(&mut self, wanted: &str) -> Vec<u8> {
        let take = |event| match event {
            RealtimeEvent::BinaryBroadcast { event, payload, .. } if event == wanted => Some(payload.to_vec()),
            _ => None,
        };
        self.event(wanted, take).await
    }

    /// Ends the connection in good order.
    pub(crate) async fn end(self) {
        tokio::time::timeout(Duration::from_secs(10), self.realtime.shutdown()).await.expect("our client ends");
    }

    async fn event<T>(&mut self, what: &str, take: impl Fn(RealtimeEvent) -> Option<T>) -> T {
        let mut others = Vec::new();
        loop {
            let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("our client did not hear {what} for a minute, but {others:?}"));
            let event =
                event.unwrap_or_else(|| panic!("our client ended while it waited for {what}; heard: {others:?}"));
            others.push(format!("{event:?}"));
            if let Some(taken) = take(event) {
                return taken;
            }
        }
    }
}
