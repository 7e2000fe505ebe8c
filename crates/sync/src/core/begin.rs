//! The end of every step: calls that are due begin, and what changed is told.

use crate::{
    core::{Core, Findings, Session},
    event::Effect,
    outbox, pull,
    schedule::Lane,
    store::{ScopeRecord, Store, Stored},
    time::Now,
    wire::Cursor,
};

impl Core {
    /// Begins what is due, and tells what changed.
    pub(super) fn finish(&mut self, found: Findings, now: Now, store: &mut dyn Store) -> Stored<Vec<Effect>> {
        let Findings { changed, mut effects } = found;
        if !changed.is_empty() {
            effects.push(Effect::Changed { keys: changed.into_iter().collect() });
        }
        self.join_channels(&mut effects);
        if self.session == Session::Present {
            self.begin_page(now, &mut effects);
            self.begin_pull(now, store, &mut effects)?;
            self.begin_push(now, store, &mut effects)?;
        }
        let status = self.status(store)?;
        if self.told.as_ref() != Some(&status) {
            self.told = Some(status.clone());
            effects.push(Effect::Status(status));
        }
        self.set_alarm(&mut effects);
        Ok(effects)
    }

    fn set_alarm(&mut self, effects: &mut Vec<Effect>) {
        let pushes = (!self.pushes_held()).then_some(&self.pushes);
        let wake = match self.session {
            Session::Present => {
                [Some(&self.pulls), Some(&self.pages), pushes].into_iter().flatten().filter_map(Lane::wake_ms).min()
            }
            _ => None,
        };
        if let Some(mono_ms) = wake
            && self.wake_ms != wake
        {
            effects.push(Effect::WakeAt { mono_ms });
        }
        self.wake_ms = wake;
    }

    fn join_channels(&mut self, effects: &mut Vec<Effect>) {
        let topics: Vec<String> = match self.session {
            Session::Present => self
                .scopes
                .values()
                .map(|scope| format!("fractal:{}:{}:changes", scope.cursor.scope, scope.feed_key))
                .collect(),
            // Without a session nothing may be listened to, and the next one has to join anew.
            _ => Vec::new(),
        };
        if topics != self.wanted {
            self.joined.retain(|topic| topics.contains(topic));
            self.wanted.clone_from(&topics);
            effects.push(Effect::Channels { topics });
        }
    }

    fn begin_page(&mut self, now: Now, effects: &mut Vec<Effect>) {
        // The tenant scope comes first: it is what a person waits for.
        let next = self.scopes.values().filter(|scope| scope.bootstrap.is_some()).min_by_key(|scope| scope.kind);
        let Some(ScopeRecord { cursor, bootstrap: Some(bootstrap), .. }) = next else {
            if self.pages.is_idle() {
                self.pages.reset();
            }
            return;
        };
        let request = self.requests + 1;
        if self.pages.begin(now, request) {
            self.requests = request;
            self.asked_page = Some((cursor.scope, bootstrap.clone()));
            let (scope, table, after) = (cursor.scope, bootstrap.table, bootstrap.after);
            effects.push(Effect::Page { request, scope, table, after });
        }
    }

    fn begin_pull(&mut self, now: Now, store: &dyn Store, effects: &mut Vec<Effect>) -> Stored<()> {
        let mut cursors = Vec::new();
        for scope in self.scopes.values() {
            if scope.bootstrap.is_none() {
                cursors.push(pull::ask_from(scope, store)?);
            } else if self.pages.is_failing() {
                // A page does not say that the scope is lost; a pull does. This cursor fits no log, so the answer brings no changes.
                cursors.push(Cursor { scope: scope.cursor.scope, epoch: 0, seq: 0, mark: None });
            }
        }
        let request = self.requests + 1;
        if cursors.is_empty() {
            // Nothing can be pulled before a bootstrap has ended, and its end asks for a pull.
            if self.pulls.is_idle() {
                self.pulls.reset();
            }
        } else if self.pulls.begin(now, request) {
            self.requests = request;
            self.acknowledged_since_pull = false;
            effects.push(Effect::Pull { request, cursors });
        }
        Ok(())
    }

    fn begin_push(&mut self, now: Now, store: &mut dyn Store, effects: &mut Vec<Effect>) -> Stored<()> {
        let request = self.requests + 1;
        if self.pushes_held() || !self.pushes.begin(now, request) {
            return Ok(());
        }
        let batch = outbox::next_batch(&mut self.waits, now, store)?;
        if batch.is_empty() {
            self.pushes.end(request);
            self.pushes.succeeded(now.mono_ms);
            if let Some(due_ms) = self.waits.next_ms() {
                self.pushes.ask(due_ms);
            }
        } else {
            self.requests = request;
            effects.push(Effect::Push { request, device: store.device()?, batch });
        }
        Ok(())
    }

    /// An app that cannot read what the server has must not write to it either.
    fn pushes_held(&self) -> bool {
        self.pulls.is_mismatched() || self.pages.is_mismatched()
    }
}
