//! `cargo xtask run`: from a fresh checkout to an open window on a demo workspace.

mod hub;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    process::{duration, run_logged},
    setup::{self, Progress, Purpose},
    workspace::Workspace,
};

/// The people of the demo workspace, in the order of `--as`. The hub's `--demo` makes them.
const PEOPLE: [(&str, &str); 2] = [("Ada", "ada@cockpit.test"), ("Ben", "ben@cockpit.test")];
const PASSWORD: &str = "cockpit-demo";

/// What a person can say to `cargo xtask run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which person of the demo workspace to be: 1 is Ada, 2 is Ben. Each has a profile of their own, so both can run at the same time.
    #[arg(long = "as", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    person: u8,
    /// Show it in a browser instead of a window; for development.
    #[arg(long)]
    browser: bool,
}

/// Sets up, builds, makes sure that a hub runs, and starts the application; answers when it has ended, and whether it ended well.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    let mut progress = Progress::new(setup::STEPS + 4);
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

    let title = progress.start("a hub with the demo workspace");
    let hub = hub::find_or_start(workspace, &title)?;
    println!("{title}: {}", hub.told());

    let (name, email) = PEOPLE.get(usize::from(arguments.person) - 1).copied().context("there is no such person")?;
    let place = workspace.target(format!("run/person-{}", arguments.person));
    fs::create_dir_all(&place).with_context(|| format!("{} cannot be made", place.display()))?;
    let password = place.join("password");
    fs::write(&password, PASSWORD)?;
    println!("{}: {name} ({email}), profile {}", progress.start("starting Cockpit"), place.display());
    let mut command = application(workspace, arguments.browser)?;
    let profile = if arguments.browser { place.join("browser") } else { place.join("desktop") };
    let options: [(&str, PathBuf); 4] = [
        ("--profile", profile),
        ("--server", hub.url().into()),
        ("--email", email.into()),
        ("--password-file", password),
    ];
    for (option, value) in options {
        command.arg(option).arg(value);
    }
    let status = command
        .status()
        .with_context(|| format!("{} cannot be started", Path::new(command.get_program()).display()))?;
    hub.stop()?;
    Ok(status.success())
}

fn application(workspace: &Workspace, browser: bool) -> Result<Command> {
    if browser {
        println!("Open the address that follows in a browser on this machine; Ctrl-C ends it.");
        let mut command = Command::new(workspace.program("cockpit-bridge"));
        command.arg("--ui").arg(workspace.path("ui/dist"));
        return Ok(command);
    }
    if cfg!(target_os = "linux") && !has_display() {
        bail!(
            "There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. Start this in a graphical session, \
             on a virtual display (xvfb-run cargo xtask run), or with --browser."
        );
    }
    Ok(Command::new(workspace.program("cockpit")))
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
