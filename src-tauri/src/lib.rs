//! The desktop shell: it joins the engine to the operating system and holds no rule of its own about tasks, time or
//! synchronisation.
//!
//! - [`cli`]: the command line.
//! - [`profile`]: the data directory of one process, and the lock that keeps a second process out of it.
//! - [`secrets`]: refresh tokens in the system's keyring.
//! - [`windows`]: the kinds of window and how each is made.
//!
//! Nothing below this crate names Tauri, and nothing here decides what a record means.

pub mod cli;
pub mod profile;
pub mod secrets;
pub mod windows;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::cli::Arguments;
use crate::profile::Profile;

/// Runs the application until its last window is closed, and answers the exit code of the process.
///
/// A start that is impossible (a data directory that cannot be written, or that another process uses) is told on the
/// standard error in one sentence with what to do, and gives exit code 1.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log();
    let outcome = Profile::open(arguments.profile).map_err(anyhow::Error::from).and_then(run);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cockpit: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(profile: Profile) -> anyhow::Result<()> {
    tracing::info!(profile = %profile.directory().display(), "starting");
    tauri::Builder::default()
        .setup(move |app| {
            windows::open_main(app.handle(), &profile)?;
            // The profile lives as long as the application, and with it the lock on the directory.
            tauri::Manager::manage(app, profile);
            Ok(())
        })
        .run(tauri::generate_context!())?;
    Ok(())
}

/// Log lines go to the standard error; `RUST_LOG` chooses them, and without it warnings and our own progress are shown.
fn start_log() {
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,cockpit_desktop=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}
