//! The core itself: what it remembers between steps, and the order in which a step does things.

mod answers;
mod begin;
mod edits;
mod locks;

use std::collections::{BTreeMap, BTreeSet};

use cockpit_domain::{MutationId, ScopeId, ScopeKind, SyncPhase, SyncStatus, WaitingFor};

use crate::{
    event::{Effect, Event},
    locks::{LockRow, Locks},
    pull,
    schedule::Lane,
    server_clock::ServerClock,
    store::{Bootstrap, RecordKey, ScopeRecord, Store, Stored},
    time::Now,
    waiting::Waits,
    wire::{FeedMessage, ScopeInfo},
};

/// How the core behaves. The defaults are those of the app.
#[derive(Clone, Debug)]
pub struct CoreOptions {
    /// Seed of the jitter and of the ids the core makes itself. The app passes a random one, a simulation a fixed one.
    pub seed: u64,
    /// Pause between pulls while feed messages arrive.
    pub poll_ms: i64,
    /// Pause between pulls while they do not.
    pub poll_without_feed_ms: i64,
    /// The longest pause after failures, and the pause between tries when app and server do not fit.
    pub retry_max_ms: i64,
    /// Pause before a change is sent again whose record is locked by somebody else.
    pub waiting_ms: i64,
    /// How long a lock lasts on the server without a renewal: 10,000 to 300,000.
    pub lock_ttl_ms: i64,
    /// Pause between renewals of this device's locks, and the longest one between tries.
    pub lock_heartbeat_ms: i64,
}

impl Default for CoreOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            poll_ms: 30_000,
            poll_without_feed_ms: 5_000,
            retry_max_ms: 30_000,
            waiting_ms: 2_000,
            lock_ttl_ms: 30_000,
            lock_heartbeat_ms: 5_000,
        }
    }
}

/// The state of one workspace on one device. Everything that must survive is in the store; this is what may be lost.
#[derive(Debug)]
pub struct Core {
    options: CoreOptions,
    rng: fastrand::Rng,
    /// The store's scopes, kept here because every step needs them and only steps change them.
    scopes: BTreeMap<ScopeId, ScopeRecord>,
    session: Session,
    socket_open: bool,
    joined: BTreeSet<String>,
    wanted: Vec<String>,
    pulls: Lane,
    pages: Lane,
    pushes: Lane,
    requests: u64,
    /// Where the bootstrap stood when the page in flight was asked for.
    asked_page: Option<(ScopeId, Bootstrap)>,
    /// Whether an acknowledgement came after the pull in flight was begun; such a pull proves nothing about it.
    acknowledged_since_pull: bool,
    /// Acknowledged changes that were sent again, because the server's log does not have them.
    resent: BTreeSet<MutationId>,
    /// Records whose changes wait for somebody else's lock.
    waits: Waits,
    locks: Locks,
    /// `lock_record` and `unlock_record`, one at a time, so that what a window wanted last is what it gets.
    lock_calls: Lane,
    heartbeats: Lane,
    /// `None` before anything was told: windows may still show what an earlier core told.
    told_locks: Option<Vec<LockRow>>,
    /// Whether the last push was answered by a demand to number anew.
    renumbered: bool,
    caught_up: bool,
    /// The newest change of each scope that a hint told of and no pull has brought yet.
    hinted: BTreeMap<ScopeId, i64>,
    /// Pulls in a row that did not bring what a hint told of.
    behind_hints: u32,
    last_synced_ms: Option<i64>,
    server_clock: ServerClock,
    told: Option<SyncStatus>,
    wake_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    /// Nobody said yet whether there is one.
    Unknown,
    Present,
    Ended,
    /// The person is no longer in the workspace.
    Removed,
}

/// What one step has found to tell.
#[derive(Default)]
struct Findings {
    changed: BTreeSet<RecordKey>,
    effects: Vec<Effect>,
}

impl Core {
    /// Begins with what the store holds. Answers to calls of an earlier core on the same store must not be given to this one: its requests are
    /// counted anew.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(options: CoreOptions, store: &mut dyn Store) -> Stored<Self> {
        let scopes = store.scopes()?.into_iter().map(|scope| (scope.cursor.scope, scope)).collect();
        Ok(Self {
            rng: fastrand::Rng::with_seed(options.seed),
            options,
            scopes,
            session: Session::Unknown,
            socket_open: false,
            joined: BTreeSet::new(),
            wanted: Vec::new(),
            pulls: Lane::new(),
            pages: Lane::new(),
            pushes: Lane::new(),
            requests: 0,
            asked_page: None,
            acknowledged_since_pull: false,
            resent: BTreeSet::new(),
            waits: Waits::default(),
            locks: Locks::default(),
            lock_calls: Lane::new(),
            heartbeats: Lane::new(),
            told_locks: None,
            renumbered: false,
            caught_up: false,
            hinted: BTreeMap::new(),
            behind_hints: 0,
            last_synced_ms: None,
            server_clock: ServerClock::default(),
            told: None,
            wake_ms: None,
        })
    }

    /// Takes an event. Call it inside one transaction of the store, commit, and then perform the effects; on an error roll back, drop the
    /// core and open it again.
    ///
    /// # Errors
    /// When the store fails.
    pub fn step(&mut self, event: Event, now: Now, store: &mut dyn Store) -> Stored<Vec<Effect>> {
        let mut found = Findings::default();
        self.locks_age(now);
        match event {
            Event::SignedIn { scopes } => self.signed_in(scopes, now, store)?,
            Event::SignedOut => self.end_session(Session::Ended),
            Event::Pulled { request, answer } if self.pulls.end(request) => {
                self.pulled(answer, now, store, &mut found)?
            }
            Event::Paged { request, answer } if self.pages.end(request) => {
                self.paged(answer, now, store, &mut found)?
            }
            Event::Pushed { request, answer } if self.pushes.end(request) => {
                self.pushed(answer, now, store, &mut found)?
            }
            Event::Locked { request, answer } if self.lock_calls.end(request) => {
                self.locked(answer, now, store, &mut found)?
            }
            Event::Unlocked { request, answer } if self.lock_calls.end(request) => self.unlocked(answer, now),
            Event::Beaten { request, answer } if self.heartbeats.end(request) => {
                self.beaten(answer, now, store, &mut found)?
            }
            // The answer to a call that was given up; what it says will be said again.
            Event::Pulled { .. }
            | Event::Paged { .. }
            | Event::Pushed { .. }
            | Event::Locked { .. }
            | Event::Unlocked { .. }
            | Event::Beaten { .. } => {}
            Event::LockBegin { key, window } => self.begin_lock(key, window, false),
            Event::LockTakeOver { key, window } => self.begin_lock(key, window, true),
            Event::LockEnd { key, window } => self.end_lock(key, &window, now),
            Event::LocksEnd { window } => self.end_locks(window.as_deref(), now, store, &mut found)?,
            Event::Hint => self.hint(now),
            Event::Socket { open } => self.socket(open, now),
            Event::Channel { topic, joined } => self.channel(topic, joined, now),
            Event::Feed(message) => self.feed(&message, now),
            Event::Tick => self.wake_ms = None,
            Event::Nudge => self.nudge(now),
        }
        self.finish(found, now, store)
    }

    /// The state of sync.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self, store: &dyn Store) -> Stored<SyncStatus> {
        let counts = store.outbox_counts()?;
        let problems = || self.lanes().into_iter().filter_map(Lane::problem);
        let problem = problems().find(|problem| problem.mismatch).or_else(|| problems().next());
        Ok(SyncStatus {
            phase: self.phase(),
            pending: counts.pending,
            parked: counts.parked,
            last_synced_ms: self.last_synced_ms,
            problem: problem.map(|problem| problem.error.clone()),
        })
    }

    /// The rotating part of the names of the topics that the whole workspace shares; none before the tenant scope is known.
    pub fn tenant_key(&self) -> Option<&str> {
        self.scopes.values().find(|scope| scope.kind == ScopeKind::Tenant).map(|scope| scope.feed_key.as_str())
    }

    /// Whose lock the changes of a record wait for; `None` when they do not wait, or the server did not say.
    pub fn waiting_for(&self, key: RecordKey) -> Option<&WaitingFor> {
        self.waits.holder(key)
    }

    fn phase(&self) -> SyncPhase {
        let rows = self.scopes.values().filter_map(|scope| scope.bootstrap.as_ref()).map(|bootstrap| bootstrap.rows);
        match self.session {
            Session::Ended => SyncPhase::SignInNeeded,
            Session::Removed => SyncPhase::Removed,
            _ if self.lanes().into_iter().any(Lane::is_mismatched) => SyncPhase::UpdateRequired,
            _ if self.pulls.is_failing() || self.pages.is_failing() => SyncPhase::Offline,
            _ if self.scopes.values().any(|scope| scope.bootstrap.is_some()) => {
                SyncPhase::Bootstrap { rows: rows.sum() }
            }
            _ if !self.caught_up => SyncPhase::CatchingUp,
            _ if self.feed_arrives() => SyncPhase::Live,
            _ => SyncPhase::Polling,
        }
    }

    fn lanes(&self) -> [&Lane; 3] {
        [&self.pulls, &self.pages, &self.pushes]
    }

    fn signed_in(&mut self, scopes: Vec<ScopeInfo>, now: Now, store: &mut dyn Store) -> Stored<()> {
        for info in scopes {
            if !self.scopes.contains_key(&info.scope) {
                self.add_scope(pull::new_scope(info.scope, info.kind, info.feed_key), store)?;
            }
        }
        self.session = Session::Present;
        self.nudge(now);
        Ok(())
    }

    /// Takes a scope that was not known. One of a kind that this app has no table for would have nothing to show.
    fn add_scope(&mut self, scope: ScopeRecord, store: &mut dyn Store) -> Stored<()> {
        if scope.kind.tables().next().is_some() {
            store.put_scope(&scope)?;
            self.scopes.insert(scope.cursor.scope, scope);
        }
        Ok(())
    }

    /// Every answer that is still on its way is of a session that is over.
    fn end_session(&mut self, session: Session) {
        self.session = session;
        self.caught_up = false;
        self.joined.clear();
        self.waits.take();
        self.forget_locks();
        for lane in [&mut self.pulls, &mut self.pages, &mut self.pushes] {
            lane.reset();
        }
    }

    fn nudge(&mut self, now: Now) {
        self.server_clock.doubt();
        self.doubt_locks(now);
        for lane in [&mut self.pulls, &mut self.pages, &mut self.pushes] {
            lane.ask(now.mono_ms);
        }
    }

    fn socket(&mut self, open: bool, now: Now) {
        self.socket_open = open;
        if !open {
            self.joined.clear();
            let pause = self.poll_pause();
            self.pulls.ask_unless_backing_off(now.mono_ms + pause);
        }
    }

    fn channel(&mut self, topic: String, joined: bool, now: Now) {
        if joined {
            self.joined.insert(topic);
            // What happened between the last pull and the subscription was told to nobody.
            self.pulls.ask_unless_backing_off(now.mono_ms);
        } else {
            self.joined.remove(&topic);
            let pause = self.poll_pause();
            self.pulls.ask_unless_backing_off(now.mono_ms + pause);
        }
    }

    fn feed(&mut self, message: &FeedMessage, now: Now) {
        let news = match (self.scopes.get(&message.scope), message.to) {
            (Some(scope), Some(to)) => to > scope.cursor.seq,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if news {
            if let Some(to) = message.to {
                let known = self.hinted.entry(message.scope).or_insert(to);
                *known = to.max(*known);
            }
            // After a change of rights everybody is told at once; spreading the pulls keeps them from arriving at once too.
            let spread = if message.to.is_none() { self.rng.i64(0..=400) } else { 0 };
            self.pulls.ask_unless_backing_off(now.mono_ms + spread);
        }
    }

    fn feed_arrives(&self) -> bool {
        self.socket_open && !self.wanted.is_empty() && self.wanted.iter().all(|topic| self.joined.contains(topic))
    }

    fn poll_pause(&mut self) -> i64 {
        let pause = if self.feed_arrives() { self.options.poll_ms } else { self.options.poll_without_feed_ms };
        if crate::planted!("feed-trusted-without-pull") && self.feed_arrives() {
            return 1 << 40;
        }
        pause - pause / 5 + self.rng.i64(0..=pause * 2 / 5)
    }
}
