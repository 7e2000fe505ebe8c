//! What the model server answers to those who read: changes after a cursor, and pages of rows.

use cockpit_domain::ScopeId;
use cockpit_sync::{
    planted,
    wire::{Change, Cursor, Fields, PageAnswer, PullAnswer, PulledBody, PulledScope, PulledState},
};
use serde_json::{json, value::RawValue};
use uuid::Uuid;

use crate::model_server::{ModelServer, Scope, User, kind_of};

impl ModelServer {
    /// `sync_pull`.
    pub fn pull(&self, user: User, cursors: &[Cursor]) -> PullAnswer {
        let mut room = self.limit;
        let mut scopes = Vec::new();
        for cursor in cursors {
            let seen = self
                .db
                .scopes
                .iter()
                .find(|scope| scope.id == cursor.scope && (self.sees(user, scope) || planted!("right-ignored")));
            let Some(scope) = seen else {
                scopes.push(PulledScope { scope: cursor.scope, state: PulledState::Gone, body: None });
                continue;
            };
            let fits = cursor.epoch == scope.epoch
                && (planted!("min-seq-ignored") || cursor.seq >= scope.min_seq)
                && cursor.seq <= scope.head()
                && (cursor.seq == 0 || planted!("mark-ignored") || cursor.mark == scope.mark_at(cursor.seq));
            let state = if fits { PulledState::Ok } else { PulledState::MustRefetch };
            let from = if planted!("min-seq-ignored") { cursor.seq.max(scope.min_seq) } else { cursor.seq };
            let later = if fits { scope.after(from) } else { &[] };
            let changes: Vec<Change> = later.iter().take(room).map(|logged| logged.change.clone()).collect();
            room -= changes.len();
            let following = later.get(changes.len());
            let cut = following.is_some_and(|next| changes.last().is_some_and(|last| last.xid == next.change.xid));
            let body = self.body(scope, changes, !cut, following.is_some());
            scopes.push(PulledScope { scope: scope.id, state, body: Some(body) });
        }
        for scope in self.db.scopes.iter().filter(|scope| self.sees(user, scope)) {
            if !cursors.is_empty() && !cursors.iter().any(|cursor| cursor.scope == scope.id) {
                let body = Some(self.body(scope, vec![], true, false));
                scopes.push(PulledScope { scope: scope.id, state: PulledState::New, body });
            }
        }
        PullAnswer { server_ms: self.now_ms, scopes, locks: Some(self.live_locks()) }
    }

    fn body(&self, scope: &Scope, changes: Vec<Change>, tx_complete: bool, more: bool) -> PulledBody {
        let (kind, epoch, head, feed_key) = (scope.kind, scope.epoch, scope.head(), scope.feed_key.to_string());
        PulledBody { tenant: self.tenant, kind, epoch, head, feed_key, changes, tx_complete, more }
    }

    /// `sync_page`; `None` when the caller does not see the scope.
    pub fn page(&self, user: User, scope: ScopeId, tbl: &str, after: Option<Uuid>) -> Option<PageAnswer> {
        let scope = self.db.scopes.iter().find(|of| of.id == scope && self.sees(user, of))?;
        assert_eq!(kind_of(tbl), scope.kind, "a table is read from the scope it belongs to");
        let all = self.db.rows.iter().filter(|((of, id), _)| {
            of == tbl && after.is_none_or(|after| *id > after) && self.scope_of(tbl, *id).id == scope.id
        });
        let all: Vec<_> = all.collect();
        let next = (all.len() > self.limit).then(|| all[self.limit - 1].0.1);
        let raw = |row: &Fields| RawValue::from_string(json!(row).to_string()).unwrap();
        let rows = all.iter().take(self.limit).map(|(_, row)| raw(row)).collect();
        let (epoch, head, head_mark) = (scope.epoch, scope.head(), scope.mark_at(scope.head()));
        Some(PageAnswer { server_ms: self.now_ms, scope: scope.id, epoch, head, head_mark, rows, next })
    }
}
