//! The command line of `cockpit-hub`.

mod console;
mod data;
mod fingerprint;
mod log;
mod serve;
mod user;

use clap::{Args, Parser, Subcommand};

use crate::{DEMO_MANAGER, DEMO_OWNER, DEMO_PASSWORD, DEMO_TASKS, HubError, office::Office};
use console::say;
use data::DataArgs;
use fingerprint::{FingerprintArgs, fingerprint};
use log::LogFormat;
use serve::{ServeArgs, serve};
use user::UserCommand;

/// A small Supabase-compatible server for Cockpit, over a private PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "cockpit-hub", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until stopped (also without a subcommand).
    Serve(ServeArgs),
    /// Make the demo workspace, in a running hub or a stopped one.
    Demo(DemoArgs),
    /// Print the SHA-256 fingerprint of the hub's certificate.
    Fingerprint(FingerprintArgs),
    /// Manage the people who can sign in.
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Debug, Args)]
struct DemoArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Tasks of the demo workspace.
    #[arg(long, default_value_t = DEMO_TASKS)]
    tasks: usize,
}

/// Does what the command line says.
///
/// # Errors
/// One sentence for the person at the terminal; the exit code is 1.
pub async fn run(cli: Cli) -> Result<(), HubError> {
    match cli.command {
        None => serve(cli.serve).await,
        Some(Command::Serve(arguments)) => serve(arguments).await,
        Some(Command::Demo(arguments)) => {
            let office = Office::open(arguments.data.options()?).await?;
            let made = office.make_demo(arguments.tasks).await;
            office.close().await?;
            made?;
            say(&format!("Studio North is ready. Sign in as {DEMO_OWNER} or {DEMO_MANAGER}, password {DEMO_PASSWORD}."))
        }
        Some(Command::Fingerprint(arguments)) => fingerprint(arguments),
        Some(Command::User(command)) => user::run(command).await,
    }
}

/// Sets up the log. Called once, before [`run`].
pub fn start_log(cli: &Cli) {
    let format = match &cli.command {
        None => cli.serve.log,
        Some(Command::Serve(arguments)) => arguments.log,
        Some(_) => LogFormat::Text,
    };
    let quiet = matches!(cli.command, Some(Command::Demo(_) | Command::Fingerprint(_) | Command::User(_)));
    log::start(format, if quiet { "warn" } else { "info" });
}
