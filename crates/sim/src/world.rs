//! Several clients and one server in virtual time, with everything that can go wrong between them. Seeded: the same seed is the same run.

use std::{collections::BTreeMap, path::PathBuf};

use cockpit_sync::{CallError, Effect, Event, StoreError, wire::FeedMessage};
use tempfile::TempDir;

use crate::{
    client::{Client, answer, failure, later},
    disk::Disk,
    model_server::{Database, ModelServer},
    watch::Watch,
};

/// How long faults and people are at work.
pub const BUSY_MS: i64 = 15_000;
/// How long everything may take to come to rest afterwards.
pub const REST_MS: i64 = 180_000;
/// After how long a call without an answer is given up.
pub const TIMEOUT_MS: i64 = 4_000;
/// Where the server's clock stands at the beginning, Unix milliseconds.
const SERVER_EPOCH_MS: i64 = 1_760_000_000_000;

/// How much happens in a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What everything follows from.
    pub seed: u64,
    /// Clients at the beginning; copies of their files come on top.
    pub clients: u32,
    /// What the person at each client does, at most.
    pub operations: u32,
    /// Troubles; what the network does all the time is not counted here.
    pub faults: u32,
    /// Whether a trace is kept as text.
    pub record: bool,
}

impl Plan {
    /// The usual size.
    pub fn new(seed: u64) -> Self {
        Self { seed, clients: 4, operations: 200, faults: 30, record: false }
    }
}

pub(crate) enum Item {
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
    /// A session is there, and the app has asked which workspaces the person sees.
    SignIn {
        at: usize,
        life: u64,
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
    /// A client's disk has room again.
    Room {
        at: usize,
    },
}

/// A client and what is watched of it.
pub struct Slot {
    /// The client.
    pub client: Client,
    /// What is watched of it.
    pub watch: Watch,
    pub(crate) life: u64,
    /// Until then nothing of it gets through.
    pub(crate) cut_off_until: i64,
    /// Until then its machine sleeps.
    pub(crate) asleep_until: i64,
    /// By how much its monotonic clock is behind the world, because it stood still in sleep.
    pub(crate) lag_ms: i64,
    pub(crate) acted: u32,
    /// A copy of its file, with what was watched of it then.
    pub(crate) saved: Option<(PathBuf, Watch)>,
    topics: Vec<String>,
}

/// Everything.
pub struct World {
    /// The server.
    pub server: ModelServer,
    /// The clients.
    pub slots: Vec<Slot>,
    /// How often what happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// The time, from 0.
    pub now: i64,
    /// Where all chance comes from.
    pub rng: fastrand::Rng,
    /// Changes with every event; equal for equal runs.
    pub trace: u64,
    /// What happened, if the plan says that it is kept.
    pub text: Vec<String>,
    pub(crate) plan: Plan,
    pub(crate) backup: Option<Database>,
    pub(crate) fails_until: i64,
    pub(crate) slow_until: i64,
    queue: BTreeMap<(i64, u64), Item>,
    order: u64,
    directory: TempDir,
    files: u32,
}

impl World {
    /// A server and clients that begin at it.
    pub fn new(plan: Plan) -> Self {
        let mut server = ModelServer::new(plan.seed);
        // What a file system in memory loses at a power cut is not what this is about: a crash is a step that was not committed.
        let memory = std::path::Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let rng = fastrand::Rng::with_seed(plan.seed);
        server.limit = 7;
        let mut world = Self {
            server,
            slots: Vec::new(),
            counts: BTreeMap::new(),
            now: 0,
            rng,
            trace: plan.seed,
            text: Vec::new(),
            backup: None,
            fails_until: 0,
            slow_until: 0,
            queue: BTreeMap::new(),
            order: 0,
            directory: tempfile::Builder::new().prefix("cockpit-sim-").tempdir_in(place).unwrap(),
            files: 0,
            plan,
        };
        for at in 0..world.plan.clients {
            // The last one is a second device of the first person's.
            let user = if at > 0 && at + 1 == world.plan.clients { 1 } else { at + 1 };
            if !world.server.db.members.contains_key(&user) {
                world.server.join(user, user != 2);
                world.server.give_private_scope(user);
            }
            let (path, seed) = (world.new_path(), world.plan.seed ^ u64::from(at + 1) << 32);
            let disk = Disk::file(&path, world.server.tenant);
            world.add(Client::fresh(disk, user, seed), Watch::default());
        }
        for n in 0..i64::from(world.plan.faults) {
            world.after(BUSY_MS * n / i64::from(world.plan.faults) + 300, Item::Trouble);
        }
        world
    }

    pub(crate) fn new_path(&mut self) -> PathBuf {
        self.files += 1;
        self.directory.path().join(format!("{}.sqlite", self.files))
    }

    pub(crate) fn add(&mut self, client: Client, watch: Watch) {
        let at = self.slots.len();
        let lag_ms = self.now - client.mono_ms;
        self.slots.push(Slot {
            client,
            watch,
            life: 0,
            cut_off_until: 0,
            asleep_until: 0,
            lag_ms,
            acted: 0,
            saved: None,
            topics: Vec::new(),
        });
        self.plan_sign_in(at);
        let first = self.rng.i64(0..500);
        self.after(first, Item::Act { at });
    }

    /// Whether faults and people are still at work.
    pub fn busy(&self) -> bool {
        self.now < BUSY_MS
    }

    /// Counts something that happened.
    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Writes a line of the trace, if one is kept.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if self.plan.record {
            self.text.push(format!("{:>7} {}", self.now, line()));
        }
    }

    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.busy() && self.rng.u32(0..100) < percent
    }

    pub(crate) fn after(&mut self, ms: i64, item: Item) {
        self.order += 1;
        self.queue.insert((self.now + ms, self.order), item);
    }

    pub(crate) fn plan_sign_in(&mut self, at: usize) {
        let life = self.slots[at].life;
        let after = self.rng.i64(1..300);
        self.after(after, Item::SignIn { at, life });
    }

    /// One thing that happens; false when the time is over or nothing is left to happen.
    pub fn happen(&mut self, until: i64) -> bool {
        if self.queue.first_key_value().is_none_or(|((time, _), _)| *time > until) {
            self.now = until;
            return false;
        }
        let Some(((time, _), item)) = self.queue.pop_first() else { return false };
        self.now = time;
        self.server.now_ms = SERVER_EPOCH_MS + time;
        match item {
            Item::Arrive { at, life, call, answer_lost } => self.arrive(at, life, &call, answer_lost),
            Item::Deliver { at, life, event } if life == self.slots[at].life => self.deliver(at, event),
            Item::SignIn { at, life } if life == self.slots[at].life => {
                let scopes = self.server.scopes_of(self.slots[at].client.user);
                if scopes.is_empty() {
                    // The app does not find the workspace, and asks again some time.
                    self.after(1_000, Item::SignIn { at, life });
                } else {
                    self.deliver(at, Event::SignedIn { scopes });
                    let life = self.slots[at].life;
                    self.after(50, Item::Deliver { at, life, event: Event::Socket { open: true } });
                }
            }
            Item::Alarm { at, life, ms }
                if life == self.slots[at].life && self.slots[at].client.wake_ms == Some(ms) =>
            {
                if self.wakes_at(at).is_none() {
                    self.slots[at].client.wake_ms = None;
                }
                self.deliver(at, Event::Tick);
            }
            Item::Act { at } if self.busy() && self.slots[at].acted < self.plan.operations => {
                if self.wakes_at(at).is_none() {
                    self.slots[at].acted += 1;
                    self.tell_time(at);
                    self.act(at);
                }
                let next = self.rng.i64(10..110);
                self.after(next, Item::Act { at });
            }
            Item::Trouble if self.busy() => self.trouble(),
            Item::Restore if self.busy() => self.restore(),
            Item::Room { at } => self.make_room(at),
            _ => {}
        }
        self.spread_feed();
        true
    }

    fn wakes_at(&self, at: usize) -> Option<i64> {
        Some(self.slots[at].asleep_until).filter(|until| *until > self.now)
    }

    pub(crate) fn tell_time(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        slot.client.mono_ms = self.now - slot.lag_ms;
    }

    fn arrive(&mut self, at: usize, life: u64, call: &Effect, answer_lost: bool) {
        if self.now < self.fails_until {
            self.count("calls the server failed at");
            let event = failure(call, later());
            return self.after(5, Item::Deliver { at, life, event });
        }
        let user = self.slots[at].client.user;
        let event = answer(&mut self.server, user, call);
        if answer_lost {
            return self.count("answers lost");
        }
        let times = if self.chance(4) { 2 } else { 1 };
        for time in 0..times {
            let mut after = self.rng.i64(1..150);
            if self.now < self.slow_until {
                after += self.rng.i64(500..3_000);
                self.count("answers slow");
            }
            self.after(after, Item::Deliver { at, life, event: event.clone() });
            if time == 1 {
                self.count("answers doubled");
            }
        }
    }

    pub(crate) fn deliver(&mut self, at: usize, event: Event) {
        if let Some(until) = self.wakes_at(at) {
            // What was on its way reaches the machine when it wakes.
            let life = self.slots[at].life;
            return self.after(until - self.now + 1, Item::Deliver { at, life, event });
        }
        self.hash(&event, at);
        self.note(|| format!("{at} {event:?}"));
        self.tell_time(at);
        let chance = if self.busy() { self.rng.u32(0..200) } else { 199 };
        let slot = &mut self.slots[at];
        match chance {
            0 => {
                slot.client.step_and_lose(event);
                self.count("crashes before commit");
                self.revive(at);
            }
            1 => {
                let lost = slot.client.step_and_die(event);
                slot.watch.hear(&lost, &slot.client, &self.server);
                self.count("crashes after commit");
                self.revive(at);
            }
            _ => match slot.client.try_step(event) {
                Ok(()) => {}
                Err(StoreError::DiskFull) => {
                    self.count("steps lost to a full disk");
                    self.revive(at);
                }
                Err(error) => panic!("{error}"),
            },
        }
        self.after_step(at);
    }

    fn hash(&mut self, event: &Event, at: usize) {
        let what = match event {
            Event::SignedIn { .. } => 1,
            Event::SignedOut => 2,
            Event::Pulled { request, .. } => 3 + (request << 8),
            Event::Paged { request, .. } => 4 + (request << 8),
            Event::Pushed { request, .. } => 5 + (request << 8),
            Event::Socket { .. } => 6,
            Event::Channel { .. } => 7,
            Event::Feed(_) => 8,
            Event::Tick => 9,
            Event::Nudge => 10,
            Event::Hint => 11,
            Event::LockBegin { .. } => 12,
            Event::LockTakeOver { .. } => 13,
            Event::LockEnd { .. } | Event::LocksEnd { .. } => 14,
            Event::Locked { request, .. } => 15 + (request << 8),
            Event::Unlocked { request, .. } => 16 + (request << 8),
            Event::Beaten { request, .. } => 17 + (request << 8),
        };
        for number in [self.now.unsigned_abs(), at as u64, what] {
            self.trace = (self.trace ^ number).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn revive(&mut self, at: usize) {
        self.slots[at].life += 1;
        self.slots[at].topics.clear();
        self.plan_sign_in(at);
    }

    /// Performs what the client wants done, and looks at it.
    pub(crate) fn after_step(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        let told = std::mem::take(&mut slot.client.told);
        slot.watch.hear(&told, &slot.client, &self.server);
        slot.watch.look(&slot.client, &self.server);
        let life = slot.life;
        let calls = std::mem::take(&mut slot.client.calls);
        let (wake, topics) = (slot.client.wake_ms, slot.client.topics.clone());
        for call in calls {
            self.send(at, life, call);
        }
        if let Some(ms) = wake {
            let in_ms = ms + self.slots[at].lag_ms - self.now;
            self.after(in_ms.max(0), Item::Alarm { at, life, ms });
        }
        if topics != self.slots[at].topics {
            for topic in &topics {
                let after = self.rng.i64(1..400);
                let event = Event::Channel { topic: topic.clone(), joined: true };
                self.after(after, Item::Deliver { at, life, event });
            }
            self.slots[at].topics = topics;
        }
    }

    fn send(&mut self, at: usize, life: u64, call: Effect) {
        match &call {
            Effect::Page { after: None, .. } => self.count("tables fetched"),
            Effect::Push { .. } => self.count("batches sent"),
            _ => {}
        }
        self.note(|| format!("{at} -> {call:?}"));
        let timeout = failure(&call, later());
        self.after(TIMEOUT_MS, Item::Deliver { at, life, event: timeout });
        if self.now < self.slots[at].cut_off_until || self.chance(4) {
            return self.count("requests lost");
        }
        if self.chance(3) {
            let after = self.rng.i64(TIMEOUT_MS..2 * TIMEOUT_MS);
            self.after(after, Item::Arrive { at, life, call: call.clone(), answer_lost: false });
            return self.count("requests late");
        }
        if self.chance(4) {
            let after = self.rng.i64(1..2 * TIMEOUT_MS);
            self.after(after, Item::Arrive { at, life, call: call.clone(), answer_lost: true });
            self.count("requests doubled");
        }
        if self.chance(1) {
            self.count("sessions refused");
            let event = failure(&call, CallError::SignInNeeded);
            self.after(20, Item::Deliver { at, life, event });
            return self.plan_sign_in(at);
        }
        let answer_lost = self.chance(5);
        let after = self.rng.i64(1..150);
        self.after(after, Item::Arrive { at, life, call, answer_lost });
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
                let times = if self.chance(5) { 2 } else { 1 };
                // A message can tell of a change before others can read it.
                let early = self.chance(2);
                let to = if early { to.map(|to| to + 1) } else { to };
                for what in std::iter::repeat_n("feed messages", 1)
                    .chain((times == 2).then_some("feed messages doubled"))
                    .chain(early.then_some("feed messages early"))
                {
                    self.count(what);
                }
                for _ in 0..times {
                    let (life, after) = (self.slots[at].life, self.rng.i64(1..1_500));
                    self.after(after, Item::Deliver { at, life, event: Event::Feed(FeedMessage { scope, to }) });
                }
            }
        }
    }
}
