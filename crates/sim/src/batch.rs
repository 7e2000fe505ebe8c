//! Many seeds, on all cores.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    run::{MUST_OCCUR, Outcome, run},
    world::Plan,
};

/// What many seeds came to.
#[derive(Debug, Default)]
pub struct Batch {
    /// Seeds that were run.
    pub seeds: u64,
    /// How often what happened, over all.
    pub counts: BTreeMap<&'static str, u64>,
    /// Seeds at which a rule broke, in order.
    pub failed: Vec<Outcome>,
}

impl Batch {
    /// What never happened although a run of many seeds has to meet it.
    pub fn never(&self) -> Vec<&'static str> {
        MUST_OCCUR.into_iter().filter(|what| !self.counts.contains_key(what)).collect()
    }
}

/// Runs the seeds `from..to` as `plan` makes them, on as many threads as there are cores; ends early when `enough` rules broke. Every thread carries
/// the planted bug `bug`.
pub fn many(from: u64, to: u64, bug: &'static str, enough: usize, plan: impl Fn(u64) -> Plan + Sync) -> Batch {
    let (next, batch) = (AtomicU64::new(from), Mutex::new(Batch::default()));
    let work = || {
        crate::planted::carry(bug);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= to || batch.lock().unwrap().failed.len() >= enough {
                return;
            }
            let outcome = run(&plan(seed));
            let mut batch = batch.lock().unwrap();
            batch.seeds += 1;
            for (what, times) in &outcome.counts {
                *batch.counts.entry(what).or_default() += times;
            }
            if let Some(failure) = &outcome.failure {
                if bug.is_empty() {
                    eprintln!("seed {}: {failure}", outcome.seed);
                }
                batch.failed.push(outcome);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut batch = batch.into_inner().unwrap();
    batch.failed.sort_by_key(|outcome| outcome.seed);
    batch
}
