//! What is true of a client after every commit, whatever happened. Judged by the model server alone.

use std::collections::{BTreeMap, BTreeSet};

use cockpit_domain::{MutationId, RecordId, ScopeId, Table};
use cockpit_sync::{
    Effect, OutboxEntry, OutboxState, RecordKey,
    store::ScopeRecord,
    wire::{ChangeOp, Cursor, Fields, MutationOp},
};
use serde_json::Value;

use crate::{
    client::Client,
    model_server::{Logged, ModelServer, Scope, kind_of},
};

/// Every so many looks everything is looked at, and otherwise what the step was about.
const THOROUGH: u64 = 50;

/// How far a clock may be wrong that was read from an answer: half of the longest time that an answer takes, and the machine's grain.
const CLOCK_ERROR_MS: i64 = 5_000;

/// What is remembered of one client.
#[derive(Clone, Default)]
pub struct Watch {
    cursors: BTreeMap<ScopeId, (i64, Cursor)>,
    /// The last value this client wrote to a field, and the mutation that carries it.
    own: BTreeMap<(RecordKey, String), (Value, MutationId)>,
    /// Every change that was ever in the outbox, by place, but those that took the place of another.
    pub written: BTreeMap<i64, MutationId>,
    /// Every change that was ever in the outbox.
    pub seen: BTreeSet<MutationId>,
    /// Changes that were seen parked because the server refused them themselves.
    pub parked: BTreeSet<MutationId>,
    /// Changes that a person gave up or sent again as another.
    pub given_up: BTreeSet<MutationId>,
    /// Rows that were compared with the log already.
    compared: BTreeSet<(RecordId, uuid::Uuid)>,
    /// How often the person was told of a refusal.
    pub notices: usize,
    /// Fields on the screen whose writer was somebody else.
    pub flickers_looked_for: u64,
    /// Records that effects named since the last look.
    touched: BTreeSet<RecordKey>,
    looks: u64,
}

impl Watch {
    /// Takes what the client told.
    pub fn hear(&mut self, effects: &[Effect], client: &Client, server: &ModelServer) {
        for effect in effects {
            match effect {
                Effect::Notice { .. } => self.notices += 1,
                Effect::Changed { keys } => self.touched.extend(keys),
                Effect::ServerClock { offset_ms } => {
                    let wrong = offset_ms + client.mono_ms - server.now_ms;
                    assert!(wrong.abs() <= CLOCK_ERROR_MS, "8: the server's clock is taken to be {wrong} ms off");
                }
                _ => {}
            }
        }
    }

    /// What the server said of a time that never was is no measure any more.
    pub fn server_went_back(&mut self) {
        self.own.clear();
        self.compared.clear();
    }

    /// A person gives a parked change up, with all parked changes of its record.
    pub fn discarding(&mut self, client: &Client, mutation: MutationId) {
        let entries = client.outbox();
        let key = entries.iter().find(|entry| entry.mutation == mutation).unwrap().key;
        let all = entries.iter().filter(|entry| entry.key == key && matches!(entry.state, OutboxState::Parked { .. }));
        self.given_up.extend(all.map(|entry| entry.mutation));
    }

    /// Looks at a client after a commit.
    pub fn look(&mut self, client: &Client, server: &ModelServer) {
        self.looks += 1;
        let thorough = self.looks.is_multiple_of(THOROUGH);
        let scopes = client.store.scopes().unwrap();
        for scope in &scopes {
            self.look_at_cursor(scope, thorough, client, server);
        }
        let touched = std::mem::take(&mut self.touched);
        if touched.is_empty() && !thorough {
            return;
        }
        let outbox = client.outbox();
        self.note_outbox(&outbox);
        self.look_at_screen(&outbox, &scopes, (!thorough).then_some(&touched), client, server);
        if thorough {
            for (key, record) in client.store.records() {
                let held = record.confirmed.is_none() || scopes.iter().any(|scope| scope.cursor.scope == record.scope);
                assert!(held, "12: {key:?} stayed although its scope is lost");
            }
        }
    }

    fn note_outbox(&mut self, outbox: &[OutboxEntry]) {
        for entry in outbox {
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
                    self.own.insert((entry.key, column.clone()), (value.clone(), entry.mutation));
                }
            }
        }
    }

    /// Invariants 5 and 7: a cursor moves forward but for a refetch, stands between transactions, and passes nothing that is not applied.
    fn look_at_cursor(&mut self, scope: &ScopeRecord, thorough: bool, client: &Client, server: &ModelServer) {
        // The end of a fetch may set it back, because the server demanded it.
        let before = match scope.bootstrap {
            None => self.cursors.insert(scope.cursor.scope, (scope.generation, scope.cursor)),
            Some(_) => self.cursors.remove(&scope.cursor.scope),
        };
        let mut from = 0;
        if let Some((generation, cursor)) = before
            && generation == scope.generation
        {
            assert!(scope.cursor.seq >= cursor.seq || scope.cursor.epoch != cursor.epoch, "5: a cursor moved back");
            from = if thorough { 0 } else { cursor.seq };
        }
        let Some(log) = server.db.scopes.iter().find(|of| of.id == scope.cursor.scope) else { return };
        let (seq, fits) = (scope.cursor.seq, fits(log, &scope.cursor));
        // Before the log has shown that the pages of a bootstrap are of its history, rows may be of another, and the next pull tells.
        if scope.bootstrap.is_some() || !scope.read_at.is_empty() || !fits {
            return;
        }
        let xid_at = |seq| log.at(seq).map(|logged| &logged.change.xid);
        assert!(xid_at(seq).is_none() || xid_at(seq) != xid_at(seq + 1), "7: a cursor stands within a transaction");
        let mut newest = BTreeMap::new();
        for logged in log.after(from).iter().take_while(|logged| logged.change.seq <= seq) {
            newest.insert((&logged.change.tbl, logged.change.id), logged);
        }
        for ((tbl, id), logged) in newest {
            let Some(table) = Table::from_name(tbl) else { continue };
            let record = client.store.record(RecordKey { table, id }).unwrap();
            let confirmed = record.as_ref().and_then(|record| record.confirmed.as_deref());
            if logged.change.op == ChangeOp::Delete {
                let back = record.as_ref().is_some_and(|record| record.version > logged.change.version);
                assert!(confirmed.is_none() || back, "5: a purged record stayed: {id}");
                continue;
            }
            // A bootstrap reads rows later than its cursor, and so may miss what was purged after it.
            let purged = |later: &Logged| later.change.id == id && later.change.op == ChangeOp::Delete;
            if confirmed.is_none() && log.after(seq).iter().any(purged) {
                continue;
            }
            let record =
                record.as_ref().unwrap_or_else(|| panic!("5: the cursor passed a change of {id} that was not applied"));
            assert!(
                record.version >= logged.change.version,
                "5: the cursor passed a change of {id} that was not applied"
            );
            let mut first_look = || self.compared.insert((id, logged.change.mark));
            if record.version == logged.change.version && first_look() {
                let row: Fields = serde_json::from_str(confirmed.unwrap()).unwrap();
                assert_eq!(row, logged.fields, "5: version {} of {id} is not what the server has", record.version);
            }
        }
    }

    /// Invariant 10: a field shows what this client wrote last, or what somebody wrote after it in the server's order. Looks at `only` those records.
    fn look_at_screen(
        &mut self,
        outbox: &[OutboxEntry],
        scopes: &[ScopeRecord],
        only: Option<&BTreeSet<RecordKey>>,
        client: &Client,
        server: &ModelServer,
    ) {
        let wanted = |key: &RecordKey| only.is_none_or(|only| only.contains(key));
        for entry in outbox.iter().filter(|entry| wanted(&entry.key)) {
            let unsent = matches!(entry.state, OutboxState::Queued | OutboxState::Sent { .. });
            // A scope that was lost and comes back shows them at the end of its bootstrap.
            let kind = entry.key.table.scope_kind();
            let held = scopes.iter().any(|scope| scope.kind == kind && scope.bootstrap.is_none());
            if unsent && entry.op == MutationOp::Insert && held {
                assert!(client.visible_of(entry.key).is_some(), "10: an unsent record is not on the screen");
            }
        }
        self.own.retain(|_, (_, mutation)| !server.rejected.contains_key(mutation));
        let parked = |id| outbox.iter().any(|e| e.mutation == id && matches!(e.state, OutboxState::Parked { .. }));
        for ((key, column), (value, mutation)) in self.own.iter().filter(|((key, _), _)| wanted(key)) {
            if !matches!(column.as_str(), "name" | "budget" | "value") {
                continue;
            }
            if parked(*mutation) || self.given_up.contains(mutation) {
                continue;
            }
            let Some(shown) = client.visible_of(*key).and_then(|row| row.get(column).cloned()) else { continue };
            if shown == *value {
                continue;
            }
            self.flickers_looked_for += 1;
            assert!(
                server.db.effects.contains_key(mutation),
                "10: {shown} is shown, but {value} was written and not sent yet"
            );
            let log = server.db.scopes.iter().filter(|scope| scope.kind == kind_of(key.table.name()));
            let of_record: Vec<&Logged> =
                log.flat_map(|scope| &scope.log).filter(|logged| logged.change.id == key.id).collect();
            // Without its place in the log nothing can be said: the log was replaced, or the change changed nothing.
            let Some(place) = of_record.iter().find(|logged| logged.change.mutation == Some(*mutation)) else {
                continue;
            };
            let later = of_record.iter().filter(|logged| logged.change.seq > place.change.seq);
            let mut values = later.filter_map(|logged| logged.fields.get(column));
            let unsent = outbox.iter().any(|e| e.key == *key && e.set.get(column) == Some(&shown));
            assert!(
                unsent || values.any(|value| *value == shown),
                "10: {shown} is shown although {value} was written after it"
            );
        }
    }
}

fn fits(log: &Scope, cursor: &Cursor) -> bool {
    log.epoch == cursor.epoch && (cursor.seq == 0 || cursor.mark.is_some() && log.mark_at(cursor.seq) == cursor.mark)
}
