//! A small model of the server: contiguous logs, marks, versions, a ledger per device, and merging by policy. It is the oracle, so it is written
//! from docs/sync-protocol.md and shares only the types of the wire with the code under test.

use std::collections::{BTreeMap, BTreeSet};

use cockpit_domain::{DeviceId, MutationId, RecordId, ScopeId, ScopeKind, TenantId};
use cockpit_sync::{
    planted,
    wire::{
        Change, ChangeOp, Fields, MutationOp, MutationResult, MutationStatus, PushAnswer, PushError, PushedScope,
        ScopeInfo, WireMutation,
    },
};
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use crate::{
    locks::Leases,
    merge::{self, Merged},
};

/// A person, by number.
pub type User = u32;

/// One logged row and what the checks want to know of it.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The row as the wire has it.
    pub change: Change,
    /// The values after it.
    pub fields: Fields,
}

/// A scope with its log.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Its id.
    pub id: ScopeId,
    /// Who sees it.
    pub kind: ScopeKind,
    /// The one person who sees it, for [`ScopeKind::User`].
    pub owner: Option<User>,
    /// Raised when the log is replaced.
    pub epoch: i64,
    /// The oldest cursor that a pull still serves.
    pub min_seq: i64,
    /// The rotating part of its topics' names.
    pub feed_key: u32,
    /// Everything that happened in it, contiguous.
    pub log: Vec<Logged>,
}

impl Scope {
    /// The last sequence number; 0 for an empty log.
    pub fn head(&self) -> i64 {
        self.log.last().map_or(0, |logged| logged.change.seq)
    }

    /// The logged row at `seq`, if the log has one.
    pub fn at(&self, seq: i64) -> Option<&Logged> {
        let first = self.log.first()?.change.seq;
        self.log.get(usize::try_from(seq - first).ok()?)
    }

    /// The mark of the logged row at `seq`.
    pub fn mark_at(&self, seq: i64) -> Option<Uuid> {
        self.at(seq).map(|logged| logged.change.mark)
    }

    /// What is logged after `seq`.
    pub fn after(&self, seq: i64) -> &[Logged] {
        let first = self.log.first().map_or(1, |logged| logged.change.seq);
        let from = usize::try_from((seq + 1 - first).max(0)).unwrap().min(self.log.len());
        &self.log[from..]
    }
}

/// The state that a backup of the server holds.
#[derive(Clone, Debug)]
pub struct Database {
    /// Every scope.
    pub scopes: Vec<Scope>,
    /// Every row by table and id.
    pub rows: BTreeMap<(String, Uuid), Fields>,
    /// Whose a row is that only one person sees.
    owner: BTreeMap<Uuid, User>,
    purged: BTreeMap<(String, Uuid), i64>,
    ledger: BTreeMap<(User, DeviceId), Vec<(MutationId, MutationResult)>>,
    /// How often each mutation took effect.
    pub effects: BTreeMap<MutationId, u32>,
    /// First execution of every mutation, in order.
    pub executed: Vec<(DeviceId, MutationId)>,
    sent_by: BTreeMap<MutationId, DeviceId>,
    /// Who is in the workspace, and whether they may see money.
    pub members: BTreeMap<User, bool>,
}

/// The server.
pub struct ModelServer {
    /// Its data.
    pub db: Database,
    /// The workspace.
    pub tenant: TenantId,
    /// Its clock, Unix milliseconds.
    pub now_ms: i64,
    /// Changes per pull and rows per page.
    pub limit: usize,
    /// Feed messages that nobody has taken yet, with the topic they are for.
    pub feed: Vec<(String, ScopeId, Option<i64>)>,
    /// Mutations refused for good, by id.
    pub rejected: BTreeMap<MutationId, String>,
    /// Mutations that had taken effect in a history that a restore threw away.
    pub lost: BTreeSet<MutationId>,
    /// Mutations whose fate, whichever it was, a restore threw away.
    pub forgotten: BTreeSet<MutationId>,
    /// Not part of a backup: what a restored server thinks of locks has expired.
    pub leases: Leases,
    /// Batches refused because another copy of the device had used their numbers.
    pub forks: u32,
    /// Batches refused because numbers were missing.
    pub gaps: u32,
    /// Changes of long text that the client had to merge.
    pub merges: u32,
    /// Fields that two people changed at the same time, whatever became of them.
    pub conflicts: u32,
    rng: fastrand::Rng,
    transactions: u64,
}

impl ModelServer {
    /// A workspace with a scope for everyone and one for money, and nobody in it.
    pub fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let scope = |kind, rng: &mut fastrand::Rng| Scope {
            id: ScopeId(Uuid::from_u128(rng.u128(..))),
            kind,
            owner: None,
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
            owner: BTreeMap::new(),
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
            conflicts: 0,
            rng,
            transactions: 0,
        };
        server.write("tenants", tenant, json!({ "name": "Example", "currency": "EUR" }));
        server
    }

    /// The first scope of a kind; there is only one of those that several people see.
    pub fn scope(&self, kind: ScopeKind) -> &Scope {
        self.db.scopes.iter().find(|scope| scope.kind == kind).unwrap()
    }

    /// Gives a person the scope that only they see.
    pub fn give_private_scope(&mut self, user: User) {
        let id = ScopeId(Uuid::from_u128(self.rng.u128(..)));
        let (kind, owner, log) = (ScopeKind::User, Some(user), Vec::new());
        self.db.scopes.push(Scope { id, kind, owner, epoch: 1, min_seq: 0, feed_key: 1, log });
    }

    /// Where changes of a row are logged.
    pub fn scope_of(&self, tbl: &str, id: Uuid) -> &Scope {
        &self.db.scopes[self.place_of(tbl, id)]
    }

    fn place_of(&self, tbl: &str, id: Uuid) -> usize {
        let (kind, owner) = (kind_of(tbl), self.db.owner.get(&id).copied());
        self.db.scopes.iter().position(|scope| scope.kind == kind && scope.owner == owner).unwrap()
    }

    /// What `my_workspaces` says.
    pub fn scopes_of(&self, user: User) -> Vec<ScopeInfo> {
        let seen = self.db.scopes.iter().filter(|scope| self.sees(user, scope));
        seen.map(|scope| ScopeInfo { scope: scope.id, kind: scope.kind, feed_key: scope.feed_key.to_string() })
            .collect()
    }

    /// Whether a person may read a scope.
    pub fn sees(&self, user: User, scope: &Scope) -> bool {
        self.db.members.get(&user).is_some_and(|finance| match scope.kind {
            ScopeKind::Tenant => true,
            ScopeKind::Finance => *finance,
            ScopeKind::User => scope.owner == Some(user),
        })
    }

    /// Whether a person may read a row.
    pub fn sees_row(&self, user: User, tbl: &str, id: Uuid) -> bool {
        self.sees(user, self.scope_of(tbl, id))
    }

    /// Another client or a function of the server writes one row, in a transaction of its own.
    pub fn write(&mut self, tbl: &str, id: Uuid, values: Value) {
        self.write_many(tbl, &[(id, values)]);
    }

    /// Writes several rows in one transaction.
    pub fn write_many(&mut self, tbl: &str, rows: &[(Uuid, Value)]) {
        self.transactions += 1;
        for (id, values) in rows {
            let values = values.as_object().unwrap().clone();
            self.put(tbl, *id, values, None);
        }
        self.tell(&[kind_of(tbl)]);
    }

    /// Removes a row for good.
    pub fn purge(&mut self, tbl: &str, id: Uuid) {
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
        let place = self.place_of(tbl, id);
        let scope = &mut self.db.scopes[place];
        let raw = row.as_ref().map(|row| RawValue::from_string(json!(row).to_string()).unwrap());
        let gap = i64::from(planted!("gap-in-log") && version % 11 == 7);
        let seq = scope.head() + 1 + gap;
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
    pub fn apply(&mut self, user: User, device: DeviceId, batch: &[WireMutation]) -> Option<PushAnswer> {
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
        let compares = !planted!("ledger-without-ids");
        if compares && batch.iter().any(|sent| sent.no <= last && stored(sent.no).is_none_or(|(id, _)| *id != sent.id))
        {
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
                let result = if planted!("no-idempotency") {
                    self.execute(user, device, sent)
                } else {
                    stored(sent.no).unwrap().1.clone()
                };
                results.push(MutationResult { id: sent.id, ..result });
                continue;
            }
            let earlier = self.earlier(user, sent.id);
            if let (None, Err(hindered)) = (&earlier, self.hindered(device, sent))
                && hindered.status == MutationStatus::Waiting
            {
                results.push(*hindered);
                break;
            }
            let result = earlier.unwrap_or_else(|| self.execute(user, device, sent));
            self.db.ledger.entry((user, device)).or_default().push((sent.id, result.clone()));
            results.push(result);
        }
        self.tell(&[ScopeKind::Tenant, ScopeKind::Finance, ScopeKind::User]);
        let expected = i64::try_from(self.db.ledger[&(user, device)].len()).unwrap() + 1;
        let logs = self.db.scopes.iter().filter(|scope| self.sees(user, scope));
        let scopes = logs.map(|log| PushedScope { scope: log.id, epoch: log.epoch, head: log.head() }).collect();
        Some(PushAnswer { server_ms: self.now_ms, error: None, expected, scopes, results })
    }

    fn earlier(&self, user: User, id: MutationId) -> Option<MutationResult> {
        let mine = self.db.ledger.iter().filter(|((of, _), _)| *of == user);
        mine.flat_map(|(_, entries)| entries).find(|(of, _)| *of == id).map(|(_, result)| result.clone())
    }

    fn execute(&mut self, user: User, device: DeviceId, sent: &WireMutation) -> MutationResult {
        self.db.executed.push((device, sent.id));
        self.db.sent_by.insert(sent.id, device);
        if let Err(hindered) = self.hindered(device, sent) {
            self.rejected.insert(sent.id, "fenced".into());
            return *hindered;
        }
        match self.apply_one(user, device, sent) {
            Ok(()) => {
                *self.db.effects.entry(sent.id).or_default() += 1;
                let scope = self.scope_of(&sent.tbl, sent.record.0);
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

    fn apply_one(
        &mut self,
        user: User,
        device: DeviceId,
        sent: &WireMutation,
    ) -> Result<(), (&'static str, Option<Fields>)> {
        let kind = kind_of(&sent.tbl);
        if kind == ScopeKind::Finance && !self.db.members.get(&user).is_some_and(|finance| *finance) {
            return Err(("forbidden", None));
        }
        if kind == ScopeKind::User && *self.db.owner.entry(sent.record.0).or_insert(user) != user {
            return Err(("not_found", None));
        }
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
                let (mut ask, mut refused) = (Fields::new(), Fields::new());
                for (column, mine) in &sent.set {
                    let (base, theirs) = (sent.base.get(column).unwrap_or(&Value::Null), &current[column]);
                    self.conflicts += u32::from(!fresh && base != theirs && mine != theirs);
                    match merge::column(&sent.tbl, column, fresh, base, mine, theirs) {
                        Merged::Keep => {}
                        Merged::Write(value) => drop(write.insert(column.clone(), value)),
                        Merged::AskText => {
                            ask.insert(column.clone(), json!({ "base": base, "mine": mine, "theirs": theirs }));
                        }
                        Merged::Ask => {
                            refused.insert(column.clone(), json!({ "base": base, "mine": mine, "theirs": theirs }));
                        }
                    }
                }
                if !refused.is_empty() {
                    return Err(("conflict", Some(refused)));
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
        self.scope_of(&sent.tbl, sent.record.0).log.iter().any(|Logged { change, .. }| {
            let by_other = change.mutation.and_then(|id| self.db.sent_by.get(&id)) != Some(&device);
            change.id == sent.record && change.version > base && by_other
        })
    }

    /// A row, if it is there.
    pub fn row(&self, tbl: &str, id: Uuid) -> Option<&Fields> {
        self.db.rows.get(&(tbl.to_owned(), id))
    }
}

/// Who sees the rows of a table, as docs/sync-protocol.md says.
pub fn kind_of(tbl: &str) -> ScopeKind {
    match tbl {
        "project_budgets" | "economics_model" | "rates" | "expenses" | "scenarios" | "exchange_rates" => {
            ScopeKind::Finance
        }
        "saved_views" | "preferences" | "inbox_items" => ScopeKind::User,
        _ => ScopeKind::Tenant,
    }
}

/// A row's version.
pub fn version_of(row: &Fields) -> i64 {
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
