//! From one client to another through a hub.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::contest::commands::Command;
use super::contestant::{Contestant, Who};
use crate::Scale;
use crate::process::HubProcess;
use crate::stats::{Times, milliseconds};
use crate::table::Table;

/// Broadcasts with acknowledgement, by turns in blocks.
pub(super) fn trips(hub: &HubProcess, scale: Scale) -> Result<Table> {
    let mut contestants = Who::ALL.into_iter().map(Contestant::start).collect::<Result<Vec<_>>>()?;
    let (blocks, count, pause) = scale.of((5, 1_000, 5), (1, 20, 5));
    let mut times: Vec<(Times, Times)> = contestants.iter().map(|_| Default::default()).collect();
    for block in 0..blocks {
        for (contestant, (delivered, acknowledged)) in contestants.iter_mut().zip(&mut times) {
            let command = Command::Trip {
                url: hub.url.clone(),
                key: hub.key.clone(),
                count,
                pause_us: pause * 1_000,
                topic: format!("trip-{block}-{}", contestant.who.name()),
            };
            let answer = contestant.tell(&command)?;
            collect(&answer, "delivered", delivered)?;
            collect(&answer, "acknowledged", acknowledged)?;
        }
    }
    let mut table = Table::new(
        "A broadcast through the hub to another client, and its acknowledgement",
        &["Client", "Messages", "Delivered p50", "p99", "Acknowledged p50", "p99"],
    );
    for (contestant, (delivered, acknowledged)) in contestants.iter().zip(&times) {
        let shown = |times: &Times, share| {
            let time = times.percentile(share);
            if time < Duration::from_millis(10) {
                format!("{:.2} ms", time.as_secs_f64() * 1e3)
            } else {
                milliseconds(time)
            }
        };
        table.row([
            contestant.who.name().to_owned(),
            delivered.count().to_string(),
            shown(delivered, 50),
            shown(delivered, 99),
            shown(acknowledged, 50),
            shown(acknowledged, 99),
        ]);
    }
    table.note(format!(
        "One message every {pause} ms at most, each sent when the one before was acknowledged; both clients of a pair are in one process. By turns in {blocks} blocks. Public channels; ours and realtime-js speak 2.0.0, rp-supabase-realtime 1.0.0."
    ));
    Ok(table)
}

fn collect(answer: &Value, name: &str, into: &mut Times) -> Result<()> {
    let times = answer.get(name).and_then(Value::as_array).context("no times were answered")?;
    for time in times {
        into.push(Duration::from_nanos(time.as_u64().filter(|time| *time > 0).context("a message never came")?));
    }
    Ok(())
}
