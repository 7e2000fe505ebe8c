//! One seed from beginning to end, and what must be true at the end.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use cockpit_domain::SyncPhase;
use cockpit_sync::wire::Fields;

use crate::world::{BUSY_MS, Plan, REST_MS, Slot, World};

/// Faults and happenings that must have occurred over a run of many seeds, or it has shown nothing.
pub const MUST_OCCUR: [&str; 48] = [
    "answers lost",
    "answers doubled",
    "answers slow",
    "batches sent",
    "calls the server failed at",
    "clock jumps",
    "conflicts",
    "crashes after commit",
    "crashes before commit",
    "creations",
    "data files copied",
    "data files put back",
    "data files saved",
    "deletions",
    "devices forked",
    "discards",
    "disks full",
    "edits",
    "edits lost to a full disk",
    "feed messages",
    "feed messages doubled",
    "feed messages early",
    "feed messages lost",
    "large transactions",
    "numbers renumbered",
    "partitions",
    "prunings",
    "purges",
    "rejections",
    "replaced logs",
    "requests doubled",
    "requests late",
    "requests lost",
    "restorations",
    "restores",
    "retries",
    "returns",
    "revocations",
    "rights given",
    "rights withdrawn",
    "server failures",
    "server slow",
    "sessions ended",
    "sessions refused",
    "sleeps",
    "tables fetched",
    "texts to merge",
    "undos and redos",
];

/// What one seed came to.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// How often what happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// Equal for equal runs.
    pub trace: u64,
    /// The rule that is broken, if one is.
    pub failure: Option<String>,
    /// What happened, if the plan says that it is kept.
    pub text: Vec<String>,
}

/// Runs one plan. A panic on the way is a broken rule.
pub fn run(plan: &Plan) -> Outcome {
    let mut world = World::new(plan.clone());
    let failure = catch_unwind(AssertUnwindSafe(|| live(&mut world))).err().map(|thrown| {
        let text = thrown.downcast_ref::<String>().cloned();
        text.or_else(|| thrown.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    Outcome { seed: plan.seed, counts: world.counts, trace: world.trace, failure, text: world.text }
}

fn live(world: &mut World) {
    let mut events = 0_u32;
    while world.happen(BUSY_MS) {
        events += 1;
        assert!(events < 200_000, "13: the clients never stop");
    }
    // Everybody is let in again, and from here on nothing goes wrong.
    for at in 0..world.slots.len() {
        world.make_room(at);
    }
    world.let_everybody_in();
    let mut until = BUSY_MS;
    while until < BUSY_MS + REST_MS && (until < BUSY_MS + 10_000 || !at_rest(world)) {
        until += 5_000;
        while world.happen(until) {
            events += 1;
            assert!(events < 400_000, "13: the clients never come to rest");
        }
    }
    check(world);
}

fn at_rest(world: &World) -> bool {
    world.slots.iter().all(|slot| {
        let status = slot.client.status();
        status.pending == 0
            && matches!(status.phase, SyncPhase::Live | SyncPhase::Polling)
            && difference(world, slot).is_none()
    })
}

/// The first row in which a client differs from what the server would show this person.
fn difference(world: &World, slot: &Slot) -> Option<String> {
    let server = &world.server;
    let theirs = server.db.rows.iter().filter(|((tbl, id), _)| server.sees_row(slot.client.user, tbl, *id));
    let mut theirs: BTreeMap<_, _> = theirs.map(|((tbl, id), row)| ((tbl.as_str(), *id), row)).collect();
    let parse = |text: &Option<String>| -> Fields {
        serde_json::from_str(text.as_deref().unwrap_or("null")).unwrap_or_default()
    };
    for (key, record) in slot.client.store.records() {
        let (visible, confirmed) = (parse(&record.visible), parse(&record.confirmed));
        match theirs.remove(&(key.table.name(), key.id.0)) {
            Some(row) if visible == *row && confirmed == *row => {}
            other => {
                return Some(format!("{key:?} is {visible:?}, confirmed {confirmed:?}, and on the server {other:?}"));
            }
        }
    }
    theirs.into_iter().next().map(|(key, row)| format!("{key:?} is missing, on the server it is {row:?}"))
}

fn check(world: &mut World) {
    // 6 and 13: equal, and in time.
    for slot in &world.slots {
        let status = slot.client.status();
        assert_eq!(status.pending, 0, "13: the queue did not empty: {:?}", slot.client.outbox());
        assert!(matches!(status.phase, SyncPhase::Live | SyncPhase::Polling), "13: {status:?}");
        if let Some(difference) = difference(world, slot) {
            panic!("6: a client of user {} differs from the server: {difference}", slot.client.user);
        }
    }
    let server = &world.server;
    // 2: at most once. 4: contiguous.
    assert!(server.db.effects.values().all(|times| *times == 1), "2: a mutation took effect twice");
    for scope in &server.db.scopes {
        let contiguous = scope.log.windows(2).all(|pair| pair[1].change.seq == pair[0].change.seq + 1);
        assert!(contiguous, "4: a log has a gap");
    }
    // 2, for what is sent again under another id: ids of records are drawn once, so only a second copy of a file can make a record that is there.
    let alone = !["data files copied", "data files put back"].iter().any(|what| world.counts.contains_key(what));
    let made_twice = server.rejected.values().any(|code| code == "exists");
    assert!(!(alone && made_twice), "2: a record was made twice");
    let mut rejections = 0;
    for slot in &world.slots {
        let (watch, outbox) = (&slot.watch, slot.client.outbox());
        // 1: every change has a fate.
        for id in &watch.seen {
            let kept = outbox.iter().any(|entry| entry.mutation == *id);
            let fate = server.db.effects.contains_key(id)
                || server.rejected.contains_key(id)
                || server.lost.contains(id)
                || watch.given_up.contains(id)
                || kept;
            assert!(fate, "1: {id:?} is nowhere");
        }
        // 3: in the order they were written. What a restore took back is carried out again in the order in which those who still have it send it.
        let place = watch.written.iter().filter(|(_, id)| !server.forgotten.contains(id));
        let place: BTreeMap<_, _> = place.map(|(position, id)| (*id, *position)).collect();
        let order: Vec<i64> = server.db.executed.iter().filter_map(|(_, id)| place.get(id).copied()).collect();
        assert!(order.is_sorted(), "3: changes of one device were carried out in another order: {order:?}");
        // 11: every refusal reached the person, once.
        for (id, code) in server.rejected.iter().filter(|(id, _)| watch.seen.contains(id)) {
            let later_taken = server.db.effects.contains_key(id) || server.lost.contains(id);
            // Behind a refused one it was told of with that one, and may have been given up with it; a copy of the file may have sent it meanwhile.
            let with_another = watch.given_up.contains(id) || outbox.iter().any(|entry| entry.mutation == *id);
            let heard = watch.parked.contains(id) || with_another;
            assert!(code == "merge_text" || later_taken || heard, "11: nobody heard of {id:?}, refused as {code}");
        }
        assert_eq!(watch.notices, watch.parked.len(), "11: a refusal was told twice or never");
        rejections += watch.parked.len() as u64;
    }
    let (forks, gaps, merges, conflicts) = (server.forks, server.gaps, server.merges, server.conflicts);
    let looked = world.slots.iter().map(|slot| slot.watch.flickers_looked_for).sum::<u64>();
    for (what, times) in [
        ("rejections", rejections),
        ("devices forked", forks.into()),
        ("numbers renumbered", gaps.into()),
        ("texts to merge", merges.into()),
        ("conflicts", conflicts.into()),
        ("values of others on the screen", looked),
    ] {
        *world.counts.entry(what).or_default() += times;
    }
}
