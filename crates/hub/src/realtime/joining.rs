//! How a channel comes to a socket.

use std::{
    ops::ControlFlow,
    sync::{Arc, atomic::AtomicBool},
};

use axum::extract::ws::close_code;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    broadcast::replayed,
    channel::{Channel, PresenceCalls},
    config::{BadJoin, Join, MAX_JOIN},
    frame::Incoming,
    join::{Grant, Refusal, decide},
    reply::Addressed,
    room::{Cut, Member},
    socket::{Ending, Socket, end, pause},
    topics::RoomName,
};

/// Said to those who ask for changes of tables. It begins as the real server's own refusals of a subscription do.
pub(super) const NO_TABLE_CHANGES: &str = "Unable to subscribe to changes with given parameters. This hub does not send changes of \
                                           tables: listen to broadcasts from the database instead";

/// The real server's words for channels that asked with `replication_ready`.
const LISTENING: &str = "Replication connection established";

impl Socket {
    pub(super) async fn join(&mut self, incoming: Incoming) -> ControlFlow<Ending> {
        let topic = incoming.topic.as_str();
        let name = topic.strip_prefix("realtime:").unwrap_or_default();
        let decided = match Join::parse(&incoming.payload, name) {
            _ if name.is_empty() => Err(Refusal::NoName),
            _ if incoming.size() > MAX_JOIN => Err(Refusal::Malformed(BadJoin::TooLong)),
            Err(error) => Err(Refusal::Malformed(error)),
            Ok(join) => {
                let token = join.token.clone().unwrap_or_else(|| self.key.clone());
                let others = self.channels.len() - usize::from(self.channels.contains_key(topic));
                let decided = decide(&self.app, name, &join.config, &token, others).await;
                decided.map(|grant| (join, token, grant))
            }
        };
        match decided {
            Ok((join, token, grant)) => {
                self.welcome(&incoming, name, join, token, grant);
                ControlFlow::Continue(())
            }
            Err(refusal) => self.refuse_join(&incoming, &refusal).await,
        }
    }

    fn welcome(&mut self, incoming: &Incoming, name: &str, join: Join, token: String, grant: Grant) {
        let (topic, mut config) = (incoming.topic.as_str(), join.config);
        // Said once and not kept.
        let bindings = std::mem::take(&mut config.bindings);
        tracing::debug!(private = config.private, "a channel was joined");
        let join_ref = incoming.join_ref.clone().or_else(|| incoming.reference.clone());
        self.reply(Addressed::from(incoming), "ok", json!({ "postgres_changes": bindings }));
        for message in &grant.replayed {
            let (event, payload) = (message.event.as_str(), &*message.payload);
            let frame = replayed(topic, self.version, join_ref.as_deref(), message.id, event, payload);
            frame.into_iter().for_each(|frame| self.outbox.send(frame));
        }
        let member = Member {
            version: self.version,
            outbox: self.outbox.clone(),
            join_ref: join_ref.clone(),
            reads_broadcasts: grant.rights.read_broadcasts,
            reads_presence: grant.rights.read_presence,
            replayed: grant.replayed.iter().map(|message| message.id).collect(),
            cut: Arc::new(Cut { happened: AtomicBool::new(false), woken: self.cuts.clone() }),
        };
        let room = RoomName { topic: name.to_owned(), private: config.private };
        let channel = Channel {
            join_ref,
            name: name.to_owned(),
            presence_key: config.presence_key.clone().unwrap_or_else(|| Uuid::new_v4().to_string()),
            presence_calls: PresenceCalls::default(),
            rights: grant.rights,
            caller: grant.caller,
            token,
            exp: grant.exp,
            wants_tables: !bindings.is_empty(),
            subscription: self.app.topics.subscribe(room, member),
            told: if config.replication_ready { self.listening.borrow().number() } else { None },
            config,
        };
        if channel.told.is_some() {
            self.system(topic, &channel, "ok", "system", LISTENING);
        }
        if channel.wants_tables {
            self.system(topic, &channel, "error", "postgres_changes", NO_TABLE_CHANGES);
        }
        if channel.config.presence && channel.rights.read_presence {
            self.app.topics.rates().presence.add(1);
            channel.subscription.send_state();
        }
        if let Some(old) = self.channels.insert(topic.to_owned(), channel) {
            self.close_channel(topic, &old);
        }
    }

    /// Broadcasts from the database arrive again: who asked is told, also when they were told before. The real server is silent
    /// then; but what was sent in between is lost, and whoever hears this reads again.
    pub(super) fn tell_listening(&mut self) {
        let Some(number) = self.listening.borrow_and_update().number() else { return };
        let mut told = Vec::new();
        for (topic, channel) in &mut self.channels {
            if channel.config.replication_ready && channel.told.replace(number) != Some(number) {
                told.push(topic.clone());
            }
        }
        for topic in told {
            if let Some(channel) = self.channels.get(&topic) {
                self.system(&topic, channel, "ok", "system", LISTENING);
            }
        }
    }

    /// The real server answers a refused join late, and the socket hears nothing meanwhile.
    async fn refuse_join(&mut self, incoming: &Incoming, refusal: &Refusal) -> ControlFlow<Ending> {
        tracing::info!(%refusal, "a join was refused");
        pause(self, self.app.timings.refused_join).await?;
        let reason = Value::from(refusal.to_string());
        self.reply(Addressed::from(incoming), "error", json!({ "reason": reason }));
        match refusal {
            Refusal::TooManyJoins => ControlFlow::Break(end(close_code::AWAY)),
            _ => ControlFlow::Continue(()),
        }
    }
}
