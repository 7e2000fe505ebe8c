//! Every order of events: random inputs, while a model of the outside holds the machine to its invariants; then the faults stop
//! and everything wanted must come to be joined.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::script::{Script, spec};
use crate::realtime::RealtimeEvent;
use crate::realtime::connection::{Effect, Input};
use crate::realtime::protocol::{Accepted, Outgoing, ServerMessage};

const TOPICS: [&str; 3] = ["a", "b", "c"];
const REFUSALS: [&str; 3] =
    ["Unauthorized: no", "InvalidJWTToken: Token has expired 9 seconds ago", "DatabaseTrouble: later"];

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
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u64..20_000).prop_map(Step::Pass),
        4 => Just(Step::ToDeadline),
        6 => prop::bool::weighted(0.8).prop_map(Step::Token),
        6 => prop::bool::weighted(0.8).prop_map(Step::Open),
        1 => Just(Step::CloseSocket),
        4 => Just(Step::AnswerHeartbeat),
        5 => prop_oneof![3 => Just(Ok(())), 2 => (0usize..3).prop_map(Err)].prop_map(Step::AnswerJoin),
        2 => (0usize..3, any::<bool>()).prop_map(|(topic, expired)| Step::CloseChannel(topic, expired)),
        2 => (0u8..8).prop_map(Step::Want),
        1 => Just(Step::Wake),
        1 => Just(Step::TokenChanged),
        2 => (0usize..3).prop_map(Step::Broadcast),
        2 => Just(Step::Confirm),
        1 => any::<bool>().prop_map(Step::Reading),
    ]
}

/// The world outside of the machine, as far as the invariants speak of it.
struct World {
    script: Script,
    fetching: bool,
    opening: bool,
    open: bool,
    connected: bool,
    heartbeat: Option<String>,
    join: Option<(String, String)>,
    joined: BTreeMap<String, String>,
    refused_at: BTreeMap<String, Instant>,
    unanswered: BTreeSet<u64>,
    unconfirmed: Vec<(String, String)>,
    requests: u64,
    tokens: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            script: Script::new(seed),
            fetching: false,
            opening: false,
            open: false,
            connected: false,
            heartbeat: None,
            join: None,
            joined: BTreeMap::new(),
            refused_at: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            unconfirmed: Vec::new(),
            requests: 0,
            tokens: 0,
        }
    }

    fn put(&mut self, input: Input) {
        let effects = self.script.put(input);
        for effect in effects {
            self.observe(effect);
        }
        let deadline = self.script.connection.deadline();
        assert!(deadline.is_none_or(|at| at > self.script.now), "a deadline that has passed spins");
        assert!(deadline.is_some() || self.fetching || self.opening, "the machine stands still");
    }

    fn observe(&mut self, effect: Effect) {
        match effect {
            Effect::FetchToken => assert!(!std::mem::replace(&mut self.fetching, true), "two tokens at once"),
            Effect::RejectToken(_) => {}
            Effect::Open => {
                assert!(!self.open, "a socket is open already");
                assert!(!std::mem::replace(&mut self.opening, true), "two sockets at once");
            }
            Effect::Close => {
                (self.open, self.opening) = (false, false);
                self.heartbeat = None;
                self.join = None;
                self.joined.clear();
                self.unconfirmed.clear();
            }
            Effect::Send(frame) => self.sent(frame),
            Effect::Emit(RealtimeEvent::Connected) => {
                assert!(!std::mem::replace(&mut self.connected, true), "connected twice");
            }
            Effect::Emit(RealtimeEvent::Disconnected { retry_in, .. }) => {
                assert!(retry_in >= Duration::from_millis(500) && retry_in <= Duration::from_secs(30));
                self.connected = false;
            }
            Effect::Emit(RealtimeEvent::Joined { topic }) => {
                assert!(self.joined.contains_key(&topic), "joined without the server's word");
            }
            Effect::Emit(_) => {}
            Effect::Answer { request, .. } => assert!(self.unanswered.remove(&request), "answered twice"),
        }
    }

    fn sent(&mut self, frame: Outgoing) {
        assert!(self.open, "sent without a socket: {frame:?}");
        match frame {
            Outgoing::Heartbeat { reference } => self.heartbeat = Some(reference),
            Outgoing::Join { reference, spec, token } => {
                assert!(!token.is_empty(), "joined without a token");
                assert!(self.join.is_none(), "two joins at once");
                assert!(!self.joined.contains_key(&spec.topic), "joined twice");
                if let Some(at) = self.refused_at.remove(&spec.topic) {
                    let pause = self.script.now.saturating_duration_since(at);
                    assert!(pause >= Duration::from_secs(5), "joined again {pause:?} after a refusal");
                }
                self.join = Some((spec.topic, reference));
            }
            Outgoing::Leave { topic, .. } => {
                self.joined.remove(&topic);
                // What is left counts as answered: the server works off one frame after the other.
                self.join.take_if(|(joining, _)| *joining == topic);
                // Leaving forgets the refusal: another specification is another request.
                self.refused_at.remove(&topic);
            }
            Outgoing::AccessToken { topic, join_ref, .. } => {
                assert_eq!(self.joined.get(&topic), Some(&join_ref), "a token for a channel that is not live");
            }
            Outgoing::Broadcast { topic, reference, .. } => self.unconfirmed.push((topic, reference)),
        }
    }

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
                    self.put(if *good { Input::Opened } else { Input::OpenFailed("refused".into()) });
                }
            }
            Step::CloseSocket => {
                if self.open {
                    self.put(Input::SocketClosed("close 1000".into()));
                }
            }
            Step::AnswerHeartbeat => {
                if let Some(reference) = self.heartbeat.take() {
                    self.reply("phoenix", reference, Ok(()));
                }
            }
            Step::AnswerJoin(outcome) => {
                if let Some((topic, reference)) = self.join.take() {
                    match outcome {
                        Ok(()) => drop(self.joined.insert(topic.clone(), reference.clone())),
                        Err(_) => drop(self.refused_at.insert(topic.clone(), self.script.now)),
                    }
                    self.reply(&topic, reference, outcome.map_err(|index| REFUSALS[index]));
                }
            }
            Step::CloseChannel(index, expired) => {
                if let Some(join_ref) = self.joined.remove(TOPICS[*index]) {
                    let topic = format!("realtime:{}", TOPICS[*index]);
                    if *expired {
                        let message = "Token has expired 0 seconds ago".to_owned();
                        let (topic, status) = (topic.clone(), "error".to_owned());
                        self.put(Input::Message(ServerMessage::System { topic, status, message, extension: None }));
                    }
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
                self.put(Input::Broadcast { request: self.requests, topic, event, payload: json!({}) });
            }
            Step::Confirm => {
                if let Some((topic, reference)) = self.unconfirmed.pop() {
                    self.reply(&topic, reference, Ok(()));
                }
            }
            Step::Reading(reading) => self.put(Input::Reading(*reading)),
        }
    }

    fn want(&mut self, mask: u8) {
        let wanted = |index: usize| mask & (1 << index) != 0;
        for (index, topic) in TOPICS.iter().enumerate() {
            if !wanted(index) {
                // What is no longer wanted is a new request when it is wanted again.
                self.refused_at.remove(*topic);
            }
        }
        let specs = TOPICS.iter().enumerate().filter(|(index, _)| wanted(*index)).map(|(_, topic)| spec(topic));
        self.put(Input::Wanted(specs.collect()));
    }

    fn reply(&mut self, topic: &str, reference: String, outcome: Result<(), &str>) {
        let topic = if topic == "phoenix" { topic.to_owned() } else { format!("realtime:{topic}") };
        let outcome = outcome.map_err(str::to_owned);
        self.put(Input::Message(ServerMessage::Reply {
            topic,
            reference: Some(reference),
            outcome: outcome.map(|()| Accepted::default()),
        }));
    }

    /// No more faults: the server is there and answers everything well.
    fn settle(&mut self) {
        self.put(Input::Reading(true));
        self.want(7);
        for _ in 0..500 {
            if self.joined.len() == TOPICS.len() && self.connected {
                break;
            }
            for step in [Step::Token(true), Step::Open(true), Step::AnswerHeartbeat, Step::AnswerJoin(Ok(()))] {
                self.step(&step);
            }
            if !self.fetching && !self.opening && self.join.is_none() && self.heartbeat.is_none() {
                self.step(&Step::ToDeadline);
            }
        }
        assert!(self.connected, "not connected after the faults stopped");
        assert_eq!(self.joined.len(), TOPICS.len(), "not all joined after the faults stopped: {:?}", self.joined);
        // Every confirmation has come or been given up by now.
        self.step(&Step::Pass(10_000));
        assert!(self.unanswered.is_empty(), "never answered: {:?}", self.unanswered);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_invariants_hold_in_any_order_of_events(seed in any::<u64>(), steps in prop::collection::vec(step(), 0..120)) {
        let mut world = World::new(seed);
        world.put(Input::Timer);
        for step in &steps {
            world.step(step);
        }
        let before = world.script.now;
        world.settle();
        let took = world.script.now.saturating_duration_since(before);
        prop_assert!(took < Duration::from_secs(300), "it took {took:?} to come back");
    }
}
