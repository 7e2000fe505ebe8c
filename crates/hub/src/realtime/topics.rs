//! Who listens to what and who is present: the only state of Realtime, and it is gone with its sockets.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::watch;

use super::{
    broadcast::Broadcast,
    limits::{Limits, Timings},
    outbox::Outbox,
    rate::Rate,
    room::{Member, Room},
    subscription::Subscription,
};

/// All rooms of the hub. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    // Plain mutexes, here and in each room: they are held to look up and to queue frames, which never waits, and never across an
    // await. A room's is taken inside this one when somebody comes or goes, and alone when something is sent.
    rooms: Mutex<HashMap<RoomName, Arc<Room>>>,
    next: AtomicU64,
    connections: AtomicUsize,
    limits: Limits,
    rates: Arc<Rates>,
    /// Sockets watch it, to tell the channels that asked.
    listening: watch::Sender<Listening>,
}

/// Whether broadcasts from the database arrive at present, and for the how manieth time: what is sent between two is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listening {
    live: bool,
    begun: u64,
}

impl Listening {
    /// The number of the present time, from 1; nothing while no broadcasts arrive.
    pub(super) fn number(self) -> Option<u64> {
        self.live.then_some(self.begun)
    }
}

/// What the hub as a whole may do in a second.
#[derive(Debug)]
pub(super) struct Rates {
    pub(super) joins: Rate,
    pub(super) messages: Rate,
    pub(super) presence: Rate,
    /// Bytes of all presences that are tracked, and how many they may be.
    pub(super) present: AtomicUsize,
    pub(super) most_present: usize,
}

/// A public and a private channel of one name are two rooms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RoomName {
    /// Without `realtime:`.
    pub(super) topic: String,
    pub(super) private: bool,
}

/// What Realtime keeps at a moment, for tests and for those who run a hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RealtimeCounts {
    /// Open sockets.
    pub sockets: usize,
    /// Rooms somebody has joined; a public and a private channel of one name are two.
    pub rooms: usize,
    /// Joined channels.
    pub channels: usize,
    /// Presences that are tracked.
    pub presences: usize,
}

/// A connection's place among those the hub takes, given back by dropping it.
#[derive(Debug)]
pub(super) struct Connection(Arc<Inner>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Topics {
    pub(crate) fn new(limits: Limits, timings: &Timings) -> Self {
        let rate = |limit| Rate::new(limit, timings.rate_tick);
        let rates = Rates {
            joins: rate(limits.joins_per_second),
            messages: rate(limits.messages_per_second),
            presence: rate(limits.presence_per_second),
            present: AtomicUsize::new(0),
            most_present: limits.presence_bytes,
        };
        let inner = Inner {
            rooms: Mutex::default(),
            next: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            limits,
            rates: Arc::new(rates),
            listening: watch::Sender::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(super) fn rates(&self) -> &Rates {
        &self.inner.rates
    }

    /// A place for one more connection; nothing when the hub takes no more.
    pub(super) fn connect(&self) -> Option<Connection> {
        let connections = &self.inner.connections;
        let more = |open: usize| (open < self.inner.limits.connections).then_some(open + 1);
        connections.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Connection(self.inner.clone()))
    }

    /// Enters a room, which is made when nobody is there.
    pub(super) fn subscribe(&self, name: RoomName, member: Member) -> Subscription {
        let id = self.inner.next.fetch_add(1, Ordering::Relaxed);
        let mut rooms = self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(name.clone()).or_insert_with(|| Arc::new(Room::new(&name, self.inner.rates.clone())));
        let cut = member.cut.clone();
        room.enter(id, member);
        Subscription::new(self.clone(), name, room.clone(), id, cut)
    }

    /// Leaves a room, which is forgotten with its last member.
    pub(super) fn leave(&self, name: &RoomName, id: u64) {
        let mut rooms = self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.get(name).is_some_and(|room| room.leave(id)) {
            rooms.remove(name);
        }
    }

    /// Says whether broadcasts from the database arrive at present.
    pub(super) fn set_listening(&self, listening: bool) {
        self.inner.listening.send_modify(|state| {
            state.begun += u64::from(listening && !state.live);
            state.live = listening;
        });
    }

    /// Whether broadcasts from the database arrive at present.
    pub(super) fn watch_listening(&self) -> watch::Receiver<Listening> {
        self.inner.listening.subscribe()
    }

    /// Ends when broadcasts from the database arrive.
    pub(crate) async fn listening(&self) {
        // The sender lives in here and cannot be gone.
        _ = self.watch_listening().wait_for(|state| state.live).await;
    }

    /// Delivers a broadcast to everybody in the room, and answers those who are falling behind. `topic` has no `realtime:` prefix.
    pub(super) fn broadcast(&self, topic: &str, private: bool, broadcast: Broadcast<'_>) -> Vec<Outbox> {
        let name = RoomName { topic: topic.to_owned(), private };
        let room = self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        room.map(|room| room.broadcast(broadcast, None)).unwrap_or_default()
    }

    /// What is kept at this moment.
    pub(crate) fn counts(&self) -> RealtimeCounts {
        let rooms = self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = RealtimeCounts {
            sockets: self.inner.connections.load(Ordering::Acquire),
            rooms: rooms.len(),
            ..RealtimeCounts::default()
        };
        for room in rooms.values() {
            let (members, presences) = room.counts();
            counts.channels += members;
            counts.presences += presences;
        }
        counts
    }
}
