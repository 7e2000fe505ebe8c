//! Locks: what windows want, what the server answers, and what is told of it.

use cockpit_domain::{AppError, ErrorCode, MemberId, RecordId, Table};
use serde_json::{Value, json};

use crate::{
    core::{Core, Findings, Session},
    edit::Change,
    event::{CallError, Effect},
    locks::{
        Call, LockKey, News, What,
        wire::{HeartbeatAnswer, LockAnswer, LockInfo, UnlockAnswer},
    },
    overlay::visible_fields,
    schedule::{Lane, Problem},
    store::{OutboxState, RecordKey, Store, Stored},
    time::Now,
    wire::MutationOp,
};

/// Hints of other clients may come as often as somebody likes; they cause at most one pull in this time.
const HINT_SPREAD_MS: i64 = 100;

impl Core {
    /// Whether this device believes at this moment to hold the lock on a record's form.
    pub fn holds_lock(&self, key: RecordKey, now: Now) -> bool {
        LockKey::of(key).is_some_and(|key| self.locks.is_held(key, now))
    }

    /// The fence that a change carries: that of the lock, if one is held that covers what it changes.
    pub(super) fn fence_of(&self, change: &Change, now: Now) -> Option<i64> {
        let table = change.key.table;
        let is_covered = match change.op {
            MutationOp::Update => change.set.keys().any(|name| table.column(name).is_some_and(|column| column.locked)),
            MutationOp::Delete => true,
            MutationOp::Insert | MutationOp::Restore => false,
        };
        let key = LockKey::of(change.key).filter(|_| is_covered)?;
        self.locks.fence(key, now)
    }

    pub(super) fn begin_lock(&mut self, key: RecordKey, window: String, take_over: bool) {
        if let Some(key) = LockKey::of(key) {
            self.locks.begin(key, window, take_over);
        }
    }

    pub(super) fn end_lock(&mut self, key: RecordKey, window: &str, now: Now) {
        if let Some(key) = LockKey::of(key) {
            self.locks.end(key, window, now.mono_ms + self.options.lock_ttl_ms);
        }
    }

    /// Ends the locks of a window, or of all of them: then at once, because nobody may be there to hear an answer.
    pub(super) fn end_locks(
        &mut self,
        window: Option<&str>,
        now: Now,
        store: &dyn Store,
        found: &mut Findings,
    ) -> Stored<()> {
        if let Some(window) = window {
            self.locks.end_window(window, now.mono_ms + self.options.lock_ttl_ms);
            return Ok(());
        }
        let all = self.locks.end_all();
        self.lock_calls.reset();
        self.heartbeats.reset();
        if self.session == Session::Present {
            let device = store.device()?;
            for (key, window) in all {
                self.requests += 1;
                let (request, record_type, record) = (self.requests, key.record_type, key.record);
                found.effects.push(Effect::Unlock { request, device, window, record_type, record });
            }
        }
        Ok(())
    }

    pub(super) fn forget_locks(&mut self) {
        self.locks.forget();
        self.lock_calls.reset();
        self.heartbeats.reset();
    }

    /// Something that another client says: a reason to ask the server, and nothing more.
    pub(super) fn hint(&mut self, now: Now) {
        self.pulls.ask_unless_backing_off(now.mono_ms + HINT_SPREAD_MS);
    }

    /// Takes the locks that were live when the server answered: what waited for one that is gone is tried again.
    pub(super) fn locks_seen(&mut self, locks: &[LockInfo], now: Now, store: &dyn Store) -> Stored<()> {
        let device = store.device()?;
        let is_locked = |key: RecordKey| {
            let key = LockKey::of(key);
            locks.iter().any(|lock| lock.device != device && key.is_some_and(|key| key.is_of(lock)))
        };
        if self.waits.release(is_locked, now) {
            self.pushes.ask_unless_backing_off(now.mono_ms);
        }
        Ok(())
    }

    pub(super) fn locked(
        &mut self,
        answer: Result<LockAnswer, CallError>,
        now: Now,
        store: &dyn Store,
        found: &mut Findings,
    ) -> Stored<()> {
        let begun = self.lock_calls.begun().unwrap_or(now);
        if let Ok(answer) = &answer {
            self.observe_clock(answer.server_ms, Some(begun), now, found);
        }
        let news = self.locks.locked(answer.as_ref().ok(), begun, now);
        found.effects.extend(news.map(|news| notice(news, store)).transpose()?);
        self.lock_call_ended(answer.map(drop), |core| &mut core.lock_calls, now);
        Ok(())
    }

    pub(super) fn unlocked(&mut self, answer: Result<UnlockAnswer, CallError>, now: Now) {
        self.locks.unlocked(answer.is_ok(), now);
        self.lock_call_ended(answer.map(drop), |core| &mut core.lock_calls, now);
    }

    pub(super) fn beaten(
        &mut self,
        answer: Result<HeartbeatAnswer, CallError>,
        now: Now,
        store: &dyn Store,
        found: &mut Findings,
    ) -> Stored<()> {
        let begun = self.heartbeats.begun().unwrap_or(now);
        if let Ok(answer) = &answer {
            self.observe_clock(answer.server_ms, Some(begun), now, found);
            for news in self.locks.beaten(answer, store.device()?, begun, now) {
                found.effects.push(notice(news, store)?);
            }
            self.locks_seen(&answer.locks, now, store)?;
        }
        self.lock_call_ended(answer.map(drop), |core| &mut core.heartbeats, now);
        Ok(())
    }

    fn lock_call_ended(&mut self, answer: Result<(), CallError>, lane: fn(&mut Self) -> &mut Lane, now: Now) {
        let (error, mismatch) = match answer {
            Ok(()) => return lane(self).succeeded(now.mono_ms),
            Err(CallError::SignInNeeded) => return self.end_session(Session::Ended),
            Err(CallError::Later(error)) => (error, false),
            Err(CallError::Mismatch(error)) => (error, true),
        };
        let mut rng = self.rng.fork();
        // A lease is short: where only the network fails, the next try must not come after its end.
        let pause_ms = if mismatch { self.options.retry_max_ms } else { self.options.lock_heartbeat_ms };
        lane(self).failed(Problem { error, mismatch }, now.mono_ms, pause_ms, &mut rng);
    }

    /// What time has done to locks. It comes before anything else of a step looks at them.
    pub(super) fn locks_age(&mut self, now: Now) {
        if self.locks.doubt(|lease| lease.is_believed(now)) {
            self.heartbeats.ask_unless_backing_off(now.mono_ms);
        }
        if self.locks.others_ended(now, self.options.lock_ttl_ms / 3) {
            self.pulls.ask_unless_backing_off(now.mono_ms);
        }
    }

    /// The machine may have slept: no lock is believed until the server has confirmed it again.
    pub(super) fn doubt_locks(&mut self, now: Now) {
        self.locks.doubt(|_| false);
        self.heartbeats.ask(now.mono_ms);
        self.lock_calls.ask(now.mono_ms);
    }

    /// Begins what is due about locks.
    pub(super) fn begin_lock_calls(&mut self, now: Now, store: &dyn Store, effects: &mut Vec<Effect>) -> Stored<()> {
        self.begin_lock_call(now, store, effects)?;
        let beating = self.locks.to_beat();
        if !self.heartbeats.is_idle() {
            return Ok(());
        }
        if beating.is_empty() {
            self.heartbeats.reset();
            return Ok(());
        }
        if self.heartbeats.wake_ms().is_none() {
            self.heartbeats.ask(now.mono_ms + self.options.lock_heartbeat_ms);
        }
        let request = self.requests + 1;
        if self.heartbeats.begin(now, request) {
            self.requests = request;
            let locks = self.locks.beats(beating);
            effects.push(Effect::Heartbeat { request, device: store.device()?, locks, seconds: self.lease_seconds() });
        }
        Ok(())
    }

    fn begin_lock_call(&mut self, now: Now, store: &dyn Store, effects: &mut Vec<Effect>) -> Stored<()> {
        if !self.lock_calls.is_idle() {
            return Ok(());
        }
        let Some(call) = self.locks.next_call(now, |key| unsent_under_lock(key, store))? else {
            self.lock_calls.reset();
            return Ok(());
        };
        self.lock_calls.ask_unless_backing_off(now.mono_ms);
        let request = self.requests + 1;
        if !self.lock_calls.begin(now, request) {
            return Ok(());
        }
        self.requests = request;
        self.locks.called(call.clone());
        let (device, seconds) = (store.device()?, self.lease_seconds());
        let Call { key: LockKey { record_type, record }, window, what } = call;
        effects.push(match what {
            What::Lock { take_over } => {
                Effect::Lock { request, device, window, record_type, record, seconds, take_over }
            }
            What::Unlock => Effect::Unlock { request, device, window, record_type, record },
        });
        Ok(())
    }

    /// Tells the locks if they are not what was told last.
    pub(super) fn tell_locks(&mut self, store: &dyn Store, effects: &mut Vec<Effect>) -> Stored<()> {
        let rows = self.locks.rows(store.device()?);
        if self.told_locks.as_ref() != Some(&rows) {
            self.told_locks = Some(rows.clone());
            effects.push(Effect::Locks { rows });
        }
        Ok(())
    }

    /// When something is due about locks.
    pub(super) fn locks_wake_ms(&self, now: Now) -> Option<i64> {
        let lanes = [self.lock_calls.wake_ms(), self.heartbeats.wake_ms()];
        let by_time = self.locks.wake_ms(now);
        lanes.into_iter().chain([by_time]).flatten().min()
    }

    fn lease_seconds(&self) -> i64 {
        self.options.lock_ttl_ms / 1000
    }
}

/// Whether a change that was written under a lock on the record is still on its way.
fn unsent_under_lock(key: LockKey, store: &dyn Store) -> Stored<bool> {
    for table in Table::ALL.into_iter().filter(|table| table.lock_type() == Some(key.record_type)) {
        let entries = store.outbox_of(RecordKey { table, id: key.record })?;
        let unsent = |state: &OutboxState| matches!(state, OutboxState::Queued | OutboxState::Sent { .. });
        if entries.iter().any(|entry| entry.fence.is_some() && unsent(&entry.state)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn notice(news: News, store: &dyn Store) -> Stored<Effect> {
    let (key, member, code, what) = match news {
        News::Refused { key, holder } => {
            (key, holder, "locked", "is editing this. What you change is kept, and sent when they have finished.")
        }
        News::TakenOver { key, by } => (
            key,
            by,
            "lock_lost",
            "has taken over editing this. Your text is kept; save it or copy it before you close the form.",
        ),
    };
    let name = name(member, store)?;
    let details = json!({ "code": code, "member": member, "name": name, "record_type": key.record_type });
    let name = name.as_deref().unwrap_or("Somebody else");
    let error = AppError::new(ErrorCode::Conflict, format!("{name} {what}")).with_details(details);
    let table = Table::ALL.into_iter().find(|table| table.lock_type() == Some(key.record_type));
    Ok(Effect::Notice { error, key: table.map(|table| RecordKey { table, id: key.record }) })
}

fn name(member: MemberId, store: &dyn Store) -> Stored<Option<String>> {
    let record = store.record(RecordKey { table: Table::TenantMembers, id: RecordId(member.0) })?;
    let name = visible_fields(record.as_ref())?.and_then(|row| row.get("name").cloned());
    Ok(name.as_ref().and_then(Value::as_str).filter(|name| !name.is_empty()).map(str::to_owned))
}
