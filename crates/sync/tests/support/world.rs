//! Several clients and one server in virtual time, with everything that can go wrong between them. Seeded: the same seed is the same run.

use std::collections::BTreeMap;

use cockpit_sync::{Effect, Event, wire::FeedMessage};
use serde_json::json;
use uuid::Uuid;

use super::{
    client::{Client, answer, failure, later},
    model_server::{Database, ModelServer},
    watch::Watch,
};

/// How long faults and people are at work.
pub(crate) const BUSY_MS: i64 = 15_000;
/// How long everything may take to come to rest afterwards.
pub(crate) const REST_MS: i64 = 120_000;

const TIMEOUT_MS: i64 = 4_000;

enum Item {
    /// A call reaches the server.
    Arrive {
        at: usize,
        life: u64,
        call: Effect,
        answer_lost: bool,
    },
    /// Something reaches a client.
    Deliver {
        at: usize,
        life: u64,
        event: Event,
    },
    Alarm {
        at: usize,
        life: u64,
        ms: i64,
    },
    /// The person at a client does something.
    Act {
        at: usize,
    },
    /// Something happens to the server or to a client as a whole.
    Trouble,
    /// The server goes back to its last backup.
    Restore,
}

/// A client and what is watched of it.
pub(crate) struct Slot {
    pub(crate) client: Client,
    pub(crate) watch: Watch,
    life: u64,
    /// Until then nothing of it gets through.
    cut_off_until: i64,
    topics: Vec<String>,
}

/// Everything.
pub(crate) struct World {
    pub(crate) server: ModelServer,
    pub(crate) slots: Vec<Slot>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) now: i64,
    pub(crate) rng: fastrand::Rng,
    queue: BTreeMap<(i64, u64), Item>,
    order: u64,
    backup: Option<Database>,
    /// Changes with every event; equal for equal runs.
    pub(crate) trace: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut server = ModelServer::new(seed);
        server.limit = 3;
        let slots = Vec::new();
        let (rng, queue) = (fastrand::Rng::with_seed(seed), BTreeMap::new());
        let mut world =
            Self { server, slots, counts: BTreeMap::new(), now: 0, rng, queue, order: 0, backup: None, trace: seed };
        for user in 1..=3 {
            world.server.join(user, user == 1);
            world.add(Client::new(user, seed ^ u64::from(user) << 32), Watch::new());
        }
        for n in 0..8 {
            world.plan(BUSY_MS * n / 8 + 700, Item::Trouble);
        }
        world
    }

    fn add(&mut self, client: Client, watch: Watch) {
        let at = self.slots.len();
        self.slots.push(Slot { client, watch, life: 0, cut_off_until: 0, topics: Vec::new() });
        self.plan_sign_in(at);
        let first = self.rng.i64(0..500);
        self.plan(first, Item::Act { at });
    }

    pub(crate) fn busy(&self) -> bool {
        self.now < BUSY_MS
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.busy() && self.rng.u32(0..100) < percent
    }

    fn plan(&mut self, after_ms: i64, item: Item) {
        self.order += 1;
        self.queue.insert((self.now + after_ms, self.order), item);
    }

    fn plan_sign_in(&mut self, at: usize) {
        let life = self.slots[at].life;
        let scopes = self.server.scopes_of(self.slots[at].client.user);
        let after = self.rng.i64(1..300);
        self.plan(after, Item::Deliver { at, life, event: Event::SignedIn { scopes } });
        self.plan(after + 50, Item::Deliver { at, life, event: Event::Socket { open: true } });
    }

    /// One thing that happens; false when the time is over or nothing is left to happen.
    pub(crate) fn happen(&mut self, until: i64) -> bool {
        if self.queue.first_key_value().is_none_or(|((time, _), _)| *time > until) {
            self.now = until;
            return false;
        }
        let Some(((time, _), item)) = self.queue.pop_first() else { return false };
        self.now = time;
        self.server.now_ms += 1;
        match item {
            Item::Arrive { at, life, call, answer_lost } => self.arrive(at, life, &call, answer_lost),
            Item::Deliver { at, life, event } if life == self.slots[at].life => self.deliver(at, event),
            Item::Alarm { at, life, ms }
                if life == self.slots[at].life && self.slots[at].client.wake_ms == Some(ms) =>
            {
                self.slots[at].client.wake_ms = None;
                self.deliver(at, Event::Tick);
            }
            Item::Act { at } if self.busy() => {
                self.act(at);
                let next = self.rng.i64(150..1_200);
                self.plan(next, Item::Act { at });
            }
            Item::Trouble if self.busy() => self.trouble(),
            Item::Restore if self.busy() => self.restore(),
            _ => {}
        }
        self.spread_feed();
        true
    }

    fn arrive(&mut self, at: usize, life: u64, call: &Effect, answer_lost: bool) {
        let user = self.slots[at].client.user;
        let event = answer(&mut self.server, user, call);
        if answer_lost {
            return self.count("answers lost");
        }
        let times = if self.chance(4) { 2 } else { 1 };
        for time in 0..times {
            let after = self.rng.i64(1..200);
            self.plan(after, Item::Deliver { at, life, event: event.clone() });
            if time == 1 {
                self.count("answers doubled");
            }
        }
    }

    fn deliver(&mut self, at: usize, event: Event) {
        self.trace = (self.trace ^ (self.now as u64) << 8 ^ at as u64).wrapping_mul(0x0100_0000_01b3);
        let slot = &mut self.slots[at];
        slot.client.mono_ms = self.now;
        match if self.now < BUSY_MS { self.rng.u32(0..100) } else { 99 } {
            0 => {
                slot.client.step_and_lose(event);
                self.revive(at);
                self.count("crashes before commit");
            }
            1 => {
                let lost = slot.client.step_and_die(event);
                slot.watch.hear(&lost);
                self.revive(at);
                self.count("crashes after commit");
            }
            _ => slot.client.step(event),
        }
        self.after_step(at);
    }

    fn revive(&mut self, at: usize) {
        self.slots[at].life += 1;
        self.slots[at].topics.clear();
        self.plan_sign_in(at);
    }

    /// Performs what the client wants done, and looks at it.
    pub(crate) fn after_step(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        let told = std::mem::take(&mut slot.client.told);
        slot.watch.hear(&told);
        slot.watch.look(&slot.client, &self.server);
        let life = slot.life;
        let calls = std::mem::take(&mut slot.client.calls);
        let (wake, topics) = (slot.client.wake_ms, slot.client.topics.clone());
        for call in calls {
            self.send(at, life, call);
        }
        if let Some(ms) = wake {
            self.plan((ms - self.now).max(0), Item::Alarm { at, life, ms });
        }
        if topics != self.slots[at].topics {
            for topic in &topics {
                let after = self.rng.i64(1..400);
                let event = Event::Channel { topic: topic.clone(), joined: true };
                self.plan(after, Item::Deliver { at, life, event });
            }
            self.slots[at].topics = topics;
        }
    }

    fn send(&mut self, at: usize, life: u64, call: Effect) {
        let timeout = failure(&call, later());
        self.plan(TIMEOUT_MS, Item::Deliver { at, life, event: timeout });
        if self.now < self.slots[at].cut_off_until || self.chance(6) {
            return self.count("requests lost");
        }
        if self.chance(4) {
            let after = self.rng.i64(TIMEOUT_MS..2 * TIMEOUT_MS);
            self.plan(after, Item::Arrive { at, life, call: call.clone(), answer_lost: false });
            return self.count("requests late");
        }
        if self.chance(4) {
            let after = self.rng.i64(1..2 * TIMEOUT_MS);
            self.plan(after, Item::Arrive { at, life, call: call.clone(), answer_lost: true });
            self.count("requests doubled");
        }
        let answer_lost = self.chance(7);
        let after = self.rng.i64(1..200);
        self.plan(after, Item::Arrive { at, life, call, answer_lost });
    }

    fn spread_feed(&mut self) {
        for (topic, scope, to) in std::mem::take(&mut self.server.feed) {
            for at in 0..self.slots.len() {
                if !self.slots[at].topics.contains(&topic) || self.now < self.slots[at].cut_off_until {
                    continue;
                }
                if self.chance(25) {
                    self.count("feed messages lost");
                    continue;
                }
                let (life, after) = (self.slots[at].life, self.rng.i64(1..1_500));
                self.plan(after, Item::Deliver { at, life, event: Event::Feed(FeedMessage { scope, to }) });
            }
        }
    }

    fn restore(&mut self) {
        if let Some(backup) = self.backup.take() {
            self.server.restore(backup);
            self.slots.iter_mut().for_each(|slot| slot.watch.server_went_back());
            self.count("restores");
        }
    }

    fn trouble(&mut self) {
        let at = self.rng.usize(0..self.slots.len());
        match self.rng.u32(0..12) {
            0 | 10 => self.backup = Some(self.server.backup()),
            1 | 2 => self.plan(0, Item::Restore),
            3 => {
                self.server.prune(2);
                self.count("prunings");
            }
            4 => {
                self.server.replace_logs();
                self.count("replaced logs");
            }
            5 => {
                let right = self.rng.bool();
                let user = self.slots[at].client.user;
                self.server.set_finance(user, right);
                self.count("rights changed");
            }
            6 if self.slots.len() < 4 => {
                let (copy, watch) = (self.slots[at].client.copy(self.rng.u64(..)), self.slots[at].watch.clone());
                self.add(copy, watch);
                self.count("data files copied");
            }
            7 => {
                self.slots[at].cut_off_until = self.now + self.rng.i64(1_000..6_000);
                let life = self.slots[at].life;
                self.plan(1, Item::Deliver { at, life, event: Event::Socket { open: false } });
                self.count("partitions");
            }
            8 => {
                self.deliver(at, Event::SignedOut);
                self.plan_sign_in(at);
                self.count("sessions ended");
            }
            9 => {
                let rows: Vec<_> =
                    (1..=5).map(|n| (Uuid::from_u128(n), json!({ "name": format!("o{}", self.now) }))).collect();
                self.server.write_many("tasks", &rows);
                self.count("large transactions");
            }
            _ => {
                self.server.write("project_budgets", Uuid::from_u128(1), json!({ "budget": self.now.to_string() }));
                let keys = self.server.db.rows.keys().filter(|(tbl, _)| tbl == "tasks");
                let ids: Vec<Uuid> = keys.map(|(_, id)| *id).collect();
                if let Some(id) = self.rng.choice(ids) {
                    self.server.purge("tasks", id);
                    self.count("purges");
                }
            }
        }
    }
}
