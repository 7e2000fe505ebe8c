//! A channel's place in a room, left by dropping it: however a socket ends, its channels are gone and so is their presence.

use std::sync::{Arc, atomic::Ordering};

use super::{
    broadcast::Broadcast,
    presence::Payload,
    room::{Cut, Room},
    topics::{RoomName, Topics},
};

#[derive(Debug)]
pub(super) struct Subscription {
    topics: Topics,
    name: RoomName,
    room: Arc<Room>,
    id: u64,
    cut: Arc<Cut>,
}

impl Subscription {
    pub(super) fn new(topics: Topics, name: RoomName, room: Arc<Room>, id: u64, cut: Arc<Cut>) -> Self {
        Self { topics, name, room, id, cut }
    }

    /// Whether the room has closed the channel; its peer was told.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.happened.load(Ordering::Acquire)
    }

    /// Changes what it may read, after a new token.
    pub(super) fn set_reads(&self, broadcasts: bool, presence: bool) {
        self.room.set_reads(self.id, broadcasts, presence);
    }

    /// Delivers a broadcast to the room, to oneself only if wanted.
    pub(super) fn broadcast(&self, broadcast: Broadcast<'_>, to_self: bool) {
        self.room.broadcast(broadcast, if to_self { None } else { Some(self.id) });
    }

    /// Says what is tracked under `key`, and tells everybody if that changed. Answers whether the hub has room for it.
    pub(super) fn track(&self, key: &str, payload: Payload) -> bool {
        self.room.track(self.id, key, payload)
    }

    /// Ends the channel's presence.
    pub(super) fn untrack(&self) {
        self.room.untrack(self.id);
    }

    /// Sends who is present to this channel alone.
    pub(super) fn send_state(&self) {
        self.room.send_state(self.id);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.topics.leave(&self.name, self.id);
    }
}
