//! Driving the machine by hand: a clock, what it last wanted, and shorthand for what happens to it.

use std::time::{Duration, Instant};

use serde_json::json;
use url::Url;

use crate::realtime::change::{ChangeKind, PostgresChange, Row};
use crate::realtime::presence::{Presence, PresenceMap};

use crate::realtime::connection::{Connection, Effect, Input};
use crate::realtime::disconnect::DisconnectReason;
use crate::realtime::protocol::{Accepted, Outgoing, ServerMessage};
use crate::realtime::{ChannelSpec, RealtimeEvent, RealtimeOptions};

pub(super) struct Script {
    pub(super) connection: Connection,
    pub(super) now: Instant,
}

pub(super) fn options() -> RealtimeOptions {
    RealtimeOptions::new(Url::parse("http://127.0.0.1:1").unwrap(), "anon")
}

pub(super) fn spec(topic: &str) -> ChannelSpec {
    ChannelSpec::private(topic).acknowledged()
}

pub(super) fn broken(text: &str) -> DisconnectReason {
    DisconnectReason::Broken(text.to_owned())
}

/// A change of which nothing is known.
pub(super) fn change() -> PostgresChange {
    PostgresChange {
        schema: "public".into(),
        table: "rows".into(),
        kind: ChangeKind::Delete,
        commit_timestamp: None,
        record: Row::default(),
        old_record: Row::default(),
        errors: vec![],
    }
}

/// One presence of a key.
pub(super) fn person(key: &str, reference: &str, previous: Option<&str>) -> (String, Vec<Presence>) {
    let payload = json!({ "name": key }).into();
    (key.to_owned(), vec![Presence { reference: reference.into(), previous: previous.map(str::to_owned), payload }])
}

pub(super) fn specs(topics: &[&str]) -> Vec<ChannelSpec> {
    topics.iter().map(|topic| spec(topic)).collect()
}

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        Self::with(seed, options())
    }

    pub(super) fn with(seed: u64, options: RealtimeOptions) -> Self {
        let now = Instant::now();
        Self { connection: Connection::new(options, seed, now), now }
    }

    /// A machine with an open socket that has proven itself.
    pub(super) fn connected() -> Self {
        let mut script = Self::new(1);
        assert_eq!(script.put(Input::Timer), [Effect::FetchToken]);
        assert_eq!(script.put(Input::Token(Ok("t1".into()))), [Effect::Open]);
        let effects = script.put(Input::Opened);
        script.answer_heartbeat(&effects);
        script.put(Input::Token(Ok("t1".into())));
        script
    }

    /// The same with these channels joined.
    pub(super) fn joined(topics: &[&str]) -> Self {
        let mut script = Self::connected();
        let mut effects = script.put(Input::Wanted(specs(topics)));
        for topic in topics {
            let reference =
                join_reference(&effects, topic).unwrap_or_else(|| panic!("{topic} not joined: {effects:?}"));
            effects = script.reply(topic, &reference, Ok(()));
            assert!(events(&effects).contains(&RealtimeEvent::Joined { topic: (*topic).into() }));
        }
        script
    }

    /// The same with one channel, whose bindings are numbered from 1.
    pub(super) fn joined_to(spec: ChannelSpec) -> Self {
        let mut script = Self::connected();
        let effects = script.put(Input::Wanted(vec![spec]));
        script.let_join(&effects);
        script
    }

    /// Accepts the join among these effects.
    pub(super) fn let_join(&mut self, effects: &[Effect]) -> Vec<Effect> {
        let join = frames(effects).into_iter().find_map(|frame| match frame {
            Outgoing::Join { reference, topic, config, .. } => Some((reference.clone(), topic.clone(), config.clone())),
            _ => None,
        });
        let (reference, topic, config) = join.unwrap_or_else(|| panic!("no join in {effects:?}"));
        let bindings = (1..).take(config.postgres_changes.len()).collect();
        let (topic, outcome) = (format!("realtime:{topic}"), Ok(Accepted { bindings }));
        self.put(Input::Message(ServerMessage::Reply { topic, reference: Some(reference), outcome }))
    }

    /// Loses the socket and gets another one, up to the first join on it.
    pub(super) fn reconnect(&mut self, token: &str) -> Vec<Effect> {
        self.put(Input::SocketClosed(broken("close 1012")));
        assert_eq!(self.next(), [Effect::FetchToken]);
        assert_eq!(self.put(Input::Token(Ok(token.into()))), [Effect::Open]);
        let effects = self.put(Input::Opened);
        self.answer_heartbeat(&effects);
        self.put(Input::Token(Ok(token.into())));
        self.next()
    }

    /// Lets time pass with a server that answers heartbeats, and gives what was told meanwhile.
    pub(super) fn live_on(&mut self, time: Duration) -> Vec<RealtimeEvent> {
        let (end, mut told) = (self.now + time, Vec::new());
        while let Some(at) = self.connection.deadline().filter(|at| *at <= end) {
            self.now = at;
            let mut effects = self.put(Input::Timer);
            if heartbeat(&effects).is_some() {
                let more = self.answer_heartbeat(&effects);
                effects.extend(more);
            }
            if effects.contains(&Effect::FetchToken) {
                effects.extend(self.put(Input::Token(Ok("t1".into()))));
            }
            told.extend(events(&effects));
        }
        self.now = end;
        told
    }

    pub(super) fn say(&mut self, topic: &str, status: &str, message: &str, extension: &str) -> Vec<Effect> {
        let (topic, extension) = (format!("realtime:{topic}"), Some(extension.to_owned()));
        let (status, message) = (status.to_owned(), message.to_owned());
        self.put(Input::Message(ServerMessage::System { topic, status, message, extension }))
    }

    pub(super) fn subscribed(&mut self, topic: &str) -> Vec<Effect> {
        self.say(topic, "ok", "Subscribed to PostgreSQL", "postgres_changes")
    }

    pub(super) fn changed(&mut self, topic: &str, ids: &[u64]) -> Vec<Effect> {
        let (topic, ids, change) = (format!("realtime:{topic}"), ids.to_vec(), Box::new(change()));
        self.put(Input::Message(ServerMessage::PostgresChange { topic, ids, change }))
    }

    pub(super) fn state(&mut self, topic: &str, presences: PresenceMap) -> Vec<Effect> {
        let topic = format!("realtime:{topic}");
        self.put(Input::Message(ServerMessage::PresenceState { topic, join_ref: None, presences }))
    }

    pub(super) fn diff(&mut self, topic: &str, joins: PresenceMap, leaves: PresenceMap) -> Vec<Effect> {
        let topic = format!("realtime:{topic}");
        self.put(Input::Message(ServerMessage::PresenceDiff { topic, joins, leaves }))
    }

    pub(super) fn track(&mut self, topic: &str, n: u64) -> Vec<Effect> {
        let payload = Some(json!({ "n": n }).into());
        self.put(Input::Track { request: 1000 + n, topic: topic.to_owned(), payload })
    }

    pub(super) fn put(&mut self, input: Input) -> Vec<Effect> {
        self.connection.handle(self.now, input)
    }

    pub(super) fn pass(&mut self, time: Duration) -> Vec<Effect> {
        self.now += time;
        self.put(Input::Timer)
    }

    /// Goes to the machine's next deadline.
    pub(super) fn next(&mut self) -> Vec<Effect> {
        self.now = self.connection.deadline().unwrap();
        self.put(Input::Timer)
    }

    pub(super) fn reply(&mut self, topic: &str, reference: &str, outcome: Result<(), &str>) -> Vec<Effect> {
        let topic = if topic == "phoenix" { topic.to_owned() } else { format!("realtime:{topic}") };
        let outcome = outcome.map_err(str::to_owned);
        self.put(Input::Message(ServerMessage::Reply {
            topic,
            reference: Some(reference.into()),
            outcome: outcome.map(|()| Accepted::default()),
        }))
    }

    pub(super) fn answer_heartbeat(&mut self, effects: &[Effect]) -> Vec<Effect> {
        let reference = heartbeat(effects).unwrap_or_else(|| panic!("no heartbeat in {effects:?}"));
        self.reply("phoenix", &reference, Ok(()))
    }

    pub(super) fn close_channel(&mut self, topic: &str, join_ref: &str, complaint: &str) -> Vec<Effect> {
        let topic = format!("realtime:{topic}");
        let (status, message) = ("error".to_owned(), complaint.to_owned());
        self.put(Input::Message(ServerMessage::System { topic: topic.clone(), status, message, extension: None }));
        self.put(Input::Message(ServerMessage::Closed { topic, join_ref: Some(join_ref.into()) }))
    }
}

pub(super) fn events(effects: &[Effect]) -> Vec<RealtimeEvent> {
    let events = effects.iter().filter_map(|effect| match effect {
        Effect::Emit(event) => Some(event.clone()),
        _ => None,
    });
    events.collect()
}

pub(super) fn frames(effects: &[Effect]) -> Vec<&Outgoing> {
    let frames = effects.iter().filter_map(|effect| match effect {
        Effect::Send(frame) => Some(frame),
        _ => None,
    });
    frames.collect()
}

pub(super) fn heartbeat(effects: &[Effect]) -> Option<String> {
    frames(effects).into_iter().find_map(|frame| match frame {
        Outgoing::Heartbeat { reference } => Some(reference.clone()),
        _ => None,
    })
}

pub(super) fn join_reference(effects: &[Effect], topic: &str) -> Option<String> {
    frames(effects).into_iter().find_map(|frame| match frame {
        Outgoing::Join { reference, topic: joined, .. } if joined == topic => Some(reference.clone()),
        _ => None,
    })
}
