//! `cargo xtask`: everything a person does with this repository, as one command each.
//!
//! - [`setup`]: finds out what is missing on this machine and installs it, or says how.
//! - [`run`]: starts the application from the sources.
//! - [`test`]: every check and test, with one table and one line of result.
//! - [`bench`]: measures, and writes `docs/figures.md`; and torments the client.
//! - [`sim`]: several clients, one server and every fault, by seed.
//! - [`package`]: what a user installs.
//! - [`supabase`]: the migrations as the Supabase CLI wants them.
//! - [`policy`]: licences, sources and bans of dependencies, and who may depend on whom.
//!
//! This program only starts others and reads what they say. It needs no system library, so that it builds on a machine
//! on which nothing has been set up yet.

#![allow(clippy::print_stdout, reason = "this is a command line program whose results go to the standard output")]

mod bench;
mod package;
mod policy;
mod process;
mod run;
mod setup;
mod sim;
mod supabase;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::setup::Purpose;
use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Sets up, runs, tests and measures Cockpit.")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what building, running and testing need on this machine.
    Setup,
    /// Build the application and open its window.
    Run(run::Arguments),
    /// Run every check and test and print the result.
    Test(test::Arguments),
    /// Measure server, engine, client and windows in the release profile and write docs/figures.md.
    Bench(bench::Arguments),
    /// Run the Supabase client against a hub on a network that misbehaves.
    Churn(bench::ChurnArguments),
    /// Run clients and a model of the server through every fault, by seed.
    Sim(sim::Arguments),
    /// Build the packages that a user installs.
    Package(package::Arguments),
    /// Lay the migrations out for the Supabase CLI and say how to push them.
    Supabase(supabase::Arguments),
    /// Check dependencies: licences, sources, bans, and the direction between our own crates.
    Policy,
}

fn main() -> ExitCode {
    let outcome = Workspace::find().and_then(|workspace| match Arguments::parse().task {
        Task::Setup => {
            setup::prepare(&workspace, Purpose::Test, &mut setup::Progress::new(setup::STEPS)).map(|()| true)
        }
        Task::Bench(arguments) => bench::run(&workspace, &arguments),
        Task::Churn(arguments) => bench::churn(&workspace, &arguments),
        Task::Sim(arguments) => sim::run(&workspace, &arguments),
        Task::Package(arguments) => package::run(&workspace, &arguments),
        Task::Run(arguments) => run::run(&workspace, &arguments),
        Task::Test(arguments) => test::run(&workspace, &arguments),
        Task::Supabase(arguments) => supabase::run(&workspace, &arguments),
        Task::Policy => policy::print(&workspace),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\n{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
