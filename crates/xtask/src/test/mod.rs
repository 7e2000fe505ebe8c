//! `cargo xtask test`: every check and test in order, one table, and one line of result.
//!
//! A step that fails does not stop the others, unless they need its outcome; what was not run counts as failed.

mod counts;
mod report;
mod steps;

use anyhow::Result;

use crate::setup::{self, Progress, Purpose};
use crate::workspace::Workspace;

/// What a person can say to `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only what takes less than two minutes on a warm build: formatting, the interface's checks, the unit tests of the
    /// libraries and the SQL tests.
    #[arg(long)]
    quick: bool,
    /// Do not look for missing packages first.
    #[arg(long)]
    no_setup: bool,
}

/// Runs the steps; answers whether all passed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    if !arguments.no_setup {
        setup::prepare(workspace, Purpose::Test, &mut Progress::new(setup::STEPS))?;
        println!();
    }
    let mut steps = steps::steps(workspace, arguments.quick)?;
    let mut results = Vec::new();
    let total = steps.len();
    for (index, step) in steps.iter_mut().enumerate() {
        let title = format!("[{}/{}] {}", index + 1, total, step.name);
        let result = report::run_step(workspace, step, &title, &results);
        println!("{title}: {}", result.summary());
        results.push(result);
    }
    results.extend(report::unaccounted(&results));
    print!("\n{}", report::table(&results));
    Ok(report::all_passed(&results))
}
