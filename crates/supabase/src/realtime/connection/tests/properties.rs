//! Every order of events: random inputs, while a model of the outside holds the machine to its invariants; then the faults stop
//! and everything wanted must come to be joined, confirmed, tracked and known.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::script::{broken, change, person};
use super::world::{TOPICS, World, specs};
use crate::realtime::connection::Input;
use crate::realtime::protocol::{Accepted, BroadcastPayload, Json, ServerMessage};

const REFUSALS: [&str; 3] =
    ["Unauthorized: no", "InvalidJWTToken: Token has expired 9 seconds ago", "DatabaseTrouble: later"];
const COMPLAINTS: [&str; 4] = [
    "Error parsing `filter` params: [\"x\"]",
    "{:error, \"Too many database timeouts\"}",
    "Subscribed to PostgreSQL",
    "Too many messages per second",
];
const PEOPLE: [&str; 3] = ["ada", "ben", "cleo"];
/// The channel of [`specs`] with presence.
const ROOM: &str = TOPICS[1];

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    ToDeadline,
    Token(bool),
    Open(bool),
    CloseSocket,
    AnswerHeartbeat,
    AnswerJoin(Result<(), usize>),
    CloseChannel(usize, bool),
    Want(u8),
    Wake,
    TokenChanged,
    Broadcast(usize),
    Confirm,
    Reading(bool),
    Say(usize, usize),
    Change(usize, u64),
    Message(usize, u8),
    State(u8),
    Diff(usize, bool),
    Track(Option<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let connection = prop_oneof![
        3 => (0u64..20_000).prop_map(Step::Pass),
        4 => Just(Step::ToDeadline),
        6 => prop::bool::weighted(0.8).prop_map(Step::Token),
        6 => prop::bool::weighted(0.8).prop_map(Step::Open),
        1 => Just(Step::CloseSocket),
        4 => Just(Step::AnswerHeartbeat),
        1 => Just(Step::Wake),
        1 => Just(Step::TokenChanged),
        1 => any::<bool>().prop_map(Step::Reading),
    ];
    let channels = prop_oneof![
        5 => prop_oneof![3 => Just(Ok(())), 2 => (0usize..3).prop_map(Err)].prop_map(Step::AnswerJoin),
        2 => (0usize..3, any::<bool>()).prop_map(|(topic, expired)| Step::CloseChannel(topic, expired)),
        2 => (0u8..8).prop_map(Step::Want),
        2 => (0usize..3).prop_map(Step::Broadcast),
        2 => Just(Step::Confirm),
        2 => (0usize..3, 0usize..4).prop_map(|(topic, text)| Step::Say(topic, text)),
        2 => (0usize..3, 0u64..4).prop_map(|(topic, id)| Step::Change(topic, id)),
        2 => (0usize..3, 0u8..5).prop_map(|(topic, id)| Step::Message(topic, id)),
        2 => (0u8..8).prop_map(Step::State),
        3 => (0usize..3, any::<bool>()).prop_map(|(who, joins)| Step::Diff(who, joins)),
        2 => prop::option::weighted(0.8, any::<u8>()).prop_map(Step::Track),
    ];
    prop_oneof![27 => connection, 26 => channels]
}

fn wire(topic: &str) -> String {
    format!("realtime:{topic}")
}

impl World {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Pass(ms) => {
                // A task may wake late, so a deadline is overstepped.
                self.script.now += Duration::from_millis(*ms);
                self.put(Input::Timer);
            }
            Step::ToDeadline => {
                if let Some(at) = self.script.connection.deadline() {
                    self.script.now = self.script.now.max(at);
                    self.put(Input::Timer);
                }
            }
            Step::Token(good) => {
                if std::mem::take(&mut self.fetching) {
                    self.tokens += u64::from(*good);
                    let token = format!("token {}", self.tokens / 3);
                    self.put(Input::Token(if *good { Ok(token.into()) } else { Err("no network".into()) }));
                }
            }
            Step::Open(good) => {
                if std::mem::take(&mut self.opening) {
                    self.open = *good;
                    self.put(if *good { Input::Opened } else { Input::OpenFailed(broken("refused")) });
                }
            }
            Step::CloseSocket => {
                if self.open {
                    self.put(Input::SocketClosed(broken("close 1000")));
                }
            }
            Step::AnswerHeartbeat => {
                if let Some(reference) = self.heartbeat.take() {
                    self.reply("phoenix".to_owned(), reference, Ok(Accepted::default()));
                }
            }
            Step::AnswerJoin(outcome) => self.answer_join(outcome.map_err(|index| REFUSALS[index])),
            Step::CloseChannel(index, expired) => {
                if let Some(join_ref) = self.ended(TOPICS[*index]) {
                    if *expired {
                        self.say(*index, "error", "Token has expired 0 seconds ago", "system");
                    }
                    let topic = wire(TOPICS[*index]);
                    self.put(Input::Message(ServerMessage::Closed { topic, join_ref: Some(join_ref) }));
                }
            }
            Step::Want(mask) => self.want(*mask),
            Step::Wake => self.put(Input::Wake),
            Step::TokenChanged => self.put(Input::TokenChanged),
            Step::Broadcast(index) => {
                self.requests += 1;
                self.unanswered.insert(self.requests);
                let (topic, event) = (TOPICS[*index].to_owned(), "e".to_owned());
                let payload = BroadcastPayload::Json(json!({}).into());
                self.put(Input::Broadcast { request: self.requests, topic, event, payload });
            }
            Step::Confirm => {
                if let Some((topic, reference)) = self.unconfirmed.pop() {
                    self.reply(wire(&topic), reference, Ok(Accepted::default()));
                }
            }
            Step::Reading(reading) => self.put(Input::Reading(*reading)),
            Step::Say(topic, text) => {
                let text = COMPLAINTS[*text];
                let status = if text.starts_with("Subscribed") { "ok" } else { "error" };
                self.say(*topic, status, text, "postgres_changes");
            }
            Step::Change(topic, id) => {
                let topic = wire(TOPICS[*topic]);
                // Unordered and repeated, as the server sends them.
                let ids = vec![*id, *id];
                self.put(Input::Message(ServerMessage::PostgresChange { topic, ids, change: Box::new(change()) }));
            }
            Step::Message(topic, id) => {
                let (topic, event, id) = (wire(TOPICS[*topic]), "e".to_owned(), Some(id.to_string()));
                let payload = BroadcastPayload::Json(Json::default());
                self.put(Input::Message(ServerMessage::Broadcast { topic, event, payload, id, replayed: false }));
            }
            Step::State(mask) => self.state(*mask),
            Step::Diff(who, joins) => {
                let who = vec![person(PEOPLE[*who], PEOPLE[*who], None)];
                let (joins, leaves) = if *joins { (who, vec![]) } else { (vec![], who) };
                self.put(Input::Message(ServerMessage::PresenceDiff { topic: wire(ROOM), joins, leaves }));
            }
            Step::Track(what) => {
                self.requests += 1;
                self.unanswered.insert(self.requests);
                let payload = what.map(|n| json!({ "n": n }).into());
                self.put(Input::Track { request: self.requests, topic: ROOM.to_owned(), payload });
            }
        }
    }

    fn answer_join(&mut self, outcome: Result<(), &str>) {
        let Some((topic, reference)) = self.join.take() else { return };
        match outcome {
            Ok(()) => drop(self.joined.insert(topic.clone(), reference.clone())),
            Err(_) => drop(self.refused_at.insert(topic.clone(), self.script.now)),
        }
        // Numbers of two distinct bindings, or of none.
        let bindings = if topic == TOPICS[0] { vec![] } else { vec![1, 2] };
        let outcome = outcome.map(|()| Accepted { bindings });
        self.reply(wire(&topic), reference, outcome.map_err(str::to_owned));
    }

    fn want(&mut self, mask: u8) {
        let wanted = |index: usize| mask & (1 << index) != 0;
        for (index, topic) in TOPICS.iter().enumerate() {
            if !wanted(index) {
                self.unwanted(topic);
            }
        }
        self.put(Input::Wanted(specs(wanted)));
    }

    fn say(&mut self, topic: usize, status: &str, message: &str, extension: &str) {
        let (topic, extension) = (wire(TOPICS[topic]), Some(extension.to_owned()));
        let (status, message) = (status.to_owned(), message.to_owned());
        self.put(Input::Message(ServerMessage::System { topic, status, message, extension }));
    }

    fn state(&mut self, mask: u8) {
        if let Some(join_ref) = self.joined.get(ROOM).cloned() {
            let here = PEOPLE.iter().enumerate().filter(|(index, _)| mask & (1 << index) != 0);
            let presences = here.map(|(_, who)| person(who, who, None)).collect();
            self.stated.insert(ROOM.to_owned());
            let (topic, join_ref) = (wire(ROOM), Some(join_ref));
            self.put(Input::Message(ServerMessage::PresenceState { topic, join_ref, presences }));
        }
    }

    fn reply(&mut self, topic: String, reference: String, outcome: Result<Accepted, String>) {
        self.put(Input::Message(ServerMessage::Reply { topic, reference: Some(reference), outcome }));
    }

    /// The server does everything that it should.
    fn serve(&mut self) {
        for step in [Step::Token(true), Step::Open(true), Step::AnswerHeartbeat, Step::AnswerJoin(Ok(()))] {
            self.step(&step);
        }
        for index in [1, 2] {
            if self.joined.contains_key(TOPICS[index]) {
                self.say(index, "ok", "Subscribed to PostgreSQL", "postgres_changes");
            }
        }
        if !self.stated.contains(ROOM) {
            self.state(0b101);
        }
        if !self.fetching && !self.opening && self.join.is_none() && self.heartbeat.is_none() {
            self.step(&Step::ToDeadline);
        }
    }

    /// No more faults: the server is there and answers everything well.
    fn settle(&mut self) {
        self.put(Input::Reading(true));
        self.want(7);
        self.step(&Step::Track(Some(7)));
        for _ in 0..500 {
            if self.joined.len() == TOPICS.len() && self.connected {
                break;
            }
            self.serve();
        }
        assert!(self.connected, "not connected after the faults stopped");
        assert_eq!(self.joined.len(), TOPICS.len(), "not all joined after the faults stopped: {:?}", self.joined);
    }

    /// Some time after that everything has been said and everybody is known.
    fn rest(&mut self) {
        // Twice, because the first takes in differences that came before it, and random ones may say otherwise.
        self.state(0b101);
        self.state(0b101);
        let end = self.script.now + Duration::from_secs(60);
        while self.script.now < end {
            self.serve();
        }
        assert!(self.unanswered.is_empty(), "never answered: {:?}", self.unanswered);
        let known: BTreeSet<String> = [PEOPLE[0], PEOPLE[2]].map(str::to_owned).into();
        assert_eq!(self.present.get(ROOM), Some(&known), "not who is here");
        if self.joined.contains_key(ROOM) {
            assert_eq!(self.tracked.get(ROOM), Some(&json!({ "n": 7 }).into()), "the last wish is lost");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1200))]
    #[test]
    fn the_invariants_hold_in_any_order_of_events(seed in any::<u64>(), steps in prop::collection::vec(step(), 0..160)) {
        let mut world = World::new(seed);
        world.put(Input::Timer);
        for step in &steps {
            world.step(step);
        }
        let before = world.script.now;
        world.settle();
        let took = world.script.now.saturating_duration_since(before);
        prop_assert!(took < Duration::from_secs(300), "it took {took:?} to come back");
        world.rest();
    }
}
