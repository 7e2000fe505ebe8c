//! `cargo xtask churn`: our client against a real hub on a network that misbehaves, with the rules checked all the time.
//!
//! Two people are signed in with short-lived tokens. The subject connects through the [proxy](crate::proxy), the partner directly. Both and
//! the database send numbered messages all the time, on a public and two private channels. One fault after the other is injected, in an
//! order that follows from the seed. The rules:
//! - after a fault ended, every channel carries messages again within [`BOUND`];
//! - what was sent and accepted while nothing was disturbed arrives; nothing arrives twice or overtaken, disturbed or not;
//! - the client's tasks, the process's memory and open files are at the end what they were at the beginning;
//! - every kind of fault really happened, and tokens were really replaced.

mod fault;
mod ledger;
mod report;
mod stage;
mod traffic;
mod vitals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cockpit_hub::{DEMO_MANAGER, DEMO_OWNER, DEMO_PASSWORD};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use crate::client::line::Line;
use crate::stats::Times;
use crate::table::{Section, say};
use fault::Kind;
use ledger::{Lane, Ledger};
use stage::Stage;
use traffic::{Health, listen, speak, speak_from_database};
use vitals::Vitals;

/// After a fault ended, everything works again within this: a silent connection is given up after two heartbeats of 2 s, an attempt after
/// 3 s, the longest pause is 3 s, a refused join blocks its socket for 5 s.
pub(super) const BOUND: Duration = Duration::from_secs(20);
/// The channels everybody has.
const CHANNELS: usize = 3;

/// What was done and how it went.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// How often each kind was injected, how much of it really happened, and how long it took until all worked again.
    faults: BTreeMap<Kind, (u64, u64, Times)>,
    /// Times in which nothing was disturbed, and what they came to.
    calms: u64,
    calm_time: Duration,
    /// Calm that the last fault still disturbed.
    late: u64,
    refreshes: u64,
}

/// Runs for this long, and at least once through every kind of fault.
pub(crate) fn run(runtime: &Runtime, time: Duration, seed: u64) -> Result<Section> {
    say(&format!("seed {seed}"));
    // Of its own, so that its tasks can be counted.
    let subject_runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(act(&subject_runtime, time, seed));
    subject_runtime.shutdown_background();
    outcome.with_context(|| format!("seed {seed}"))
}

async fn act(subject_runtime: &Runtime, time: Duration, seed: u64) -> Result<Section> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut stage = Stage::set(15, seed).await?;
    let ledger = Arc::new(Ledger::default());
    let (subject_health, partner_health) = (Arc::new(Health::default()), Arc::new(Health::default()));

    let (url, key) = (stage.url(), stage.key.clone());
    let opening = subject_runtime.spawn(async move { Line::open(&url, &key, DEMO_OWNER, DEMO_PASSWORD).await });
    let (subject, subject_events) = opening.await??;
    let (partner, partner_events) = Line::open(&stage.direct, &stage.key, DEMO_MANAGER, DEMO_PASSWORD).await?;
    let (private, changes) = topics(&partner.call("my_workspaces").await?)?;
    let channels = [("churn", false), (private.as_str(), true), (changes.as_str(), true)];
    subject.want(&channels);
    partner.want(&channels);

    let nobody = Arc::default();
    let listener = listen(
        Lane::TO_SUBJECT,
        subject_events,
        Arc::clone(&subject_health),
        Arc::clone(&ledger),
        Arc::clone(&stage.refused),
    );
    let mut subject_tasks = vec![subject_runtime.spawn(listener)];
    let mut tasks = vec![tokio::spawn(listen(
        Lane::FROM_SUBJECT,
        partner_events,
        Arc::clone(&partner_health),
        Arc::clone(&ledger),
        nobody,
    ))];
    for (lane, topic) in [(Lane::FromSubjectPublic, "churn"), (Lane::FromSubjectPrivate, private.as_str())] {
        let speaking = speak(subject.clone(), lane, topic.to_owned(), Arc::clone(&ledger));
        subject_tasks.push(subject_runtime.spawn(speaking));
    }
    for (lane, topic) in [(Lane::ToSubjectPublic, "churn"), (Lane::ToSubjectPrivate, private.as_str())] {
        tasks.push(tokio::spawn(speak(partner.clone(), lane, topic.to_owned(), Arc::clone(&ledger))));
    }
    tasks.push(tokio::spawn(speak_from_database(stage.data(), changes.clone(), Arc::clone(&ledger))));

    let watch = Watch { ledger: &ledger, subject: &subject_health, partner: &partner_health };
    let (mut trace, mut vitals) = (Trace::default(), Vitals::default());
    watch.live("the start").await;
    let (begin, mut token) = (Instant::now(), subject.token().await?);
    let mut kinds = Vec::new();
    while begin.elapsed() < time || trace.faults.len() < Kind::ALL.len() {
        if kinds.is_empty() {
            kinds = Kind::ALL.to_vec();
            kinds.shuffle(&mut random);
        }
        let calm = Duration::from_millis(random.random_range(500..1_500));
        watch.calm(calm, &mut trace).await;
        vitals.look(subject_runtime.handle())?;
        // Asked in calm, so that a failure is one.
        match subject.token().await {
            Ok(now) => trace.refreshes += u64::from(std::mem::replace(&mut token, now.clone()) != now),
            Err(error) => ledger.violation(format!("no token in calm: {error:#}")),
        }
        let Some(kind) = kinds.pop() else { continue };
        let occurred = kind.inject(&mut stage, &mut random).await.with_context(|| kind.name())?;
        let recovery = watch.live(kind.name()).await;
        let (injected, amount, times) = trace.faults.entry(kind).or_default();
        *injected += 1;
        *amount += occurred;
        times.push(recovery);
        say(&format!(
            "{:>4.0} s  {}: {occurred} {}, live again after {:.2} s",
            begin.elapsed().as_secs_f64(),
            kind.name(),
            kind.unit(),
            recovery.as_secs_f64()
        ));
        if !ledger.violations().is_empty() {
            break;
        }
    }
    watch.calm(Duration::from_secs(1), &mut trace).await;
    vitals.look(subject_runtime.handle())?;

    for task in tasks.into_iter().chain(subject_tasks) {
        task.abort();
    }
    subject.close().await;
    partner.close().await;
    drop((subject, partner));
    if !none_left(subject_runtime).await {
        let left = subject_runtime.metrics().num_alive_tasks();
        ledger.violation(format!("{left} tasks are left after the client was closed"));
    }
    stage.stop().await?;
    let report = report::report(
        &trace,
        &vitals,
        &ledger,
        &[("subject", &subject_health), ("partner", &partner_health)],
        seed,
        begin.elapsed(),
    );
    match report {
        (section, violations) if violations.is_empty() => Ok(section),
        (section, violations) => {
            say(&serde_json::to_string(&section)?);
            bail!("{} rules were broken:\n  {}", violations.len(), violations.join("\n  "))
        }
    }
}

/// Both sides, watched.
struct Watch<'a> {
    ledger: &'a Ledger,
    subject: &'a Health,
    partner: &'a Health,
}

impl Watch<'_> {
    /// Waits until both have all channels and every lane carries messages, and answers how long that took.
    async fn live(&self, after: &str) -> Duration {
        let (begin, marks) = (Instant::now(), self.ledger.progress());
        loop {
            let progress = self.ledger.progress();
            let flows = progress.iter().zip(marks).all(|(now, mark)| *now > mark);
            if flows && self.subject.joined() == CHANNELS && self.partner.joined() == CHANNELS {
                return begin.elapsed();
            }
            if begin.elapsed() > BOUND {
                let silent: Vec<Lane> = Lane::ALL
                    .into_iter()
                    .zip(progress.iter().zip(marks))
                    .filter_map(|(lane, (now, mark))| (*now <= mark).then_some(lane))
                    .collect();
                self.ledger.violation(format!(
                    "not live {} s after {after}: the subject has {} of {CHANNELS} channels, the partner {}; silent: {silent:?}; last reasons {:?}",
                    BOUND.as_secs(), self.subject.joined(), self.partner.joined(), self.subject.reasons()
                ));
                return begin.elapsed();
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// A time in which everything that is sent has to arrive. When a late consequence of the last fault comes between, it is another one.
    async fn calm(&self, time: Duration, trace: &mut Trace) {
        for _ in 0..10 {
            let before = self.disturbances();
            self.ledger.calm(true);
            let begin = Instant::now();
            while begin.elapsed() < time && self.disturbances() == before {
                sleep(Duration::from_millis(5)).await;
            }
            self.ledger.calm(false);
            let patience = Instant::now() + Duration::from_secs(10);
            while self.ledger.outstanding() > 0 && Instant::now() < patience && self.disturbances() == before {
                sleep(Duration::from_millis(5)).await;
            }
            let disturbed = self.disturbances() != before;
            self.ledger.settle(disturbed);
            if !disturbed {
                trace.calms += 1;
                trace.calm_time += begin.elapsed();
                return;
            }
            trace.late += 1;
            self.live("a late consequence of the last fault").await;
        }
        self.ledger.violation("no calm came although no fault was injected".to_owned());
    }

    fn disturbances(&self) -> u64 {
        self.subject.disturbances() + self.partner.disturbances()
    }
}

/// The topics of the demo workspace: what clients send each other, and what the database sends.
fn topics(workspaces: &Value) -> Result<(String, String)> {
    let workspace = workspaces.get(0).context("the demo has no workspace")?;
    let scopes = workspace.get("scopes").and_then(Value::as_array).into_iter().flatten();
    let scope = scopes.clone().find(|scope| scope.get("kind").and_then(Value::as_str) == Some("tenant"));
    let text = |value: Option<&Value>| {
        value.and_then(Value::as_str).map(str::to_owned).context("my_workspaces in another form")
    };
    let scope = scope.context("the workspace has no scope for all")?;
    let (id, key, tenant) = (text(scope.get("scope"))?, text(scope.get("feed_key"))?, text(workspace.get("tenant"))?);
    Ok((format!("fractal:{tenant}:{key}"), format!("fractal:{id}:{key}:changes")))
}

/// Whether all tasks of a runtime end by themselves, soon.
async fn none_left(runtime: &Runtime) -> bool {
    let patience = Instant::now() + Duration::from_secs(10);
    while runtime.metrics().num_alive_tasks() > 0 {
        if Instant::now() > patience {
            return false;
        }
        sleep(Duration::from_millis(10)).await;
    }
    true
}
