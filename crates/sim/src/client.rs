//! One client: a core, its store, and the calls it wants made. [`Rig`] joins one with a server, for tests that decide every answer themselves.

use std::collections::VecDeque;

use cockpit_domain::{
    AppError, DeviceId, ErrorCode, MutationId, RecordId, SyncPhase, SyncStatus, Table, TaskDraft, TaskField,
    task_field::columns,
};
use cockpit_sync::{
    CallError, Core, CoreOptions, Edit, EditError, Edited, Effect, Event, Now, OutboxEntry, RecordKey, StoreError,
    wire::{Fields, ScopeInfo},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    disk::Disk,
    model_server::{ModelServer, User},
};

/// A core on its store. Effects other than calls are kept until somebody looks.
pub struct Client {
    /// Who uses it.
    pub user: User,
    /// Its data.
    pub store: Disk,
    /// The code under test.
    pub core: Core,
    /// What the core was opened with.
    pub options: CoreOptions,
    /// Its monotonic clock.
    pub mono_ms: i64,
    /// How long the machine has slept in all: the wall clock went on, the monotonic one did not.
    pub slept_ms: i64,
    /// How far its wall clock is wrong.
    pub skew_ms: i64,
    /// Calls to be made.
    pub calls: VecDeque<Effect>,
    /// Other effects, in order.
    pub told: Vec<Effect>,
    /// The alarm.
    pub wake_ms: Option<i64>,
    /// The topics it wants to hear.
    pub topics: Vec<String>,
    ids: fastrand::Rng,
}

impl Client {
    /// A new client with its data in memory.
    pub fn new(user: User, seed: u64) -> Self {
        let device = DeviceId(Uuid::from_u128(fastrand::Rng::with_seed(seed).u128(..)));
        Self::on(Disk::memory(device), user, seed)
    }

    /// A new client on new data.
    pub fn fresh(mut store: Disk, user: User, seed: u64) -> Self {
        let device = DeviceId(Uuid::from_u128(fastrand::Rng::with_seed(seed).u128(..)));
        store.transaction(|store| store.set_device(device, 1)).unwrap();
        Self::on(store, user, seed)
    }

    /// A client on data that is there.
    pub fn on(mut store: Disk, user: User, seed: u64) -> Self {
        let ids = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let options = CoreOptions { seed, ..CoreOptions::default() };
        let core = store.transaction(|store| Core::open(options.clone(), store)).unwrap();
        let (calls, told, topics) = (VecDeque::new(), Vec::new(), Vec::new());
        Self {
            user,
            store,
            core,
            options,
            mono_ms: 0,
            slept_ms: 0,
            skew_ms: 0,
            calls,
            told,
            wake_ms: None,
            topics,
            ids,
        }
    }

    /// What a second machine is that was given a copy of this one's data file.
    pub fn copy(&self, seed: u64) -> Self {
        self.copy_to(std::path::Path::new(""), seed)
    }

    /// The same, with its data at `path`.
    pub fn copy_to(&self, path: &std::path::Path, seed: u64) -> Self {
        let mut copy = Self::on(self.store.copy(path), self.user, seed);
        copy.mono_ms = self.mono_ms;
        copy.reopen();
        copy
    }

    /// The time as this client reads it.
    pub fn now(&self) -> Now {
        Now { wall_ms: 1_770_000_000_000 + self.mono_ms + self.slept_ms + self.skew_ms, mono_ms: self.mono_ms }
    }

    /// The process dies and starts again: what was not committed is gone, and so is every call and alarm.
    pub fn reopen(&mut self) {
        self.options.seed = self.options.seed.wrapping_mul(31).wrapping_add(7);
        self.store.restart();
        let options = self.options.clone();
        self.core = self.store.transaction(|store| Core::open(options, store)).unwrap();
        (self.calls, self.wake_ms, self.topics) = (VecDeque::new(), None, Vec::new());
    }

    /// A step with its effects.
    pub fn step(&mut self, event: Event) {
        self.try_step(event).unwrap();
    }

    /// A step; after an error nothing of it happened, and the core is opened anew.
    ///
    /// # Errors
    /// Those of the store.
    pub fn try_step(&mut self, event: Event) -> Result<(), StoreError> {
        let now = self.now();
        let core = &mut self.core;
        let effects = self.store.transaction(|store| core.step(event, now, store));
        effects.map(|effects| self.perform(effects)).inspect_err(|_| self.reopen())
    }

    /// A step whose transaction does not commit, as when the machine loses power.
    pub fn step_and_lose(&mut self, event: Event) {
        let now = self.now();
        let core = &mut self.core;
        let lost = self.store.transaction(|store| core.step(event, now, store).and(Err::<(), _>(StoreError::Busy)));
        assert!(lost.is_err());
        self.reopen();
    }

    /// A step that commits and of whose effects nothing happens any more; answers what would have happened.
    pub fn step_and_die(&mut self, event: Event) -> Vec<Effect> {
        let now = self.now();
        let core = &mut self.core;
        let effects = self.store.transaction(|store| core.step(event, now, store));
        self.reopen();
        effects.unwrap_or_default()
    }

    /// What a person does; refused when the moment does not allow it.
    ///
    /// # Errors
    /// The refusal, or the store's failure.
    pub fn try_edit(&mut self, edit: Edit) -> Result<Edited, EditError> {
        let (now, id) = (self.now(), MutationId(self.id()));
        let core = &mut self.core;
        let edited = self.store.transaction(|store| core.edit(edit, id, now, store))?;
        self.perform(edited.effects.clone());
        Ok(edited)
    }

    /// What a person does.
    pub fn edit(&mut self, edit: Edit) -> Edited {
        self.try_edit(edit).unwrap()
    }

    /// A new id.
    pub fn id(&mut self) -> Uuid {
        Uuid::from_u128(self.ids.u128(..))
    }

    /// Makes a task.
    pub fn create(&mut self, name: &str) -> RecordId {
        let id = RecordId(self.id());
        let draft = TaskDraft { id, name: name.into(), set: vec![] };
        self.edit(Edit::Create { key: task(id), set: draft.columns() });
        id
    }

    /// Writes a field of a task.
    pub fn set(&mut self, id: RecordId, field: TaskField) {
        self.edit(Edit::Change { key: task(id), set: columns(&[field]) });
    }

    /// Writes the name of a task.
    pub fn rename(&mut self, id: RecordId, name: &str) {
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

    /// A task as the person sees it.
    pub fn visible(&self, id: RecordId) -> Option<Fields> {
        let record = self.store.record(task_key(id)).unwrap()?;
        serde_json::from_str(&record.visible?).unwrap()
    }

    /// A record as the person sees it.
    pub fn visible_of(&self, key: RecordKey) -> Option<Fields> {
        let record = self.store.record(key).unwrap()?;
        serde_json::from_str(&record.visible?).unwrap()
    }

    /// A task as the server confirmed it.
    pub fn confirmed(&self, id: RecordId) -> Option<Fields> {
        let record = self.store.record(task_key(id)).unwrap()?;
        serde_json::from_str(&record.confirmed?).unwrap()
    }

    /// The visible value of a column; null when the record is not visible.
    pub fn shows(&self, id: RecordId, column: &str) -> Value {
        self.visible(id).and_then(|row| row.get(column).cloned()).unwrap_or(Value::Null)
    }

    /// The state of sync.
    pub fn status(&self) -> SyncStatus {
        self.store.read(|store| self.core.status(store)).unwrap()
    }

    /// The phase of sync.
    pub fn phase(&self) -> SyncPhase {
        self.status().phase
    }

    /// The whole queue.
    pub fn outbox(&self) -> Vec<OutboxEntry> {
        self.store.outbox(1000).unwrap()
    }

    /// What the person was told, once.
    pub fn take_notices(&mut self) -> Vec<AppError> {
        let told = std::mem::take(&mut self.told);
        told.into_iter()
            .filter_map(|effect| if let Effect::Notice { error, .. } = effect { Some(error) } else { None })
            .collect()
    }
}

/// A task's key.
pub fn task_key(id: RecordId) -> RecordKey {
    RecordKey { table: Table::Tasks, id }
}

/// An answer that says: later.
pub fn later() -> CallError {
    CallError::Later(AppError::retryable(ErrorCode::ServerUnreachable, "The server does not answer."))
}

/// An answer that says: this app is too old.
pub fn mismatch() -> CallError {
    CallError::Mismatch(AppError::new(ErrorCode::SchemaTooNew, "The server is newer. Install the newest version."))
}

/// What the server answers to a call, as the event the core gets.
pub fn answer(server: &mut ModelServer, user: User, call: &Effect) -> Event {
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
pub fn failure(call: &Effect, error: CallError) -> Event {
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
pub struct Rig {
    /// The client.
    pub client: Client,
    /// Its server.
    pub server: ModelServer,
}

impl Default for Rig {
    fn default() -> Self {
        Self::new()
    }
}

impl Rig {
    /// Signed in, bootstrapped and quiet.
    pub fn ready() -> Self {
        let mut rig = Self::new();
        rig.sign_in();
        rig.settle();
        rig.client.told.clear();
        rig
    }

    /// Not signed in yet.
    pub fn new() -> Self {
        let mut server = ModelServer::new(1);
        server.join(1, false);
        Self { client: Client::new(1, 1), server }
    }

    /// What the person sees.
    pub fn scopes(&self) -> Vec<ScopeInfo> {
        self.server.scopes_of(self.client.user)
    }

    /// Signs in.
    pub fn sign_in(&mut self) {
        let scopes = self.scopes();
        self.client.step(Event::SignedIn { scopes });
    }

    /// Answers every call at once until there is none; the clock stands still.
    pub fn settle(&mut self) {
        for _ in 0..1000 {
            match self.client.calls.pop_front() {
                Some(call) => self.answer(&call),
                None => return,
            }
        }
        panic!("the client calls without an end while the clock stands still");
    }

    /// Lets the server answer a call.
    pub fn answer(&mut self, call: &Effect) {
        let event = answer(&mut self.server, self.client.user, call);
        self.client.step(event);
    }

    /// Lets a call fail.
    pub fn fail(&mut self, call: &Effect, error: CallError) {
        self.client.step(failure(call, error));
    }

    /// Takes the first call of a kind out of those the client wants made.
    pub fn take(&mut self, kind: Kind) -> Effect {
        let at = self.client.calls.iter().position(|call| kind.is(call));
        at.and_then(|at| self.client.calls.remove(at))
            .unwrap_or_else(|| panic!("no {kind:?} among {:?}", self.client.calls))
    }

    /// Whether a call of a kind is wanted.
    pub fn wants(&self, kind: Kind) -> bool {
        self.client.calls.iter().any(|call| kind.is(call))
    }

    /// Lets time pass, ringing the alarms; calls are answered at once.
    pub fn pass(&mut self, ms: i64) {
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
    pub fn hear(&mut self) {
        self.client.step(Event::Socket { open: true });
        for topic in self.client.topics.clone() {
            self.client.step(Event::Channel { topic, joined: true });
        }
        self.settle();
    }
}

/// A kind of call.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `sync_pull`.
    Pull,
    /// `sync_page`.
    Page,
    /// `apply_mutations`.
    Push,
    /// `lock_record`.
    Lock,
    /// `unlock_record`.
    Unlock,
    /// `lock_heartbeat`.
    Heartbeat,
}

impl Kind {
    /// Whether a call is of this kind.
    pub fn is(self, call: &Effect) -> bool {
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
pub fn task(id: RecordId) -> RecordKey {
    RecordKey { table: Table::Tasks, id }
}
