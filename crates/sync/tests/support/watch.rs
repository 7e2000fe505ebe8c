//! What is true of a client after every commit, whatever happened. Judged by the model server alone.

use std::collections::{BTreeMap, BTreeSet};

use cockpit_domain::{MutationId, RecordId, ScopeKind, Table};
use cockpit_sync::{
    Effect, OutboxState, RecordKey, Store,
    store::ScopeRecord,
    wire::{ChangeOp, Cursor, Fields, MutationOp},
};
use serde_json::Value;

use super::{
    client::{Client, task_key},
    model_server::{Logged, ModelServer, Scope},
};

/// What is remembered of one client.
#[derive(Clone)]
pub(crate) struct Watch {
    cursors: BTreeMap<cockpit_domain::ScopeId, (i64, Cursor)>,
    /// The last value this client wrote to a field, and the mutation that carries it.
    own: BTreeMap<(RecordId, String), (Value, MutationId)>,
    /// Every change that was ever in the outbox, by place, but those that took the place of another.
    pub(crate) written: BTreeMap<i64, MutationId>,
    pub(crate) seen: BTreeSet<MutationId>,
    /// Changes that were seen parked because the server refused them themselves.
    pub(crate) parked: BTreeSet<MutationId>,
    /// Changes that a person gave up or sent again as another.
    pub(crate) given_up: BTreeSet<MutationId>,
    /// Rows that were compared with the log already.
    compared: BTreeSet<(RecordId, uuid::Uuid)>,
    pub(crate) notices: usize,
    pub(crate) flickers_looked_for: u64,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            cursors: BTreeMap::new(),
            own: BTreeMap::new(),
            written: BTreeMap::new(),
            seen: BTreeSet::new(),
            parked: BTreeSet::new(),
            given_up: BTreeSet::new(),
            compared: BTreeSet::new(),
            notices: 0,
            flickers_looked_for: 0,
        }
    }

    pub(crate) fn hear(&mut self, effects: &[Effect]) {
        self.notices += effects.iter().filter(|effect| matches!(effect, Effect::Notice { .. })).count();
    }

    /// What the server said of a time that never was is no measure any more.
    pub(crate) fn server_went_back(&mut self) {
        self.own.clear();
        self.compared.clear();
    }

    pub(crate) fn discarding(&mut self, client: &Client, mutation: MutationId) {
        let entries = client.outbox();
        let key = entries.iter().find(|entry| entry.mutation == mutation).unwrap().key;
        let all = entries.iter().filter(|entry| entry.key == key && matches!(entry.state, OutboxState::Parked { .. }));
        self.given_up.extend(all.map(|entry| entry.mutation));
    }

    pub(crate) fn visible_tasks(&self, client: &Client) -> Vec<RecordId> {
        let tasks =
            client.store.records().filter(|(key, record)| key.table == Table::Tasks && record.visible.is_some());
        tasks.map(|(key, _)| key.id).collect()
    }

    /// Looks at a client after a commit.
    pub(crate) fn look(&mut self, client: &Client, server: &ModelServer) {
        self.note_outbox(client);
        for scope in client.store.scopes().unwrap() {
            self.look_at_cursor(&scope, client, server);
        }
        self.look_at_screen(client, server);
    }

    fn note_outbox(&mut self, client: &Client) {
        for entry in client.outbox() {
            if let OutboxState::Parked { error } = &entry.state
                && error.details.get("after").is_none()
            {
                self.parked.insert(entry.mutation);
            }
            if !self.seen.insert(entry.mutation) {
                continue;
            }
            if self.written.last_key_value().is_none_or(|(last, _)| entry.position > *last) {
                self.written.insert(entry.position, entry.mutation);
                for (column, value) in &entry.set {
                    self.own.insert((entry.key.id, column.clone()), (value.clone(), entry.mutation));
                }
            }
        }
    }

    /// Invariants 5 and 7: a cursor moves forward but for a refetch, stands between transactions, and passes nothing that is not applied.
    fn look_at_cursor(&mut self, scope: &ScopeRecord, client: &Client, server: &ModelServer) {
        // The end of a fetch may set it back, because the server demanded it.
        let before = match scope.bootstrap {
            None => self.cursors.insert(scope.cursor.scope, (scope.generation, scope.cursor)),
            Some(_) => self.cursors.remove(&scope.cursor.scope),
        };
        if let Some((generation, cursor)) = before
            && generation == scope.generation
        {
            assert!(scope.cursor.seq >= cursor.seq || scope.cursor.epoch != cursor.epoch, "a cursor moved back");
        }
        let Some(log) = server.db.scopes.iter().find(|of| of.id == scope.cursor.scope) else { return };
        let (seq, fits) = (scope.cursor.seq, fits(log, &scope.cursor));
        // Before the log has shown that the pages of a bootstrap are of its history, rows may be of another, and the next pull tells.
        if scope.bootstrap.is_some() || !scope.read_at.is_empty() || !fits {
            return;
        }
        let xid_at = |seq| log.log.iter().find(|logged| logged.change.seq == seq).map(|logged| &logged.change.xid);
        assert!(xid_at(seq).is_none() || xid_at(seq) != xid_at(seq + 1), "a cursor stands within a transaction");
        let mut newest = BTreeMap::new();
        for logged in log.log.iter().filter(|logged| logged.change.seq <= seq) {
            newest.insert((&logged.change.tbl, logged.change.id), logged);
        }
        for ((tbl, id), logged) in newest {
            let Some(table) = Table::from_name(tbl) else { continue };
            let record = client.store.record(RecordKey { table, id }).unwrap();
            let confirmed = record.as_ref().and_then(|record| record.confirmed.as_deref());
            if logged.change.op == ChangeOp::Delete {
                let back = record.as_ref().is_some_and(|record| record.version > logged.change.version);
                assert!(confirmed.is_none() || back, "a purged record stayed: {id}");
                continue;
            }
            // A bootstrap reads rows later than its cursor, and so may miss what was purged after it.
            let purged = |later: &Logged| later.change.id == id && later.change.op == ChangeOp::Delete;
            if confirmed.is_none() && log.log.iter().any(|later| later.change.seq > seq && purged(later)) {
                continue;
            }
            let record =
                record.as_ref().unwrap_or_else(|| panic!("the cursor passed a change of {id} that was not applied"));
            assert!(record.version >= logged.change.version, "the cursor passed a change of {id} that was not applied");
            let mut first_look = || self.compared.insert((id, logged.change.mark));
            if record.version == logged.change.version && first_look() {
                let row: Fields = serde_json::from_str(confirmed.unwrap()).unwrap();
                assert_eq!(row, logged.fields, "version {} of {id} is not what the server has", record.version);
            }
        }
    }

    /// Invariant 10: a field shows what this client wrote last, or what somebody wrote after it in the server's order.
    fn look_at_screen(&mut self, client: &Client, server: &ModelServer) {
        let outbox = client.outbox();
        let removed = client.store.scopes().unwrap().iter().all(|scope| scope.kind != ScopeKind::Tenant);
        for entry in &outbox {
            let unsent = matches!(entry.state, OutboxState::Queued | OutboxState::Sent { .. });
            if unsent && entry.op == MutationOp::Insert && !removed {
                assert!(client.visible(entry.key.id).is_some(), "an unsent task is not on the screen");
            }
        }
        let log = &server.scope(ScopeKind::Tenant).log;
        self.own.retain(|_, (_, mutation)| !server.rejected.contains_key(mutation));
        let parked = |id| outbox.iter().any(|e| e.mutation == id && matches!(e.state, OutboxState::Parked { .. }));
        for ((record, column), (value, mutation)) in &self.own {
            if column != "name" || parked(*mutation) || self.given_up.contains(mutation) {
                continue;
            }
            let row = client.store.record(task_key(*record)).unwrap().and_then(|record| record.visible);
            if row.is_some_and(|row| row.contains(&value.to_string())) {
                continue;
            }
            let Some(shown) = client.visible(*record).map(|row| row[column].clone()) else { continue };
            self.flickers_looked_for += 1;
            assert!(
                server.db.effects.contains_key(mutation),
                "{shown} is shown, but {value} was written and not sent yet"
            );
            let of_record = || log.iter().filter(|logged| logged.change.id == *record);
            // Without its place in the log nothing can be said: the log was replaced, or the change changed nothing.
            let Some(place) = of_record().find(|logged| logged.change.mutation == Some(*mutation)) else { continue };
            let later = of_record().filter(|logged| logged.change.seq > place.change.seq);
            let mut values = later.filter_map(|logged| logged.fields.get(column));
            let unsent = outbox.iter().any(|e| e.key.id == *record && e.set.get(column) == Some(&shown));
            assert!(
                unsent || values.any(|value| *value == shown),
                "{shown} is shown although {value} was written after it"
            );
        }
    }
}

fn fits(log: &Scope, cursor: &Cursor) -> bool {
    log.epoch == cursor.epoch && (cursor.seq == 0 || cursor.mark.is_some() && log.mark_at(cursor.seq) == cursor.mark)
}
