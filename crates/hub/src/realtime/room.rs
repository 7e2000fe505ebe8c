//! One room: its members, who is present, and the sending to all of them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::extract::ws::Message;
use serde::Serialize;
use serde_json::{json, value::RawValue};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{
    broadcast::Broadcast,
    frame::{Outgoing, Ref, Version, encode},
    outbox::Outbox,
    presence::{self, Book, Diff, Payload},
    topics::{Rates, RoomName},
};

const PREFIX: &str = "realtime:";

/// Where members meet.
#[derive(Debug)]
pub(super) struct Room {
    /// Without and with `realtime:`.
    name: String,
    topic: String,
    rates: Arc<Rates>,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    members: HashMap<u64, Member>,
    present: Book,
}

/// One channel of one socket, as the room needs to know it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) version: Version,
    pub(super) outbox: Outbox,
    pub(super) join_ref: Option<Ref>,
    pub(super) reads_broadcasts: bool,
    pub(super) reads_presence: bool,
    /// Messages that were replayed at the join and may still arrive live.
    pub(super) replayed: Vec<Uuid>,
    pub(super) cut: Arc<Cut>,
}

/// How a room tells a socket that one of its channels was closed over its head.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) happened: AtomicBool,
    /// Wakes the socket; shared by all its channels.
    pub(super) woken: Arc<Notify>,
}

impl Room {
    pub(super) fn new(name: &RoomName, rates: Arc<Rates>) -> Self {
        let topic = format!("{PREFIX}{}", name.topic);
        Self { name: name.topic.clone(), topic, rates, inside: Mutex::default() }
    }

    pub(super) fn enter(&self, id: u64, member: Member) {
        self.inside().members.insert(id, member);
    }

    /// Takes a member and its presence away, tells the others, and answers whether nobody is left.
    pub(super) fn leave(&self, id: u64) -> bool {
        let mut inside = self.inside();
        inside.members.remove(&id);
        self.end_presence(&mut inside, id);
        inside.members.is_empty()
    }

    pub(super) fn set_reads(&self, id: u64, broadcasts: bool, presence: bool) {
        if let Some(member) = self.inside().members.get_mut(&id) {
            (member.reads_broadcasts, member.reads_presence) = (broadcasts, presence);
        }
    }

    /// Delivers a broadcast to all members who may read it but `except`, and answers those who are falling behind. Only the database
    /// waits for them: a client that floods a room must not be able to hold up the hub.
    ///
    /// Above the hub's rate it is the receivers who lose their channel, as with the real server: each is told so, and gets this last
    /// broadcast.
    pub(super) fn broadcast(&self, broadcast: Broadcast<'_>, except: Option<u64>) -> Vec<Outbox> {
        let over = self.rates.messages.is_over();
        let id = broadcast.id();
        let mut inside = self.inside();
        let mut frames = Frames::default();
        let mut delivered = 0;
        let (mut cut, mut behind) = (Vec::new(), Vec::new());
        for (member_id, member) in &inside.members {
            if Some(*member_id) == except
                || !member.reads_broadcasts
                || id.is_some_and(|id| member.replayed.contains(&id))
            {
                continue;
            }
            if over {
                self.close_member(member);
                cut.push(*member_id);
            }
            if let Some(frame) = frames.get(member.version, |version| broadcast.frame(&self.topic, version)) {
                member.outbox.send(frame);
                delivered += 1;
                if member.outbox.is_behind() {
                    behind.push(member.outbox.clone());
                }
            }
        }
        for id in cut {
            if let Some(member) = inside.members.remove(&id) {
                member.cut.happened.store(true, Ordering::Release);
                member.cut.woken.notify_one();
            }
            self.end_presence(&mut inside, id);
        }
        self.rates.messages.add(delivered);
        behind
    }

    /// Tracks a payload, and tells everybody if it is a new one. Answers whether the hub has room for it.
    pub(super) fn track(&self, id: u64, key: &str, payload: Payload) -> bool {
        let mut inside = self.inside();
        // A channel that was cut meanwhile is no longer there, and must leave no ghost.
        if !inside.members.contains_key(&id) {
            return true;
        }
        let size = presence::size(key, &payload);
        // Relaxed, here and below: the sum only bounds memory and orders nothing. What two rooms add at one time may pass it by one each.
        if self.rates.present.load(Ordering::Relaxed).saturating_add(size) > self.rates.most_present {
            return false;
        }
        if let Some(diff) = inside.present.track(id, key, payload) {
            self.rates.present.fetch_add(size, Ordering::Relaxed);
            self.rates.present.fetch_sub(diff.left_size(), Ordering::Relaxed);
            self.tell(&inside, &diff);
        }
        true
    }

    pub(super) fn untrack(&self, id: u64) {
        let mut inside = self.inside();
        self.end_presence(&mut inside, id);
    }

    /// Sends the whole state to one member.
    pub(super) fn send_state(&self, id: u64) {
        let inside = self.inside();
        let Some(member) = inside.members.get(&id) else { return };
        let state = inside.present.state();
        if let Some(frame) = self.frame(member.version, member.join_ref.as_deref(), None, "presence_state", &state) {
            member.outbox.send(frame);
        }
    }

    /// How many members and presences there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        let inside = self.inside();
        (inside.members.len(), inside.present.len())
    }

    fn end_presence(&self, inside: &mut Inside, id: u64) {
        if let Some(diff) = inside.present.untrack(id) {
            self.rates.present.fetch_sub(diff.left_size(), Ordering::Relaxed);
            self.tell(inside, &diff);
        }
    }

    fn tell(&self, inside: &Inside, diff: &Diff) {
        let mut frames = Frames::default();
        let mut told = 0;
        for member in inside.members.values().filter(|member| member.reads_presence) {
            let frame = frames.get(member.version, |version| self.frame(version, None, None, "presence_diff", diff));
            if let Some(frame) = frame {
                member.outbox.send(frame);
                told += 1;
            }
        }
        self.rates.presence.add(told);
    }

    fn close_member(&self, member: &Member) {
        let why = json!({
            "message": "Too many messages per second", "status": "error", "extension": "system", "channel": self.name
        });
        let join_ref = member.join_ref.as_deref();
        let frames = [
            self.frame(member.version, join_ref, None, "system", why),
            self.frame(member.version, join_ref, join_ref, "phx_close", json!({})),
        ];
        frames.into_iter().flatten().for_each(|frame| member.outbox.send(frame));
    }

    fn frame<P: Serialize>(
        &self,
        version: Version,
        join_ref: Option<&RawValue>,
        reference: Option<&RawValue>,
        event: &str,
        payload: P,
    ) -> Option<Message> {
        encode(version, &Outgoing { join_ref, reference, topic: &self.topic, event, payload }).map(Message::Text)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One frame per version, made when the first who speaks it is met and shared by all others.
#[derive(Default)]
struct Frames {
    first: Option<Option<Message>>,
    second: Option<Option<Message>>,
}

impl Frames {
    fn get(&mut self, version: Version, make: impl FnOnce(Version) -> Option<Message>) -> Option<Message> {
        let frame = match version {
            Version::V1 => &mut self.first,
            Version::V2 => &mut self.second,
        };
        frame.get_or_insert_with(|| make(version)).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{
            broadcast::{Body, Meta},
            limits::{Limits, Timings},
            outbox::{Writer, outbox},
            presence::payload,
            subscription::Subscription,
            topics::Topics,
        },
        *,
    };

    fn hub(messages_per_second: u32) -> Topics {
        let timings = Timings { rate_tick: Duration::from_millis(1), ..Timings::default() };
        Topics::new(Limits { messages_per_second, ..Limits::lifted() }, &timings)
    }

    fn enter(topics: &Topics, replayed: Vec<Uuid>) -> (Subscription, Writer) {
        let (outbox, writer) = outbox();
        let cut = Arc::new(Cut { happened: AtomicBool::new(false), woken: Arc::default() });
        let member = Member {
            version: Version::V2,
            outbox,
            join_ref: serde_json::value::to_raw_value("1").ok(),
            reads_broadcasts: true,
            reads_presence: true,
            replayed,
            cut,
        };
        (topics.subscribe(RoomName { topic: "room".to_owned(), private: true }, member), writer)
    }

    #[test]
    fn what_was_replayed_is_not_delivered_again() {
        let topics = hub(u32::MAX);
        let (known, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (_subscription, mut writer) = enter(&topics, vec![known]);
        let json = RawValue::from_string("{}".to_owned()).unwrap();
        for id in [known, new] {
            let body = Body::Json(&json);
            topics.broadcast("room", true, Broadcast::Message { event: "e", meta: Some(Meta { id }), body });
        }
        let texts = writer.take_texts();
        assert!(texts.len() == 1 && texts[0].contains(&new.to_string()), "{texts:?}");
    }

    #[test]
    fn all_presences_together_are_bounded_and_give_their_room_back() {
        let limits = Limits { presence_bytes: 100, ..Limits::lifted() };
        let topics = Topics::new(limits, &Timings::default());
        let sized = |bytes: usize| payload(&format!(r#"{{"x":"{}"}}"#, "x".repeat(bytes))).unwrap();
        let ((one, _one), (other, _other)) = (enter(&topics, Vec::new()), enter(&topics, Vec::new()));
        assert!(one.track("k", sized(80)) && !other.track("k", sized(80)));
        // A smaller one in its place leaves room for the other.
        assert!(one.track("k", sized(10)) && other.track("k", sized(70)));
        drop((one, other));
        assert_eq!(topics.rates().present.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn above_the_rate_receivers_lose_their_channel_and_their_presence_and_the_sender_hears_nothing() {
        let topics = hub(1);
        let (sender, mut of_sender) = enter(&topics, Vec::new());
        let (receiver, mut of_receiver) = enter(&topics, Vec::new());
        assert!(receiver.track("r", payload("{}").unwrap()));
        assert_eq!((of_sender.take_texts().len(), of_receiver.take_texts().len()), (1, 1));
        topics.rates().messages.add(1_000_000);
        while !topics.rates().messages.is_over() {
            std::thread::yield_now();
        }
        let json = RawValue::from_string("{}".to_owned()).unwrap();
        sender.broadcast(Broadcast::Text(&json), false);
        let told = of_receiver.take_texts();
        assert!(told[0].contains("Too many messages per second"), "{told:?}");
        assert_eq!(told[1], r#"["1","1","realtime:room","phx_close",{}]"#);
        assert!(told[2].contains("\"broadcast\"") && told.len() == 3, "{told:?}");
        assert!(receiver.is_cut() && !sender.is_cut());
        let heard = of_sender.take_texts();
        assert!(heard.len() == 1 && heard[0].contains(r#""leaves":{"r""#), "{heard:?}");
        // What the cut channel still says comes to nothing, and leaves nothing behind.
        receiver.track("r", payload("{}").unwrap());
        assert_eq!((topics.counts().presences, topics.rates().present.load(Ordering::Relaxed)), (0, 0));
        drop((sender, receiver));
        assert_eq!(topics.counts(), crate::RealtimeCounts::default());
    }
}
