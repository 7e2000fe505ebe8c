//! Who listens to what: the only state of Realtime, and it is gone with its sockets.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::extract::ws::Message;

use super::{broadcast::Broadcast, frame::Version, outbox::Outbox};

const PREFIX: &str = "realtime:";

/// All subscriptions of the hub. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topics {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    // A plain mutex: it is held to look up and to queue frames, which never waits, and never across an await.
    rooms: Mutex<HashMap<Room, HashMap<u64, Subscriber>>>,
    next: AtomicU64,
    /// Whether broadcasts from the database arrive at present.
    listening: AtomicBool,
}

/// A public and a private channel of one name are two rooms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Room {
    topic: String,
    private: bool,
}

#[derive(Debug)]
struct Subscriber {
    version: Version,
    outbox: Outbox,
}

/// A place in a room, left by dropping it.
#[derive(Debug)]
pub(super) struct Subscription {
    inner: Arc<Inner>,
    room: Room,
    id: u64,
}

impl Topics {
    /// Enters the room. `topic` has no `realtime:` prefix.
    pub(super) fn subscribe(&self, topic: &str, private: bool, version: Version, outbox: Outbox) -> Subscription {
        let room = Room { topic: topic.to_owned(), private };
        let id = self.inner.next.fetch_add(1, Ordering::Relaxed);
        let mut rooms = self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(room.clone()).or_default().insert(id, Subscriber { version, outbox });
        Subscription { inner: self.inner.clone(), room, id }
    }

    /// Says whether broadcasts from the database arrive at present.
    pub(super) fn set_listening(&self, listening: bool) {
        self.inner.listening.store(listening, Ordering::Release);
    }

    /// Whether broadcasts from the database arrive at present.
    pub(crate) fn is_listening(&self) -> bool {
        self.inner.listening.load(Ordering::Acquire)
    }

    /// Delivers a broadcast to everybody in the room.
    pub(super) fn broadcast(&self, topic: &str, private: bool, broadcast: Broadcast<'_>) {
        self.inner.broadcast(&Room { topic: topic.to_owned(), private }, broadcast, None);
    }
}

impl Subscription {
    /// Delivers a broadcast to the room, to oneself only if wanted.
    pub(super) fn broadcast(&self, broadcast: Broadcast<'_>, to_self: bool) {
        self.inner.broadcast(&self.room, broadcast, if to_self { None } else { Some(self.id) });
    }
}

impl Inner {
    fn broadcast(&self, room: &Room, broadcast: Broadcast<'_>, except: Option<u64>) {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(subscribers) = rooms.get(room) else { return };
        let topic = format!("{PREFIX}{}", room.topic);
        // One frame per version, made when the first who speaks it is met and shared by all others.
        let (mut first, mut second): (Option<Option<Message>>, Option<Option<Message>>) = (None, None);
        for (id, subscriber) in subscribers {
            if Some(*id) == except {
                continue;
            }
            let frame = match subscriber.version {
                Version::V1 => &mut first,
                Version::V2 => &mut second,
            };
            if let Some(frame) = frame.get_or_insert_with(|| broadcast.frame(&topic, subscriber.version)) {
                subscriber.outbox.send(frame.clone());
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut rooms = self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(subscribers) = rooms.get_mut(&self.room) {
            subscribers.remove(&self.id);
            if subscribers.is_empty() {
                rooms.remove(&self.room);
            }
        }
    }
}
