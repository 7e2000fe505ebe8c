//! The world outside of the machine, as far as the invariants speak of it: a server that keeps what it accepted, and an application
//! that keeps what it was told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::script::{Script, options};
use crate::realtime::connection::tracking::{MOST_CALLS, WINDOW};
use crate::realtime::connection::{Effect, Input};
use crate::realtime::presence::PresenceMap;
use crate::realtime::protocol::{Binding, Json, Outgoing};
use crate::realtime::{ChannelSpec, PresenceChange, RealtimeEvent};

pub(super) const TOPICS: [&str; 3] = ["a", "b", "c"];

/// A plain one, one with everything, and one whose bindings repeat.
pub(super) fn specs(wanted: impl Fn(usize) -> bool) -> Vec<ChannelSpec> {
    let (rows, other) = (Binding::table("public", "rows"), Binding::table("public", "other"));
    let all = [
        ChannelSpec::private(TOPICS[0]).acknowledged(),
        ChannelSpec::private(TOPICS[1]).acknowledged().presence("me").changes(rows.clone()).changes(other.clone()),
        ChannelSpec::private(TOPICS[2]).replay(0, 25).changes(rows.clone()).changes(other).changes(rows),
    ];
    all.into_iter().enumerate().filter(|(index, _)| wanted(*index)).map(|(_, spec)| spec).collect()
}

pub(super) struct World {
    pub(super) script: Script,
    pub(super) fetching: bool,
    pub(super) opening: bool,
    pub(super) open: bool,
    pub(super) connected: bool,
    pub(super) heartbeat: Option<String>,
    pub(super) join: Option<(String, String)>,
    /// What is live at the server, with the reference of its join.
    pub(super) joined: BTreeMap<String, String>,
    /// Live channels whose presence state has been sent.
    pub(super) stated: BTreeSet<String>,
    pub(super) refused_at: BTreeMap<String, Instant>,
    pub(super) unanswered: BTreeSet<u64>,
    pub(super) unconfirmed: Vec<(String, String)>,
    pub(super) requests: u64,
    pub(super) tokens: u64,
    /// When presence was called on a channel.
    calls: BTreeMap<String, VecDeque<Instant>>,
    /// What the present join was told of oneself.
    pub(super) tracked: BTreeMap<String, Json>,
    /// Ids of messages the application was told.
    ids: BTreeSet<(String, String)>,
    /// Who the application believes to be where.
    pub(super) present: BTreeMap<String, BTreeSet<String>>,
    /// The latest snapshot.
    everybody: BTreeMap<String, PresenceMap>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut options = options();
        if seed.is_multiple_of(2) {
            options.resubscribe_every = Some(Duration::from_secs(40));
        }
        Self {
            script: Script::with(seed, options),
            fetching: false,
            opening: false,
            open: false,
            connected: false,
            heartbeat: None,
            join: None,
            joined: BTreeMap::new(),
            stated: BTreeSet::new(),
            refused_at: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            unconfirmed: Vec::new(),
            requests: 0,
            tokens: 0,
            calls: BTreeMap::new(),
            tracked: BTreeMap::new(),
            ids: BTreeSet::new(),
            present: BTreeMap::new(),
            everybody: BTreeMap::new(),
        }
    }

    pub(super) fn put(&mut self, input: Input) {
        let effects = self.script.put(input);
        for effect in effects {
            self.observe(effect);
        }
        let deadline = self.script.connection.deadline();
        assert!(deadline.is_none_or(|at| at > self.script.now), "a deadline that has passed spins");
        assert!(deadline.is_some() || self.fetching || self.opening, "the machine stands still");
    }

    /// What is no longer wanted is a new request when it is wanted again, and nothing of it is remembered.
    pub(super) fn unwanted(&mut self, topic: &str) {
        self.refused_at.remove(topic);
        self.calls.remove(topic);
        self.ids.retain(|(of, _)| of != topic);
        self.present.remove(topic);
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
                self.stated.clear();
                self.tracked.clear();
                self.unconfirmed.clear();
            }
            Effect::Send(frame) => self.sent(frame),
            Effect::Emit(event) => self.told(event),
            Effect::Roster { topic, everybody: Some(everybody) } => drop(self.everybody.insert(topic, everybody)),
            Effect::Roster { topic, everybody: None } => {
                self.everybody.remove(&topic);
                self.present.remove(&topic);
            }
            Effect::Answer { request, .. } => assert!(self.unanswered.remove(&request), "answered twice"),
        }
    }

    fn told(&mut self, event: RealtimeEvent) {
        match event {
            RealtimeEvent::Connected => {
                assert!(!std::mem::replace(&mut self.connected, true), "connected twice");
            }
            RealtimeEvent::Disconnected { retry_in, .. } => {
                assert!(retry_in >= Duration::from_millis(500) && retry_in <= Duration::from_secs(30));
                self.connected = false;
            }
            RealtimeEvent::Joined { topic }
            | RealtimeEvent::Ready { topic, .. }
            | RealtimeEvent::ReadAgain { topic }
            | RealtimeEvent::BindingsRefused { topic, .. } => {
                assert!(self.joined.contains_key(&topic), "said of a channel that is not live: {topic}");
            }
            RealtimeEvent::PostgresChange { topic, bindings, .. } => {
                assert!(self.joined.contains_key(&topic), "a change of a channel that is not live: {topic}");
                let expected: &[usize] = if topic == TOPICS[2] { &[0, 2] } else { &[0] };
                assert!(bindings == expected || bindings == [1], "{topic}: {bindings:?}");
            }
            RealtimeEvent::Broadcast { topic, id: Some(id), .. } => {
                assert!(self.ids.insert((topic, id)), "told twice");
            }
            RealtimeEvent::Presence { topic, change } => self.presence(&topic, &change),
            _ => {}
        }
    }

    fn presence(&mut self, topic: &str, PresenceChange { joined, updated, left }: &PresenceChange) {
        let present = self.present.entry(topic.to_owned()).or_default();
        for (key, _) in joined {
            assert!(present.insert(key.clone()), "{key} joined twice");
        }
        for (key, _) in updated {
            assert!(present.contains(key), "{key} changed and was not there");
        }
        for (key, _) in left {
            assert!(present.remove(key), "{key} left and was not there");
        }
        let everybody = self.everybody.get(topic).into_iter().flatten();
        assert!(everybody.map(|(key, _)| key).eq(present.iter()), "the snapshot says something else");
    }

    fn sent(&mut self, frame: Outgoing) {
        assert!(self.open, "sent without a socket: {frame:?}");
        match frame {
            Outgoing::Heartbeat { reference } => self.heartbeat = Some(reference),
            Outgoing::Join { reference, topic, config, token: Some(token) } => {
                assert!(!token.is_empty(), "joined without a token");
                assert!(self.join.is_none(), "two joins at once");
                assert!(!self.joined.contains_key(&topic), "joined twice");
                assert!(config.postgres_changes.len() <= 2, "an equal binding is sent twice");
                if let Some(at) = self.refused_at.remove(&topic) {
                    let pause = self.script.now.saturating_duration_since(at);
                    assert!(pause >= Duration::from_secs(5), "joined again {pause:?} after a refusal");
                }
                self.join = Some((topic, reference));
            }
            Outgoing::Leave { topic, .. } => {
                self.ended(&topic);
                // What is left counts as answered: the server works off one frame after the other.
                self.join.take_if(|(joining, _)| *joining == topic);
                // Leaving forgets the refusal: another specification is another request.
                self.refused_at.remove(&topic);
            }
            Outgoing::AccessToken { topic, join_ref, .. } => {
                assert_eq!(self.joined.get(&topic), Some(&join_ref), "a token for a channel that is not live");
            }
            Outgoing::Broadcast { topic, reference, .. } => self.unconfirmed.push((topic, reference)),
            Outgoing::Track { topic, join_ref, payload, .. } => {
                self.called(&topic, &join_ref);
                self.tracked.insert(topic, payload);
            }
            Outgoing::Untrack { topic, join_ref, .. } => {
                self.called(&topic, &join_ref);
                assert!(self.tracked.remove(&topic).is_some(), "untracked what was not tracked");
            }
            other => panic!("not expected of this machine: {other:?}"),
        }
    }

    /// The server closes a channel at the sixth call in 30 s.
    fn called(&mut self, topic: &str, join_ref: &str) {
        assert_eq!(
            self.joined.get(topic).map(String::as_str),
            Some(join_ref),
            "presence of a channel that is not live"
        );
        let calls = self.calls.entry(topic.to_owned()).or_default();
        calls.retain(|at| self.script.now.saturating_duration_since(*at) < WINDOW);
        calls.push_back(self.script.now);
        assert!(calls.len() <= MOST_CALLS, "{} presence calls in {WINDOW:?}", calls.len());
    }

    /// The server has no such channel any more.
    pub(super) fn ended(&mut self, topic: &str) -> Option<String> {
        self.stated.remove(topic);
        self.tracked.remove(topic);
        self.joined.remove(topic)
    }
}
