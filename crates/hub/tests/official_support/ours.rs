//! Our own client. All that these tests use of its interface is in this file.

use std::{sync::Arc, time::Duration};

use cockpit_supabase::{
    ChannelSpec, Client, ClientOptions, KeeperOptions, MemoryStorage, Realtime, RealtimeEvent, RealtimeOptions,
    SessionKeeper, TokenSource,
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
    /// Signs in and joins private channels; own broadcasts do not come back, and sending waits for the server's word.
    pub(crate) async fn join(url: &str, key: &str, email: &str, password: &str, topics: &[&str]) -> Self {
        let options = ClientOptions { url: url.parse().unwrap(), anon_key: key.to_owned(), timeout: PATIENCE };
        let client = Client::new(options).unwrap();
        let storage = Arc::new(MemoryStorage::default());
        let keeper = SessionKeeper::new(client.clone(), storage, KeeperOptions::default());
        keeper.sign_in_with_password(email, password).await.unwrap();
        let mut options = RealtimeOptions::new(client.url().clone(), key);
        options.ack_timeout = PATIENCE;
        options.join_timeout = PATIENCE;
        let (realtime, events) = Realtime::spawn(options, Arc::new(keeper.clone()));
        let spec = |topic: &&str| ChannelSpec {
            topic: (*topic).to_owned(),
            private: true,
            broadcast_self: false,
            broadcast_ack: true,
        };
        realtime.set_channels(topics.iter().map(spec).collect());
        let mut ours = Self { client, keeper, realtime, events };
        for _ in topics {
            ours.event("a join", |event| matches!(event, RealtimeEvent::Joined { .. }).then_some(())).await;
        }
        ours
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
            RealtimeEvent::Broadcast { topic, event, payload, id } if event == wanted => {
                Some(Heard { topic, payload, id })
            }
            _ => None,
        };
        self.event(wanted, take).await
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
