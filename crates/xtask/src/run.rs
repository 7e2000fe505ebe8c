//! `cargo xtask run`: from a fresh checkout to an open window.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{duration, run_logged};
use crate::setup::{self, Progress, Purpose};
use crate::workspace::Workspace;

/// What a person can say to `cargo xtask run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which person to be: each number has a profile of its own, so two can run at the same time.
    #[arg(long = "as", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    person: u8,
}

/// Sets up, builds, and starts the application; answers when it has ended, and whether it ended well.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    let mut progress = Progress::new(setup::STEPS + 3);
    setup::prepare(workspace, Purpose::Run, &mut progress)?;
    let title = progress.start("the interface");
    println!("{title}: {}", setup::build_interface(workspace, &title)?);

    let title = progress.start("building the application");
    let log = workspace.target("xtask/build.log");
    // Every package at once, as in the tests: building one alone would resolve other features and compile twice.
    let built = run_logged(&title, &mut workspace.cargo(&["build", "--workspace"]), &log)?;
    if !built.success {
        bail!("The build failed:\n{}\nThe first error in that log is the one to look at.", built.tail());
    }
    println!("{title}: built ({})", duration(built.time));

    let profile = workspace.target(format!("run/person-{}", arguments.person));
    println!("{}: profile {}", progress.start("starting Cockpit"), profile.display());
    if cfg!(target_os = "linux") && !has_display() {
        bail!(
            "There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. Start this in a graphical session, \
             or on a virtual display: xvfb-run cargo xtask run"
        );
    }
    let program = workspace.program("cockpit");
    let status = Command::new(&program)
        .arg("--profile")
        .arg(&profile)
        .status()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    Ok(status.success())
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
