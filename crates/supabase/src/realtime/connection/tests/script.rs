//! Driving the machine by hand: a clock, what it last wanted, and shorthand for what happens to it.

use std::time::{Duration, Instant};

use url::Url;

use crate::realtime::connection::{Connection, Effect, Input};
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
    ChannelSpec { topic: topic.into(), private: true, broadcast_self: false, broadcast_ack: true }
}

pub(super) fn specs(topics: &[&str]) -> Vec<ChannelSpec> {
    topics.iter().map(|topic| spec(topic)).collect()
}

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        let now = Instant::now();
        Self { connection: Connection::new(options(), seed, now), now }
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
        Outgoing::Join { reference, spec, .. } if spec.topic == topic => Some(reference.clone()),
        _ => None,
    })
}
