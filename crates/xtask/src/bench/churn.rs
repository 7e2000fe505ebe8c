//! `cargo xtask churn`: the client against a hub on a network that misbehaves, for as long as one likes.

use anyhow::Result;

use super::{CHURN, build, measure, write};
use crate::setup::{self, Progress, Purpose};
use crate::workspace::Workspace;

/// From this many minutes on a run is worth a place in the document.
const WORTH_WRITING: u64 = 10;

/// What a person can say to `cargo xtask churn`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long; a run of ten minutes or more is written to docs/figures.md.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// What the order and length of the faults follow from; a run without it says which one it took.
    #[arg(long)]
    seed: Option<u64>,
    /// Every kind of fault once, as the tests do it.
    #[arg(long)]
    smoke: bool,
}

/// Runs it; a broken rule is an error that names the seed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    let mut progress = Progress::new(setup::STEPS + 2);
    setup::prepare(workspace, Purpose::Test, &mut progress)?;
    build(workspace, &mut progress, &["build", "--release", "--package", "cockpit-bench"])?;
    println!("{}:", progress.start("tormenting the client"));
    let seconds = (arguments.minutes * 60).to_string();
    let seed = arguments.seed.map(|seed| seed.to_string());
    let mut options = vec!["--seconds", &seconds];
    if arguments.smoke {
        options.push("--smoke");
    }
    if let Some(seed) = &seed {
        options.extend(["--seed", seed]);
    }
    let section = measure(workspace, &CHURN, &options)?;
    if arguments.minutes >= WORTH_WRITING && !arguments.smoke {
        let seed = seed.map(|seed| format!(" --seed {seed}")).unwrap_or_default();
        write(workspace, &CHURN, &section, format!("cargo xtask churn --minutes {}{seed}", arguments.minutes))?;
    }
    Ok(true)
}
