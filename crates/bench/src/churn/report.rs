//! What a churn came to, as tables, and the rules that were broken.

use std::sync::Arc;
use std::time::Duration;

use super::fault::Kind;
use super::ledger::Ledger;
use super::traffic::Health;
use super::vitals::Vitals;
use super::{BOUND, Trace};
use crate::stats::thousands;
use crate::table::{Section, Table};

/// The tables, and what was broken.
pub(super) fn report(
    trace: &Trace,
    vitals: &Vitals,
    ledger: &Ledger,
    people: &[(&str, &Arc<Health>)],
    seed: u64,
    time: Duration,
) -> (Section, Vec<String>) {
    let mut violations = ledger.violations();
    let mut faults = Table::new(
        "Faults that really happened, and how long until every channel carried messages again",
        &["Fault", "Times", "What happened", "Live again p50", "Slowest", "Goal"],
    );
    for kind in Kind::ALL {
        let Some((injected, amount, times)) = trace.faults.get(&kind).filter(|(_, amount, _)| *amount > 0) else {
            violations.push(format!("{} never happened", kind.name()));
            continue;
        };
        faults.row([
            kind.name().to_owned(),
            injected.to_string(),
            format!("{} {}", thousands(*amount as f64), kind.unit()),
            times.shown(50),
            times.shown(100),
            crate::table::goal(BOUND, times.percentile(100)),
        ]);
    }
    let (sent, accepted, received) = ledger.totals();
    let mut messages = Table::new("Messages", &["What", "Count"]);
    let mut count = |what: &str, count: String| messages.row([what.to_owned(), count]);
    count("sent, on five lanes, faults or not", thousands(sent as f64));
    count("accepted by hub or database", thousands(accepted as f64));
    count("received", thousands(received as f64));
    let calm = format!("{} ({:.0} s)", trace.calms, trace.calm_time.as_secs_f64());
    count("times of calm, in which all that was accepted has to arrive", calm);
    count("times in which the last fault still came between", trace.late.to_string());
    count("lost in calm, twice, or out of order", violations.len().to_string());
    count("access tokens replaced meanwhile", trace.refreshes.to_string());
    for (who, health) in people {
        count(&format!("sockets and channels lost by the {who}"), health.disturbances().to_string());
    }
    if trace.refreshes == 0 {
        violations.push("no token was replaced".to_owned());
    }
    let mut flat = Table::new("What must not grow, in calm", &["What", "Beginning", "End", "Most"]);
    let (rows, grown) = vitals.verdict();
    violations.extend(grown);
    rows.into_iter().for_each(|row| flat.row(row));
    let mut reasons: Vec<(String, u64)> = people.iter().flat_map(|(_, health)| health.reasons()).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (reason, count) in reasons.iter().take(24) {
        crate::table::say(&format!("{count:>5} × {reason}"));
    }
    let about = format!(
        "Our client (`SessionKeeper` with tokens of 15 s, `Realtime` with a public and two private channels, heartbeats every 2 s) behind a proxy that \
         misbehaves, another one beside it, against a real hub (release profile) and its PostgreSQL; {:.0} s with seed {seed}. Between two faults there is \
         calm; a fault counts as over when the way is free again. No rule was broken.",
        time.as_secs_f64()
    );
    (Section { about, tables: vec![faults, messages, flat] }, violations)
}
