//! The command `cockpit-hub`; everything is in the library.

use std::{io::Write, process::ExitCode};

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cockpit_hub::cli::Cli::parse();
    cockpit_hub::cli::start_log(&cli);
    match cockpit_hub::cli::run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about a standard error that is closed.
            let _ = writeln!(std::io::stderr(), "cockpit-hub: {error}");
            ExitCode::FAILURE
        }
    }
}
