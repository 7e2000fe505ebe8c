//! `cargo xtask sim`: the simulation of clients, server and faults, by seed; one seed again; or the planted bugs.

use anyhow::Result;

use crate::bench;
use crate::workspace::Workspace;

/// From this many seeds on a run is worth a place in the document.
const WORTH_WRITING: u64 = 500;

/// What a person can say to `cargo xtask sim`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many seeds; a run of 500 or more is written to docs/figures.md.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// One seed alone: what happened, its trace in target/sim, and if a rule breaks the fewest operations that break it.
    #[arg(long, conflicts_with = "planted")]
    seed: Option<u64>,
    /// Plants bugs, each until a seed finds it; a name plants that one alone.
    #[arg(long, num_args = 0..=1, default_missing_value = "all")]
    planted: Option<String>,
}

/// Runs it; false when a rule broke or a planted bug was not found.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    // Cargo builds what is missing and starts what fits the features, so that a program with bugs is never left in place of the other.
    let mut words: Vec<String> = ["run", "--quiet", "--package", "cockpit-sim"].map(str::to_owned).to_vec();
    if arguments.planted.is_some() {
        words.extend(["--features".to_owned(), "planted".to_owned()]);
    }
    words.extend(["--".to_owned(), "--seeds".to_owned(), arguments.seeds.to_string()]);
    if let Some(seed) = arguments.seed {
        words.extend(["--seed".to_owned(), seed.to_string()]);
    }
    if let Some(name) = &arguments.planted {
        words.extend(["--planted".to_owned(), name.clone()]);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = workspace.cargo(&words);
    let document = arguments.seed.is_none() && arguments.planted.is_none() && arguments.seeds >= WORTH_WRITING;
    if !document {
        return Ok(command.stdout(std::process::Stdio::null()).status()?.success());
    }
    bench::simulation(workspace, &mut command, format!("cargo xtask sim --seeds {}", arguments.seeds))?;
    Ok(true)
}
