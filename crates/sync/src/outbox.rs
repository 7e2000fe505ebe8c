//! What goes out: batches of numbered mutations, and what becomes of each.

use std::collections::BTreeSet;

use cockpit_domain::{AppError, DeviceId, ErrorCode, MutationId, ScopeId, WaitingFor, text};
use serde_json::{Value, json};

use crate::{
    edit::unconfirmed,
    event::Effect,
    overlay::{refresh, refresh_key, visible_fields},
    store::{ALL, OutboxEntry, OutboxState, RecordKey, Store, Stored},
    time::Now,
    waiting::Waits,
    wire::{Fields, MAX_BATCH, MutationOp, MutationResult, MutationStatus, PushAnswer, PushError, WireMutation},
};

/// The next batch: what was sent and not answered goes first and keeps its number, the rest gets the next ones. What has waited for a lock comes
/// last, and has at least one place as long as there are unsent changes to take the others.
pub(crate) fn next_batch(waits: &mut Waits, now: Now, store: &mut dyn Store) -> Stored<Vec<WireMutation>> {
    let mut no = store.next_no()?;
    let mut entries = store.outbox_sent()?;
    let mut waited = Vec::new();
    for key in waits.due(now) {
        let of_record = store.outbox_of(key)?;
        let before = waited.len();
        waited.extend(of_record.into_iter().filter(|entry| entry.state == OutboxState::Queued));
        if waited.len() == before && !entries.iter().any(|entry| entry.key == key) {
            waits.clear(key);
        }
    }
    let room = MAX_BATCH.saturating_sub(entries.len());
    entries.extend(unhindered(waits, room.saturating_sub(usize::from(!waited.is_empty())), store)?);
    entries.extend(waited);
    let mut batch = Vec::new();
    if crate::planted!("order-by-record") {
        entries.sort_by_key(|entry| (entry.state == OutboxState::Queued, entry.key));
    }
    for mut entry in entries.into_iter().take(MAX_BATCH) {
        let number = match entry.state {
            OutboxState::Sent { no } => no,
            _ => {
                entry.state = OutboxState::Sent { no };
                store.put_outbox(&entry)?;
                no += 1;
                no - 1
            }
        };
        batch.push(WireMutation {
            id: entry.mutation,
            no: number,
            tbl: entry.key.table.name().to_owned(),
            record: entry.key.id,
            op: entry.op,
            base_version: entry.base_version,
            set: entry.set,
            base: entry.base,
            fence: entry.fence,
        });
    }
    store.set_next_no(no)?;
    Ok(batch)
}

/// The first queued changes, at most `room`, of records that do not wait. However many of those that wait lie before them, they are found.
fn unhindered(waits: &Waits, room: usize, store: &dyn Store) -> Stored<Vec<OutboxEntry>> {
    let mut look_at = 2 * MAX_BATCH;
    loop {
        let mut entries = store.outbox_to_send(look_at)?;
        let all = entries.len() < look_at;
        entries.retain(|entry| entry.state == OutboxState::Queued && !waits.contains(entry.key));
        if all || entries.len() >= room {
            entries.truncate(room);
            return Ok(entries);
        }
        look_at *= 4;
    }
}

/// What an answer left to do.
#[derive(Default)]
pub(crate) struct Settled {
    pub(crate) changed: BTreeSet<RecordKey>,
    pub(crate) notices: Vec<Effect>,
    /// How many changes it told the fate of.
    pub(crate) fates: usize,
    /// The record whose changes have to wait for a lock of somebody else, and whose lock that is. A batch ends at the first one.
    pub(crate) waiting: Option<(RecordKey, Option<WaitingFor>)>,
    /// Records of which a change was let through or refused.
    pub(crate) let_through: BTreeSet<RecordKey>,
    /// Whether the log has something of ours that the cursor has not reached.
    pub(crate) pull: bool,
}

/// Takes an answer. `known` tells whether this device follows a scope.
pub(crate) fn settle(
    answer: &PushAnswer,
    known: impl Fn(ScopeId) -> bool,
    now: Now,
    rng: &mut fastrand::Rng,
    store: &mut dyn Store,
) -> Stored<Settled> {
    let mut settled = Settled::default();
    if let Some(error) = answer.error {
        match error {
            // Another copy of this file has used these numbers: from now on this one is a device of its own.
            PushError::DeviceForked if crate::planted!("fork-keeps-device") => {}
            PushError::DeviceForked => store.set_device(DeviceId(new_id(now, rng)), 1)?,
            // The server has forgotten numbers, and with them perhaps what it acknowledged: that comes before what was written after it.
            PushError::OutOfOrder => {
                store.set_next_no(answer.expected)?;
                for entry in store.outbox(ALL)? {
                    if matches!(entry.state, OutboxState::Acknowledged { .. }) {
                        queue_again(entry, store)?;
                    }
                }
            }
        }
        if !crate::planted!("renumber-keeps-sent") {
            requeue(store)?;
        }
        return Ok(settled);
    }
    for result in &answer.results {
        // Only what was sent can be answered; whatever else has that id has its fate already.
        if let Some(entry) =
            store.outbox_entry(result.id)?.filter(|entry| matches!(entry.state, OutboxState::Sent { .. }))
        {
            settled.fates += 1;
            settle_one(entry, result, &known, now, rng, store, &mut settled)?;
        }
    }
    // What was sent and has no stored fate gets a new number: the server counts only what it stored.
    requeue(store)?;
    store.set_next_no(answer.expected)?;
    Ok(settled)
}

fn settle_one(
    mut entry: OutboxEntry,
    result: &MutationResult,
    known: &impl Fn(ScopeId) -> bool,
    now: Now,
    rng: &mut fastrand::Rng,
    store: &mut dyn Store,
    settled: &mut Settled,
) -> Stored<()> {
    settled.changed.insert(entry.key);
    if result.status != MutationStatus::Waiting {
        settled.let_through.insert(entry.key);
    }
    match result.status {
        MutationStatus::Waiting => settled.waiting = Some((entry.key, holder(result))),
        MutationStatus::Applied => match (result.scope, result.seq) {
            // It leaves the overlay only with a pull, even where the cursor stands behind it already: the answer does not say of which history
            // that cursor is, and after a server was restored it may be of the lost one.
            (Some(scope), Some(seq)) if known(scope) && !crate::planted!("early-acknowledgement") => {
                entry.state = OutboxState::Acknowledged { scope, seq };
                store.put_outbox(&entry)?;
                settled.pull = true;
            }
            _ => {
                store.remove_outbox(entry.mutation)?;
                refresh_key(entry.key, store)?;
            }
        },
        MutationStatus::Rejected => {
            // A refusal may mean that this device has not seen the newest row.
            settled.pull = true;
            match merged_text(&entry, result) {
                Some((set, base)) => {
                    store.remove_outbox(entry.mutation)?;
                    let mutation = MutationId(new_id(now, rng));
                    let state = OutboxState::Queued;
                    // It keeps its place: later changes of the same record were written on top of it.
                    store.put_outbox(&OutboxEntry { mutation, set, base, state, ..entry.clone() })?;
                    refresh_key(entry.key, store)?;
                }
                None => park(entry, refusal(result), store, settled)?,
            }
        }
    }
    Ok(())
}

/// Whose lock it is that a change waits for.
fn holder(result: &MutationResult) -> Option<WaitingFor> {
    serde_json::from_value(result.fields.as_ref()?.get("holder")?.clone()).ok()
}

/// Parks an entry with those that depend on it, and says so.
fn park(entry: OutboxEntry, error: AppError, store: &mut dyn Store, settled: &mut Settled) -> Stored<()> {
    let key = entry.key;
    for mut later in store.outbox_of(key)? {
        let depends =
            later.position > entry.position && later.state == OutboxState::Queued && depends_on(&later, &entry);
        if depends {
            let error = AppError::new(
                error.code,
                format!("An earlier change of the same record was refused: {}", error.message),
            )
            .with_details(json!({ "after": entry.mutation }));
            later.state = OutboxState::Parked { error };
            store.put_outbox(&later)?;
        }
    }
    if crate::planted!("rejection-dropped") {
        store.remove_outbox(entry.mutation)?;
        return refresh_key(key, store);
    }
    if crate::planted!("notice-twice") {
        settled.notices.push(Effect::Notice { error: error.clone(), key: Some(key) });
    }
    store.put_outbox(&OutboxEntry { state: OutboxState::Parked { error: error.clone() }, ..entry })?;
    refresh_key(key, store)?;
    settled.notices.push(Effect::Notice { error, key: Some(key) });
    Ok(())
}

fn depends_on(later: &OutboxEntry, earlier: &OutboxEntry) -> bool {
    match (earlier.op, later.op) {
        (MutationOp::Update, MutationOp::Update) => later.set.keys().any(|column| earlier.set.contains_key(column)),
        _ => true,
    }
}

/// A refused change of long text, joined by line with what the others wrote.
fn merged_text(entry: &OutboxEntry, result: &MutationResult) -> Option<(Fields, Fields)> {
    if result.code.as_deref() != Some("merge_text") {
        return None;
    }
    let (mut set, mut base) = (entry.set.clone(), entry.base.clone());
    let fields = result.fields.as_ref().filter(|fields| !fields.is_empty())?;
    for (column, sides) in fields {
        let side = |name: &str| sides.get(name).and_then(Value::as_str).unwrap_or_default();
        let merged = text::merge(side("base"), side("mine"), side("theirs"))?;
        set.insert(column.clone(), Value::String(merged));
        base.insert(column.clone(), sides.get("theirs").cloned().unwrap_or(Value::Null));
    }
    Some((set, base))
}

fn refusal(result: &MutationResult) -> AppError {
    let code = match result.code.as_deref() {
        Some("conflict" | "merge_text" | "exists" | "fenced") => ErrorCode::Conflict,
        Some("deleted" | "not_found") => ErrorCode::NotFound,
        Some("forbidden") => ErrorCode::Forbidden,
        _ => ErrorCode::Invalid,
    };
    let message = result.message.clone().unwrap_or_else(|| "The server refused this change.".to_owned());
    AppError::new(code, message).with_details(json!({ "code": result.code, "fields": result.fields }))
}

/// Gives up the numbers of what was sent and has no fate.
fn requeue(store: &mut dyn Store) -> Stored<()> {
    for entry in store.outbox_sent()? {
        queue_again(entry, store)?;
    }
    Ok(())
}

/// Puts an entry back to what was never sent; its id stays, so that the server still knows it.
pub(crate) fn queue_again(mut entry: OutboxEntry, store: &mut dyn Store) -> Stored<()> {
    entry.state = OutboxState::Queued;
    if crate::planted!("duplicate-on-retry") {
        store.remove_outbox(entry.mutation)?;
        entry.mutation = MutationId(uuid::Uuid::from_u128(entry.mutation.0.as_u128().wrapping_add(1)));
    }
    store.put_outbox(&entry).map(drop)
}

/// What was acknowledged in a scope after `seq`.
pub(crate) fn acknowledged_after(scope: ScopeId, seq: i64, store: &dyn Store) -> Stored<Vec<OutboxEntry>> {
    let mut entries = store.outbox_reached(scope, i64::MAX)?;
    entries.retain(|entry| matches!(entry.state, OutboxState::Acknowledged { seq: at, .. } if at > seq));
    Ok(entries)
}

/// Sends again what was acknowledged at a place that the scope's log, complete up to `head`, does not have. What was sent again already and is
/// acknowledged so a second time has taken effect under another numbering of the log: its row is here, and it leaves the overlay.
pub(crate) fn send_again(
    scope: ScopeId,
    head: i64,
    resent: &mut BTreeSet<MutationId>,
    store: &mut dyn Store,
    changed: &mut BTreeSet<RecordKey>,
) -> Stored<()> {
    for entry in acknowledged_after(scope, head, store)? {
        changed.insert(entry.key);
        if resent.insert(entry.mutation) {
            queue_again(entry, store)?;
        } else {
            resent.remove(&entry.mutation);
            store.remove_outbox(entry.mutation)?;
            refresh_key(entry.key, store)?;
        }
    }
    Ok(())
}

/// A parked entry and those that were parked because of it, on top of what the record is now.
pub(crate) fn retry(
    entry: OutboxEntry,
    mutation: MutationId,
    now: Now,
    rng: &mut fastrand::Rng,
    store: &mut dyn Store,
) -> Stored<()> {
    let key = entry.key;
    let mut next = mutation;
    for entry in with_dependants(entry, store)? {
        retry_one(entry, next, store)?;
        next = MutationId(new_id(now, rng));
    }
    let record = match store.record(key)? {
        Some(record) => record,
        None => unconfirmed(store.scopes()?.iter().find(|scope| scope.kind == key.table.scope_kind())),
    };
    refresh(store, key, record).map(drop)
}

fn retry_one(mut entry: OutboxEntry, mutation: MutationId, store: &mut dyn Store) -> Stored<()> {
    let record = store.record(entry.key)?;
    if let (Some(row), MutationOp::Update) = (visible_fields(record.as_ref())?, entry.op) {
        entry.base =
            entry.set.keys().map(|column| (column.clone(), row.get(column).cloned().unwrap_or(Value::Null))).collect();
    }
    entry.base_version = record.as_ref().filter(|record| record.confirmed.is_some()).map(|record| record.version);
    store.remove_outbox(entry.mutation)?;
    let key = entry.key;
    // A lock of that time proves nothing any more, and one that was lost would have it refused for ever.
    store.put_outbox(&OutboxEntry { position: 0, mutation, fence: None, state: OutboxState::Queued, ..entry })?;
    // The next one of the same record is written on top of this one.
    refresh_key(key, store)
}

/// Gives a parked entry up. What was written on a record that will never exist is given up with it.
pub(crate) fn discard(entry: &OutboxEntry, store: &mut dyn Store) -> Stored<()> {
    let all = if entry.op == MutationOp::Insert { with_dependants(entry.clone(), store)? } else { vec![entry.clone()] };
    for entry in all {
        store.remove_outbox(entry.mutation)?;
    }
    refresh_key(entry.key, store)
}

/// A parked entry, and the parked ones after it that make no sense without it.
fn with_dependants(entry: OutboxEntry, store: &dyn Store) -> Stored<Vec<OutboxEntry>> {
    let because = Value::String(entry.mutation.to_string());
    let mut all = store.outbox_of(entry.key)?;
    all.retain(|other| match &other.state {
        OutboxState::Parked { error } if other.position > entry.position => {
            entry.op == MutationOp::Insert || error.details.get("after") == Some(&because)
        }
        _ => false,
    });
    all.insert(0, entry);
    Ok(all)
}

fn new_id(now: Now, rng: &mut fastrand::Rng) -> uuid::Uuid {
    let mut random = [0u8; 10];
    rng.fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(now.wall_ms.try_into().unwrap_or(0), &random).into_uuid()
}
