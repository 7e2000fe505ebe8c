//! A small model of the server: contiguous logs, marks, versions, a ledger per device, and merging by policy. It is the oracle, so it is written
//! from docs/sync-protocol.md and shares only the types of the wire with the code under test.

use std::collections::{BTreeMap, BTreeSet};

use cockpit_domain::{DeviceId, MutationId, RecordId, ScopeId, ScopeKind, TenantId};
use cockpit_sync::wire::{
    Change, ChangeOp, Fields, MutationOp, MutationResult, MutationStatus, PushAnswer, PushError, PushedScope,
    ScopeInfo, WireMutation,
};
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use super::{
    locks::Leases,
    merge::{self, Merged},
};

/// A person, by number.
pub(crate) type User = u32;

/// One logged row and what the checks want to know of it.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) change: Change,
    pub(crate) fields: Fields,
}

/// A scope with its log.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) id: ScopeId,
    pub(crate) kind: ScopeKind,
    pub(crate) epoch: i64,
    pub(crate) min_seq: i64,
    pub(crate) feed_key: u32,
    pub(crate) log: Vec<Logged>,
}

impl Scope {
    pub(crate) fn head(&self) -> i64 {
        self.log.last().map_or(0, |logged| logged.change.seq)
    }

    pub(crate) fn mark_at(&self, seq: i64) -> Option<Uuid> {
        self.log.iter().find(|logged| logged.change.seq == seq).map(|logged| logged.change.mark)
    }
}

/// The state that a backup of the server holds.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) scopes: Vec<Scope>,
    pub(crate) rows: BTreeMap<(String, Uuid), Fields>,
    purged: BTreeMap<(String, Uuid), i64>,
    ledger: BTreeMap<(User, DeviceId), Vec<(MutationId, MutationResult)>>,
    /// How often each mutation took effect.
    pub(crate) effects: BTreeMap<MutationId, u32>,
    /// First execution of every mutation, in order.
    pub(crate) executed: Vec<(DeviceId, MutationId)>,
    sent_by: BTreeMap<MutationId, DeviceId>,
    pub(crate) members: BTreeMap<User, bool>,
}

/// The server.
pub(crate) struct ModelServer {
    pub(crate) db: Database,
    pub(crate) tenant: TenantId,
    pub(crate) now_ms: i64,
    /// Changes per pull and rows per page.
    pub(crate) limit: usize,
    /// Feed messages that nobody has taken yet, with the topic they are for.
    pub(crate) feed: Vec<(String, ScopeId, Option<i64>)>,
    /// Mutations refused for good, by id.
    pub(crate) rejected: BTreeMap<MutationId, String>,
    /// Mutations that had taken effect in a history that a restore threw away.
    pub(crate) lost: BTreeSet<MutationId>,
    /// Mutations whose fate, whichever it was, a restore threw away.
    pub(crate) forgotten: BTreeSet<MutationId>,
    /// Not part of a backup: what a restored server thinks of locks has expired.
    pub(crate) leases: Leases,
    pub(crate) forks: u32,
    pub(crate) gaps: u32,
    pub(crate) merges: u32,
    rng: fastrand::Rng,
    transactions: u64,
}

impl ModelServer {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let scope = |kind, rng: &mut fastrand::Rng| Scope {
            id: ScopeId(Uuid::from_u128(rng.u128(..))),
            kind,
            epoch: 1,
            min_seq: 0,
            feed_key: 1,
            log: Vec::new(),
        };
        let tenant = Uuid::from_u128(rng.u128(..));
        let scopes = vec![scope(ScopeKind::Tenant, &mut rng), scope(ScopeKind::Finance, &mut rng)];
        let db = Database {
            scopes,
            rows: BTreeMap::new(),
            purged: BTreeMap::new(),
            ledger: BTreeMap::new(),
            effects: BTreeMap::new(),
            executed: Vec::new(),
            sent_by: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        let mut server = Self {
            db,
            tenant: TenantId(tenant),
            now_ms: 1_760_000_000_000,
            limit: 1000,
            feed: Vec::new(),
            rejected: BTreeMap::new(),
            lost: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            leases: Leases::default(),
            forks: 0,
            gaps: 0,
            merges: 0,
            rng,
            transactions: 0,
        };
        server.write("tenants", tenant, json!({ "name": "Example", "currency": "EUR" }));
        server
    }

    pub(crate) fn scope(&self, kind: ScopeKind) -> &Scope {
        self.db.scopes.iter().find(|scope| scope.kind == kind).unwrap()
    }

    fn scope_mut(&mut self, kind: ScopeKind) -> &mut Scope {
        self.db.scopes.iter_mut().find(|scope| scope.kind == kind).unwrap()
    }

    /// What `my_workspaces` says.
    pub(crate) fn scopes_of(&self, user: User) -> Vec<ScopeInfo> {
        let seen = self.db.scopes.iter().filter(|scope| self.sees(user, scope));
        seen.map(|scope| ScopeInfo { scope: scope.id, kind: scope.kind, feed_key: scope.feed_key.to_string() })
            .collect()
    }

    pub(crate) fn sees(&self, user: User, scope: &Scope) -> bool {
        self.db.members.get(&user).is_some_and(|finance| *finance || scope.kind == ScopeKind::Tenant)
    }

    /// Another client or a function of the server writes one row, in a transaction of its own.
    pub(crate) fn write(&mut self, tbl: &str, id: Uuid, values: Value) {
        self.write_many(tbl, &[(id, values)]);
    }

    /// Writes several rows in one transaction.
    pub(crate) fn write_many(&mut self, tbl: &str, rows: &[(Uuid, Value)]) {
        self.transactions += 1;
        for (id, values) in rows {
            let values = values.as_object().unwrap().clone();
            self.put(tbl, *id, values, None);
        }
        self.tell(&[kind_of(tbl)]);
    }

    /// Removes a row for good.
    pub(crate) fn purge(&mut self, tbl: &str, id: Uuid) {
        self.transactions += 1;
        let key = (tbl.to_owned(), id);
        let row = self.db.rows.remove(&key).unwrap();
        let version = version_of(&row) + 1;
        self.db.purged.insert(key, version);
        self.log(tbl, id, ChangeOp::Delete, version, None, None);
        self.tell(&[kind_of(tbl)]);
    }

    fn put(&mut self, tbl: &str, id: Uuid, values: Fields, mutation: Option<MutationId>) {
        let key = (tbl.to_owned(), id);
        let known = self.db.rows.get(&key).cloned();
        let op = if known.is_some() { ChangeOp::Update } else { ChangeOp::Insert };
        let before = known.as_ref().map_or_else(|| self.db.purged.get(&key).copied().unwrap_or(0), version_of);
        let at = json!(format!("t{}", self.now_ms));
        let mut row = known.unwrap_or_else(|| blank(tbl, id, &at));
        row.extend(values);
        row.insert("version".into(), json!(before + 1));
        row.insert("updated_at".into(), at);
        self.db.rows.insert(key, row.clone());
        self.log(tbl, id, op, before + 1, Some(row), mutation);
    }

    fn log(
        &mut self,
        tbl: &str,
        id: Uuid,
        op: ChangeOp,
        version: i64,
        row: Option<Fields>,
        mutation: Option<MutationId>,
    ) {
        let mark = Uuid::from_u128(self.rng.u128(..));
        let xid = self.transactions.to_string();
        let scope = self.scope_mut(kind_of(tbl));
        let raw = row.as_ref().map(|row| RawValue::from_string(json!(row).to_string()).unwrap());
        let seq = scope.head() + 1;
        let change = Change { seq, mark, tbl: tbl.into(), id: RecordId(id), op, version, row: raw, mutation, xid };
        scope.log.push(Logged { change, fields: row.unwrap_or_default() });
    }

    fn tell(&mut self, kinds: &[ScopeKind]) {
        for scope in self.db.scopes.iter().filter(|scope| kinds.contains(&scope.kind)) {
            let topic = format!("fractal:{}:{}:changes", scope.id, scope.feed_key);
            self.feed.push((topic, scope.id, Some(scope.head())));
        }
    }

    /// `apply_mutations`; `None` when the caller is not a member.
    pub(crate) fn apply(&mut self, user: User, device: DeviceId, batch: &[WireMutation]) -> Option<PushAnswer> {
        self.db.members.get(&user)?;
        assert!(batch.len() <= 50, "a call carries at most 50 mutations");
        let ledger = self.db.ledger.entry((user, device)).or_default().clone();
        let last = i64::try_from(ledger.len()).unwrap();
        let refuse = |error| PushAnswer {
            server_ms: self.now_ms,
            error: Some(error),
            expected: last + 1,
            scopes: vec![],
            results: vec![],
        };
        let stored = |no: i64| ledger.get(usize::try_from(no - 1).unwrap());
        if batch.iter().any(|sent| sent.no <= last && stored(sent.no).is_none_or(|(id, _)| *id != sent.id)) {
            let answer = refuse(PushError::DeviceForked);
            self.forks += 1;
            return Some(answer);
        }
        if !batch.iter().filter(|sent| sent.no > last).zip(last + 1..).all(|(sent, no)| sent.no == no) {
            let answer = refuse(PushError::OutOfOrder);
            self.gaps += 1;
            return Some(answer);
        }
        self.transactions += 1;
        let mut results = Vec::new();
        for sent in batch {
            if sent.no <= last {
                results.push(stored(sent.no).unwrap().1.clone());
                continue;
            }
            let earlier = self.earlier(user, sent.id);
            if let (None, Err(hindered)) = (&earlier, self.hindered(device, sent))
                && hindered.status == MutationStatus::Waiting
            {
                results.push(*hindered);
                break;
            }
            let result = earlier.unwrap_or_else(|| self.execute(device, sent));
            self.db.ledger.entry((user, device)).or_default().push((sent.id, result.clone()));
            results.push(result);
        }
        self.tell(&[ScopeKind::Tenant]);
        let expected = i64::try_from(self.db.ledger[&(user, device)].len()).unwrap() + 1;
        let logs = self.db.scopes.iter().filter(|scope| self.sees(user, scope));
        let scopes = logs.map(|log| PushedScope { scope: log.id, epoch: log.epoch, head: log.head() }).collect();
        Some(PushAnswer { server_ms: self.now_ms, error: None, expected, scopes, results })
    }

    fn earlier(&self, user: User, id: MutationId) -> Option<MutationResult> {
        let mine = self.db.ledger.iter().filter(|((of, _), _)| *of == user);
        mine.flat_map(|(_, entries)| entries).find(|(of, _)| *of == id).map(|(_, result)| result.clone())
    }

    fn execute(&mut self, device: DeviceId, sent: &WireMutation) -> MutationResult {
        self.db.executed.push((device, sent.id));
        self.db.sent_by.insert(sent.id, device);
        if let Err(hindered) = self.hindered(device, sent) {
            self.rejected.insert(sent.id, "fenced".into());
            return *hindered;
        }
        match self.apply_one(device, sent) {
            Ok(()) => {
                *self.db.effects.entry(sent.id).or_default() += 1;
                let scope = self.scope(kind_of(&sent.tbl));
                let (scope, seq) = (Some(scope.id), Some(scope.head()));
                let (code, message, fields) = (None, None, None);
                MutationResult { id: sent.id, status: MutationStatus::Applied, scope, seq, code, message, fields }
            }
            Err((code, fields)) => {
                self.rejected.insert(sent.id, code.to_owned());
                let (code, message) = (Some(code.to_owned()), Some(format!("Refused: {code}.")));
                let status = MutationStatus::Rejected;
                MutationResult { id: sent.id, status, scope: None, seq: None, code, message, fields }
            }
        }
    }

    fn apply_one(&mut self, device: DeviceId, sent: &WireMutation) -> Result<(), (&'static str, Option<Fields>)> {
        let key = (sent.tbl.clone(), sent.record.0);
        if sent.set.get("notes").is_some_and(Value::is_null) {
            return Err(("invalid", None));
        }
        // The rule of this model that a client cannot know beforehand.
        if sent.set.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with('!')) {
            return Err(("invalid", None));
        }
        let current = self.db.rows.get(&key).cloned();
        if sent.op == MutationOp::Insert {
            if current.is_some() {
                return Err(("exists", None));
            }
            self.put(&sent.tbl, sent.record.0, sent.set.clone(), Some(sent.id));
            return Ok(());
        }
        let Some(current) = current else {
            return Err((if self.db.purged.contains_key(&key) { "deleted" } else { "not_found" }, None));
        };
        let trashed = !current["deleted_at"].is_null();
        let mut write = Fields::new();
        match sent.op {
            MutationOp::Delete if !trashed => {
                if sent.base_version.is_some_and(|base| self.others_changed(sent, base, device)) {
                    return Err(("conflict", Some(Fields::new())));
                }
                write.insert("deleted_at".into(), json!(format!("t{}", self.now_ms)));
            }
            MutationOp::Restore if trashed => drop(write.insert("deleted_at".into(), Value::Null)),
            MutationOp::Update if trashed => return Err(("deleted", None)),
            MutationOp::Update => {
                let fresh = sent.base_version == Some(version_of(&current));
                let mut ask = Fields::new();
                for (column, mine) in &sent.set {
                    let (base, theirs) = (sent.base.get(column).unwrap_or(&Value::Null), &current[column]);
                    match merge::column(column, fresh, base, mine, theirs) {
                        Merged::Keep => {}
                        Merged::Write(value) => drop(write.insert(column.clone(), value)),
                        Merged::AskText => {
                            ask.insert(column.clone(), json!({ "base": base, "mine": mine, "theirs": theirs }));
                        }
                    }
                }
                if !ask.is_empty() {
                    self.merges += 1;
                    return Err(("merge_text", Some(ask)));
                }
            }
            _ => {}
        }
        if !write.is_empty() {
            self.put(&sent.tbl, sent.record.0, write, Some(sent.id));
        }
        Ok(())
    }

    fn others_changed(&self, sent: &WireMutation, base: i64, device: DeviceId) -> bool {
        self.scope(kind_of(&sent.tbl)).log.iter().any(|Logged { change, .. }| {
            let by_other = change.mutation.and_then(|id| self.db.sent_by.get(&id)) != Some(&device);
            change.id == sent.record && change.version > base && by_other
        })
    }

    pub(crate) fn row(&self, tbl: &str, id: Uuid) -> Option<&Fields> {
        self.db.rows.get(&(tbl.to_owned(), id))
    }
}

pub(crate) fn kind_of(tbl: &str) -> ScopeKind {
    match tbl {
        "project_budgets" | "economics_model" | "rates" | "expenses" | "scenarios" | "exchange_rates" => {
            ScopeKind::Finance
        }
        "saved_views" | "preferences" | "inbox_items" => ScopeKind::User,
        _ => ScopeKind::Tenant,
    }
}

pub(crate) fn version_of(row: &Fields) -> i64 {
    row["version"].as_i64().unwrap()
}

fn blank(tbl: &str, id: Uuid, at: &Value) -> Fields {
    let mut row = json!({ "id": id, "created_at": at, "deleted_at": null });
    if tbl == "tasks" {
        let columns = json!({
            "name": "", "project_id": null, "parent_task": null, "task_type": null, "assignee": null, "status": "open",
            "review_stage": null, "priority": "normal", "start_date": null, "due_date": null, "estimate_hours": null,
            "billable": true, "notes": "", "tags": [], "rank": "80",
        });
        row.as_object_mut().unwrap().extend(columns.as_object().unwrap().clone());
    }
    row.as_object().unwrap().clone()
}
