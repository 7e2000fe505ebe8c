//! One client: a core, its store, and the calls it wants made. [`Rig`] joins one with a server, for tests that decide every answer themselves.

use std::collections::VecDeque;

use cockpit_domain::{
    AppError, DeviceId, ErrorCode, MutationId, RecordId, SyncPhase, SyncStatus, Table, TaskDraft, TaskField,
    task_field::columns,
};
use cockpit_sync::{
    CallError, Core, CoreOptions, Edit, EditError, Edited, Effect, Event, MemoryStore, Now, OutboxEntry, RecordKey,
    Store, StoreError,
    wire::{Fields, ScopeInfo},
};
use serde_json::Value;
use uuid::Uuid;

use super::model_server::{ModelServer, User};

/// A core on its store. Effects other than calls are kept until somebody looks.
pub(crate) struct Client {
    pub(crate) user: User,
    pub(crate) store: MemoryStore,
    pub(crate) core: Core,
    pub(crate) options: CoreOptions,
    pub(crate) mono_ms: i64,
    /// How long the machine has slept in all: the wall clock went on, the monotonic one did not.
    pub(crate) slept_ms: i64,
    pub(crate) calls: VecDeque<Effect>,
    pub(crate) told: Vec<Effect>,
    pub(crate) wake_ms: Option<i64>,
    pub(crate) topics: Vec<String>,
    ids: fastrand::Rng,
}

impl Client {
    pub(crate) fn new(user: User, seed: u64) -> Self {
        let mut ids = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let mut store = MemoryStore::new(DeviceId(Uuid::from_u128(ids.u128(..))));
        let options = CoreOptions { seed, ..CoreOptions::default() };
        let core = Core::open(options.clone(), &mut store).unwrap();
        let (calls, told, topics) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { user, store, core, options, mono_ms: 0, slept_ms: 0, calls, told, wake_ms: None, topics, ids }
    }

    /// What a second machine is that was given a copy of this one's data file.
    pub(crate) fn copy(&self, seed: u64) -> Self {
        let mut copy = Self::new(self.user, seed);
        copy.store = self.store.clone();
        copy.mono_ms = self.mono_ms;
        copy.reopen();
        copy
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall_ms: 1_770_000_000_000 + self.mono_ms + self.slept_ms, mono_ms: self.mono_ms }
    }

    /// The process dies and starts again: what was not committed is gone, and so is every call and alarm.
    pub(crate) fn reopen(&mut self) {
        self.options.seed = self.options.seed.wrapping_mul(31).wrapping_add(7);
        self.core = Core::open(self.options.clone(), &mut self.store).unwrap();
        (self.calls, self.wake_ms, self.topics) = (VecDeque::new(), None, Vec::new());
    }

    pub(crate) fn step(&mut self, event: Event) {
        let now = self.now();
        let core = &mut self.core;
        let effects = self.store.transaction(|store| core.step(event, now, store)).unwrap();
        self.perform(effects);
    }

    /// A step whose transaction does not commit, as when the machine loses power.
    pub(crate) fn step_and_lose(&mut self, event: Event) {
        let now = self.now();
        let core = &mut self.core;
        let lost = self.store.transaction(|store| core.step(event, now, store).and(Err::<(), _>(StoreError::DiskFull)));
        assert_eq!(lost, Err(StoreError::DiskFull));
        self.reopen();
    }

    /// A step that commits and of whose effects nothing happens any more; answers what would have happened.
    pub(crate) fn step_and_die(&mut self, event: Event) -> Vec<Effect> {
        let now = self.now();
        let core = &mut self.core;
        let effects = self.store.transaction(|store| core.step(event, now, store)).unwrap();
        self.reopen();
        effects
    }

    pub(crate) fn try_edit(&mut self, edit: Edit) -> Result<Edited, EditError> {
        let (now, id) = (self.now(), MutationId(self.id()));
        let core = &mut self.core;
        let edited = self.store.transaction(|store| core.edit(edit, id, now, store))?;
        self.perform(edited.effects.clone());
        Ok(edited)
    }

    pub(crate) fn edit(&mut self, edit: Edit) -> Edited {
        self.try_edit(edit).unwrap()
    }

    pub(crate) fn id(&mut self) -> Uuid {
        Uuid::from_u128(self.ids.u128(..))
    }

    pub(crate) fn create(&mut self, name: &str) -> RecordId {
        let id = RecordId(self.id());
        let draft = TaskDraft { id, name: name.into(), set: vec![] };
        self.edit(Edit::Create { key: task(id), set: draft.columns() });
        id
    }

    pub(crate) fn set(&mut self, id: RecordId, field: TaskField) {
        self.edit(Edit::Change { key: task(id), set: columns(&[field]) });
    }

    pub(crate) fn rename(&mut self, id: RecordId, name: &str) {
        self.set(id, TaskField::Name(name.into()));
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Pull { .. }
                | Effect::Page { .. }
                | Effect::Push { .. }
                | Effect::Lock { .. }
                | Effect::Unlock { .. }
                | Effect::Heartbeat { .. } => self.calls.push_back(effect),
                Effect::WakeAt { mono_ms } => self.wake_ms = Some(mono_ms),
                Effect::Channels { topics } => self.topics = topics,
                other => self.told.push(other),
            }
        }
    }

    // ---- what the person and the tests see -------------------------------------------------------------------------------------------

    pub(crate) fn visible(&self, id: RecordId) -> Option<Fields> {
        let record = self.store.record(task_key(id)).unwrap()?;
        serde_json::from_str(&record.visible?).unwrap()
    }

    pub(crate) fn confirmed(&self, id: RecordId) -> Option<Fields> {
        let record = self.store.record(task_key(id)).unwrap()?;
        serde_json::from_str(&record.confirmed?).unwrap()
    }

    /// The visible value of a column; null when the record is not visible.
    pub(crate) fn shows(&self, id: RecordId, column: &str) -> Value {
        self.visible(id).and_then(|row| row.get(column).cloned()).unwrap_or(Value::Null)
    }

    pub(crate) fn status(&self) -> SyncStatus {
        self.core.status(&self.store).unwrap()
    }

    pub(crate) fn phase(&self) -> SyncPhase {
        self.status().phase
    }

    pub(crate) fn outbox(&self) -> Vec<OutboxEntry> {
        self.store.outbox(1000).unwrap()
    }

    pub(crate) fn take_notices(&mut self) -> Vec<AppError> {
        let told = std::mem::take(&mut self.told);
        told.into_iter()
            .filter_map(|effect| if let Effect::Notice { error, .. } = effect { Some(error) } else { None })
            .collect()
    }
}

pub(crate) fn task_key(id: RecordId) -> RecordKey {
    RecordKey { table: Table::Tasks, id }
}

pub(crate) fn later() -> CallError {
    CallError::Later(AppError::retryable(ErrorCode::ServerUnreachable, "The server does not answer."))
}

pub(crate) fn mismatch() -> CallError {
    CallError::Mismatch(AppError::new(ErrorCode::SchemaTooNew, "The server is newer. Install the newest version."))
}

/// What the server answers to a call, as the event the core gets.
pub(crate) fn answer(server: &mut ModelServer, user: User, call: &Effect) -> Event {
    // PostgREST answers our own errors with a status that the app cannot mend by waiting, and cannot mend at all.
    let refused = || later();
    match call {
        Effect::Pull { request, cursors } => {
            Event::Pulled { request: *request, answer: Ok(server.pull(user, cursors)) }
        }
        Effect::Page { request, scope, table, after } => {
            let answer = server.page(user, *scope, table.name(), *after).ok_or_else(refused);
            Event::Paged { request: *request, answer }
        }
        Effect::Push { request, device, batch } => {
            let answer = server.apply(user, *device, batch).ok_or_else(refused);
            Event::Pushed { request: *request, answer }
        }
        other => super::locks::answer(server, user, other),
    }
}

/// The event of a call that failed.
pub(crate) fn failure(call: &Effect, error: CallError) -> Event {
    match call {
        Effect::Pull { request, .. } => Event::Pulled { request: *request, answer: Err(error) },
        Effect::Page { request, .. } => Event::Paged { request: *request, answer: Err(error) },
        Effect::Push { request, .. } => Event::Pushed { request: *request, answer: Err(error) },
        Effect::Lock { request, .. } => Event::Locked { request: *request, answer: Err(error) },
        Effect::Unlock { request, .. } => Event::Unlocked { request: *request, answer: Err(error) },
        Effect::Heartbeat { request, .. } => Event::Beaten { request: *request, answer: Err(error) },
        other => panic!("{other:?} is not a call"),
    }
}

/// One client and its server.
pub(crate) struct Rig {
    pub(crate) client: Client,
    pub(crate) server: ModelServer,
}

impl Rig {
    /// Signed in, bootstrapped and quiet.
    pub(crate) fn ready() -> Self {
        let mut rig = Self::new();
        rig.sign_in();
        rig.settle();
        rig.client.told.clear();
        rig
    }

    pub(crate) fn new() -> Self {
        let mut server = ModelServer::new(1);
        server.join(1, false);
        Self { client: Client::new(1, 1), server }
    }

    pub(crate) fn scopes(&self) -> Vec<ScopeInfo> {
        self.server.scopes_of(self.client.user)
    }

    pub(crate) fn sign_in(&mut self) {
        let scopes = self.scopes();
        self.client.step(Event::SignedIn { scopes });
    }

    /// Answers every call at once until there is none; the clock stands still.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1000 {
            match self.client.calls.pop_front() {
                Some(call) => self.answer(&call),
                None => return,
            }
        }
        panic!("the client calls without an end while the clock stands still");
    }

    pub(crate) fn answer(&mut self, call: &Effect) {
        let event = answer(&mut self.server, self.client.user, call);
        self.client.step(event);
    }

    pub(crate) fn fail(&mut self, call: &Effect, error: CallError) {
        self.client.step(failure(call, error));
    }

    /// Takes the first call of a kind out of those the client wants made.
    pub(crate) fn take(&mut self, kind: Kind) -> Effect {
        let at = self.client.calls.iter().position(|call| kind.is(call));
        at.and_then(|at| self.client.calls.remove(at))
            .unwrap_or_else(|| panic!("no {kind:?} among {:?}", self.client.calls))
    }

    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.client.calls.iter().any(|call| kind.is(call))
    }

    /// Lets time pass, ringing the alarms; calls are answered at once.
    pub(crate) fn pass(&mut self, ms: i64) {
        let end = self.client.mono_ms + ms;
        while let Some(wake) = self.client.wake_ms.filter(|wake| *wake <= end) {
            self.client.mono_ms = wake.max(self.client.mono_ms);
            self.client.wake_ms = None;
            self.client.step(Event::Tick);
            self.settle();
        }
        self.client.mono_ms = end;
    }

    /// The feed of every wanted topic is confirmed.
    pub(crate) fn hear(&mut self) {
        self.client.step(Event::Socket { open: true });
        for topic in self.client.topics.clone() {
            self.client.step(Event::Channel { topic, joined: true });
        }
        self.settle();
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Pull,
    Page,
    Push,
    Lock,
    Unlock,
    Heartbeat,
}

impl Kind {
    pub(crate) fn is(self, call: &Effect) -> bool {
        matches!(
            (self, call),
            (Self::Pull, Effect::Pull { .. })
                | (Self::Page, Effect::Page { .. })
                | (Self::Push, Effect::Push { .. })
                | (Self::Lock, Effect::Lock { .. })
                | (Self::Unlock, Effect::Unlock { .. })
                | (Self::Heartbeat, Effect::Heartbeat { .. })
        )
    }
}

/// A task's key.
pub(crate) fn task(id: RecordId) -> RecordKey {
    RecordKey { table: Table::Tasks, id }
}
