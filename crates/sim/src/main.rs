//! The program behind `cargo xtask sim`: runs seeds, one seed with its trace, or the planted bugs. Figures go to the standard output as JSON.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a command line program whose results go to the standard output; when that is closed there is nobody to tell"
)]

use std::{fs, panic, path::Path, process::ExitCode, time::Instant};

use clap::Parser;
use cockpit_sim::{
    batch::{Batch, many},
    planted::BUGS,
    run::{Outcome, run},
    world::Plan,
};
use serde_json::{Value, json};

#[derive(Debug, Parser)]
#[command(name = "cockpit-sim", about = "Several clients, one server and every fault, by seed.")]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One seed alone, with its trace.
    #[arg(long)]
    seed: Option<u64>,
    /// Every planted bug, each until a seed finds it; a name for one alone.
    #[arg(long, num_args = 0..=1, default_missing_value = "all")]
    planted: Option<String>,
    /// What each person does.
    #[arg(long, default_value_t = 200)]
    operations: u32,
    /// Where traces of failures go.
    #[arg(long, default_value = "target/sim")]
    traces: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A broken rule is told once, with its seed, by who catches it.
    panic::set_hook(Box::new(|_| {}));
    let begun = Instant::now();
    let good = match (&arguments.planted, arguments.seed) {
        (Some(name), _) => planted(name, &arguments),
        (None, Some(seed)) => one(seed, &arguments),
        (None, None) => seeds(&arguments),
    };
    eprintln!("{:.1} s", begun.elapsed().as_secs_f64());
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(seed: u64, arguments: &Arguments) -> Plan {
    Plan { operations: arguments.operations, ..Plan::new(seed) }
}

fn seeds(arguments: &Arguments) -> bool {
    let to = arguments.from + arguments.seeds;
    let begun = Instant::now();
    let batch = many(arguments.from, to, "", 20, |seed| plan(seed, arguments));
    if let Some(first) = batch.failed.first() {
        let path = write_trace(&shrunk(first.seed, arguments), arguments);
        eprintln!("the trace of the first: {path}; again: cargo xtask sim --seed {}", first.seed);
    }
    let never = batch.never();
    // A few seeds need not meet everything.
    if batch.seeds >= 50 && !never.is_empty() {
        eprintln!("never happened: {}", never.join(", "));
    }
    println!("{}", tables(&batch, begun.elapsed().as_secs_f64(), arguments));
    batch.failed.is_empty() && (batch.seeds < 50 || never.is_empty())
}

/// The same seed with as few operations as still break a rule.
fn shrunk(seed: u64, arguments: &Arguments) -> Plan {
    let mut plan = plan(seed, arguments);
    let mut step = plan.operations / 2;
    while step > 0 {
        let smaller = Plan { operations: plan.operations - step, ..plan.clone() };
        if run(&smaller).failure.is_some() {
            plan = smaller;
            step = step.min(plan.operations / 2);
        } else {
            step /= 2;
        }
    }
    plan
}

fn one(seed: u64, arguments: &Arguments) -> bool {
    let first = plan(seed, arguments);
    let plan = if run(&first).failure.is_some() { shrunk(seed, arguments) } else { first };
    let path = write_trace(&plan, arguments);
    let outcome = run(&plan);
    for (what, times) in &outcome.counts {
        eprintln!("{times:>8} {what}");
    }
    eprintln!("trace {:016x}, in {path}", outcome.trace);
    match &outcome.failure {
        Some(failure) => eprintln!("seed {seed}, {} operations: {failure}", plan.operations),
        None => eprintln!("seed {seed}: every rule holds"),
    }
    outcome.failure.is_none()
}

fn write_trace(plan: &Plan, arguments: &Arguments) -> String {
    let Outcome { text, failure, .. } = run(&Plan { record: true, ..plan.clone() });
    let path = format!("{}/{}.txt", arguments.traces, plan.seed);
    let lines = format!("{plan:?}\n{}\n{}\n", failure.unwrap_or_default(), text.join("\n"));
    let written = fs::create_dir_all(Path::new(&arguments.traces)).and_then(|()| fs::write(&path, lines));
    written.map_or_else(|error| format!("not written: {error}"), |()| path)
}

fn planted(name: &str, arguments: &Arguments) -> bool {
    let mut rows = Vec::new();
    let mut good = true;
    for bug in BUGS.iter().filter(|bug| name == "all" || bug.name == name) {
        let batch = many(arguments.from, arguments.from + 1000, bug.name, 1, |seed| plan(seed, arguments));
        let found = batch.failed.first();
        let rule = found.and_then(|outcome| outcome.failure.clone()).unwrap_or_default();
        let rule: String = rule.chars().take(100).collect();
        eprintln!("{:<26} {:>4} seeds  {}", bug.name, batch.seeds, if found.is_some() { &rule } else { "NOT FOUND" });
        good &= found.is_some();
        rows.push(json!([
            bug.name,
            bug.what,
            if found.is_some() { batch.seeds.to_string() } else { "not found".to_owned() },
            rule
        ]));
    }
    println!(
        "{}",
        json!([{ "title": "Planted bugs", "columns": ["Bug", "What is wrong", "Seeds", "Rule that broke"], "rows": rows }])
    );
    good && !rows.is_empty()
}

fn tables(batch: &Batch, seconds: f64, arguments: &Arguments) -> Value {
    let rows: Vec<Value> = batch.counts.iter().map(|(what, times)| json!([what, times.to_string()])).collect();
    let size =
        format!("{} seeds of 4 clients × {} operations × 30 faults, {seconds:.0} s", batch.seeds, arguments.operations);
    let about = "Clients on the real store against a model of the server, in virtual time, with every fault there is (`crates/sim`). Every rule of the \
                 protocol was checked after every commit, and at the end of each seed that all are equal.";
    json!({ "about": about, "tables": [{ "title": size, "columns": ["What happened", "Times"], "rows": rows }] })
}
