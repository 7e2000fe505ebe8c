//! What an answer, or the lack of one, changes.

use std::collections::BTreeSet;

use cockpit_domain::{AppError, ErrorCode, ScopeKind};

use crate::{
    core::{Core, Findings, Session},
    event::{CallError, Effect},
    outbox, pull,
    pull::{Applied, Paged},
    schedule::{Lane, Problem},
    store::{ScopeRecord, Store, Stored},
    time::Now,
    wire::{PageAnswer, PullAnswer, PulledBody, PulledScope, PulledState, PushAnswer, PushError},
};

/// Pulls that follow one that did not bring what a hint told of, after pauses that double: a second and a quarter in all.
const HINT_TRIES: u32 = 6;
const HINT_PAUSE_MS: i64 = 10;

impl Core {
    pub(super) fn pulled(
        &mut self,
        answer: Result<PullAnswer, CallError>,
        now: Now,
        store: &mut dyn Store,
        found: &mut Findings,
    ) -> Stored<()> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.caught_up = false;
                self.call_failed(error, |core| &mut core.pulls, now);
                return Ok(());
            }
        };
        self.observe_clock(answer.server_ms, self.pulls.begun(), now, found);
        let mut all = BTreeSet::new();
        for pulled in answer.scopes {
            all.insert(self.pulled_scope(pulled, store, found)?);
            if self.session == Session::Removed {
                return Ok(());
            }
        }
        if all.contains(&Applied::NotContiguous) {
            let message = "The server's answer has a gap. Nothing of it was taken; Cockpit asks again.";
            let error = AppError::retryable(ErrorCode::ServerFailed, message);
            self.call_failed(CallError::Later(error), |core| &mut core.pulls, now);
            return Ok(());
        }
        if let Some(locks) = answer.locks {
            self.locks.seen(&locks, store.device()?, now);
            self.locks_seen(&locks, now, store)?;
        }
        self.pulls.succeeded(now.mono_ms);
        self.caught_up = all.iter().all(|applied| *applied == Applied::Whole);
        if self.caught_up {
            self.last_synced_ms = Some(now.wall_ms);
        }
        // A pull that has more to fetch goes on at once, and is no try for what a hint told of.
        let pause = if all.contains(&Applied::More) {
            0
        } else {
            let poll = self.poll_pause();
            self.hint_pause().map_or(poll, |soon| soon.min(poll))
        };
        self.pulls.ask(now.mono_ms + pause);
        self.pages.ask_unless_backing_off(now.mono_ms);
        self.pushes.ask_unless_backing_off(now.mono_ms);
        Ok(())
    }

    fn pulled_scope(&mut self, pulled: PulledScope, store: &mut dyn Store, found: &mut Findings) -> Stored<Applied> {
        let known = self.scopes.remove(&pulled.scope);
        let mut applied = Applied::Whole;
        match (pulled.state, known, pulled.body) {
            (PulledState::Gone, Some(scope), _) => self.lose_scope(&scope, store, found)?,
            (PulledState::New, None, Some(body)) => {
                self.add_scope(pull::new_scope(pulled.scope, body.kind, body.feed_key), store)?;
                applied = Applied::Refetch;
            }
            // What this pull was asked for was only whether the scope is still there.
            (PulledState::MustRefetch | PulledState::Ok, Some(mut scope), Some(body)) if scope.bootstrap.is_some() => {
                scope.feed_key = body.feed_key;
                self.add_scope(scope, store)?;
            }
            (PulledState::MustRefetch, Some(mut scope), Some(body)) => {
                scope.feed_key = body.feed_key;
                self.refetch(scope, store)?;
                applied = Applied::Refetch;
            }
            (PulledState::Ok, Some(mut scope), Some(body)) => {
                applied = self.pulled_changes(&mut scope, body, store, found)?;
                if applied == Applied::Refetch {
                    self.refetch(scope, store)?;
                } else {
                    self.scopes.insert(pulled.scope, scope);
                }
            }
            (_, Some(scope), _) => drop(self.scopes.insert(pulled.scope, scope)),
            (_, None, _) => {}
        }
        Ok(applied)
    }

    fn pulled_changes(
        &mut self,
        scope: &mut ScopeRecord,
        body: PulledBody,
        store: &mut dyn Store,
        found: &mut Findings,
    ) -> Stored<Applied> {
        if scope.feed_key != body.feed_key {
            scope.feed_key.clone_from(&body.feed_key);
            store.put_scope(scope)?;
        }
        let head = body.head;
        let applied = pull::apply_changes(scope, body, store, &mut found.changed)?;
        if applied == Applied::Whole
            && scope.cursor.seq == head
            && !self.acknowledged_since_pull
            && !crate::planted!("acknowledged-not-resent")
        {
            // Everything is here, and still the log has not what was acknowledged: the server went back to an earlier state.
            outbox::send_again(scope.cursor.scope, head, &mut self.resent, store, &mut found.changed)?;
        }
        Ok(applied)
    }

    /// Fetches everything of a scope anew. Acknowledgements of the former log prove nothing in the new one, so those changes are sent again;
    /// their ids let the server answer without carrying them out twice.
    fn refetch(&mut self, mut scope: ScopeRecord, store: &mut dyn Store) -> Stored<()> {
        store.take_staged(scope.cursor.scope)?;
        pull::begin_bootstrap(&mut scope);
        if crate::planted!("refetch-drops-outbox") {
            for entry in store.outbox(crate::store::ALL)? {
                store.remove_outbox(entry.mutation)?;
            }
        }
        for entry in outbox::acknowledged_after(scope.cursor.scope, i64::MIN, store)? {
            self.resent.insert(entry.mutation);
            outbox::queue_again(entry, store)?;
        }
        self.add_scope(scope, store)
    }

    /// The person does not see the scope any more. Without the tenant scope they are out of the workspace.
    fn lose_scope(&mut self, scope: &ScopeRecord, store: &mut dyn Store, found: &mut Findings) -> Stored<()> {
        let mut lost = vec![scope.cursor.scope];
        if scope.kind == ScopeKind::Tenant {
            lost.extend(std::mem::take(&mut self.scopes).into_keys());
            self.end_session(Session::Removed);
            found.effects.push(Effect::Removed);
        }
        for scope in lost {
            found.changed.extend(store.remove_scope(scope)?);
            // What the server has taken is not unsent work, and no cursor will ever reach it here.
            for entry in outbox::acknowledged_after(scope, i64::MIN, store)? {
                store.remove_outbox(entry.mutation)?;
            }
        }
        Ok(())
    }

    pub(super) fn paged(
        &mut self,
        answer: Result<PageAnswer, CallError>,
        now: Now,
        store: &mut dyn Store,
        found: &mut Findings,
    ) -> Stored<()> {
        let asked = self.asked_page.take();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // Only a pull tells whether the server is away or the scope is lost.
                self.pulls.ask_unless_backing_off(now.mono_ms);
                self.call_failed(error, |core| &mut core.pages, now);
                return Ok(());
            }
        };
        self.observe_clock(answer.server_ms, self.pages.begun(), now, found);
        let read = match asked.and_then(|(scope, asked)| Some((self.scopes.get_mut(&scope)?, asked))) {
            // A bootstrap that was begun anew meanwhile reads everything from its own beginning.
            Some((scope, asked)) if scope.bootstrap.as_ref() == Some(&asked) => {
                pull::apply_page(scope, asked, &answer, store, &mut found.changed)?
            }
            _ => Paged::GoesOn,
        };
        if read == Paged::Unreadable {
            let message =
                "The server's rows are not what this version of Cockpit can read. Install the newest version.";
            let error = AppError::new(ErrorCode::SchemaTooNew, message);
            self.call_failed(CallError::Mismatch(error), |core| &mut core.pages, now);
            return Ok(());
        }
        self.pages.succeeded(now.mono_ms);
        self.pages.ask(now.mono_ms);
        if read == Paged::Complete {
            self.pulls.ask(now.mono_ms);
        }
        Ok(())
    }

    pub(super) fn pushed(
        &mut self,
        answer: Result<PushAnswer, CallError>,
        now: Now,
        store: &mut dyn Store,
        found: &mut Findings,
    ) -> Stored<()> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // Only a pull tells whether the server is away or just this call was unlucky.
                self.pulls.ask_unless_backing_off(now.mono_ms);
                self.call_failed(error, |core| &mut core.pushes, now);
                return Ok(());
            }
        };
        self.observe_clock(answer.server_ms, self.pushes.begun(), now, found);
        if answer.error == Some(PushError::DeviceForked) {
            self.forget_locks();
        }
        let scopes = &self.scopes;
        let known = |scope| scopes.contains_key(&scope);
        let settled = outbox::settle(&answer, known, now, &mut self.rng, store)?;
        found.changed.extend(settled.changed);
        found.effects.extend(settled.notices);
        for key in settled.let_through {
            self.waits.clear(key);
        }
        if let Some((key, holder)) = settled.waiting {
            self.waits.hold(key, holder, now.mono_ms + self.options.waiting_ms);
        }
        if settled.pull {
            self.acknowledged_since_pull = true;
            self.pulls.ask_unless_backing_off(now.mono_ms);
        }
        let stuck = if answer.error.is_some() { self.renumbered } else { settled.fates == 0 };
        self.renumbered = answer.error.is_some();
        if stuck {
            let message = "The server does not take the changes of this device. They are kept here and sent again.";
            let error = AppError::retryable(ErrorCode::ServerFailed, message);
            self.call_failed(CallError::Later(error), |core| &mut core.pushes, now);
        } else {
            self.pushes.succeeded(now.mono_ms);
            // Whatever is left goes at once; only what waits is left out until its pause is over.
            self.pushes.ask(now.mono_ms);
        }
        Ok(())
    }

    /// How soon to pull again because a hint told of a change that this pull has not brought. Hints come from the server's log of writes, where a
    /// commit can be read a moment before other transactions see it. What is not there after a few tries was in a history that is gone.
    fn hint_pause(&mut self) -> Option<i64> {
        let scopes = &self.scopes;
        self.hinted.retain(|scope, to| {
            scopes.get(scope).is_some_and(|scope| scope.bootstrap.is_none() && scope.cursor.seq < *to)
        });
        if self.hinted.is_empty() || self.behind_hints >= HINT_TRIES {
            self.hinted.clear();
            self.behind_hints = 0;
            return None;
        }
        self.behind_hints += 1;
        Some(HINT_PAUSE_MS << self.behind_hints)
    }

    pub(super) fn observe_clock(&mut self, server_ms: i64, begun: Option<Now>, now: Now, found: &mut Findings) {
        let server_ms = if crate::planted!("clock-from-client") { now.wall_ms } else { server_ms };
        let offset = begun.and_then(|begun| self.server_clock.observe(server_ms, begun, now));
        found.effects.extend(offset.map(|offset_ms| Effect::ServerClock { offset_ms }));
    }

    fn call_failed(&mut self, error: CallError, lane: fn(&mut Self) -> &mut Lane, now: Now) {
        let (error, mismatch) = match error {
            CallError::SignInNeeded => return self.end_session(Session::Ended),
            CallError::Later(error) => (error, false),
            CallError::Mismatch(error) => (error, true),
        };
        let mut rng = self.rng.fork();
        let retry_max_ms = self.options.retry_max_ms;
        lane(self).failed(Problem { error, mismatch }, now.mono_ms, retry_max_ms, &mut rng);
    }
}
