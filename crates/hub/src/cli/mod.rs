//! The command line of `cockpit-hub`.

mod console;
mod data;
mod init;
mod log;
mod mail;
mod serve;
mod sign_in;
mod user;

use clap::{Args, Parser, Subcommand};

use crate::{DEMO_MANAGER, DEMO_OWNER, DEMO_PASSWORD, DEMO_TASKS, HubError, office::Office};
use console::say;
use data::DataArgs;
use init::InitArgs;
use log::LogFormat;
use mail::MailArgs;
use serve::{ServeArgs, serve};
use user::{InviteArgs, UserCommand};

/// A small Supabase-compatible server for Cockpit, over a private PostgreSQL.
///
/// It is made for development, tests and a team in one room. Past that, point the same app at a Supabase project: it needs nothing else.
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
    /// Make the first account of a new hub, and a workspace if one is named.
    Init(InitArgs),
    /// Make the demo workspace, in a running hub or a stopped one.
    Demo(DemoArgs),
    /// Manage the people who can sign in.
    #[command(subcommand)]
    User(UserCommand),
    /// Let an e-mail address sign up, and mail it a code to do so.
    Invite(InviteArgs),
    /// Show the mails that the hub keeps because it has no mail server (serve --smtp).
    Mail(MailArgs),
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
        Some(Command::Init(arguments)) => init::run(arguments).await,
        Some(Command::User(command)) => user::run(command).await,
        Some(Command::Invite(arguments)) => user::invite(arguments).await,
        Some(Command::Mail(arguments)) => mail::run(arguments).await,
    }
}

/// Sets up the log. Called once, before [`run`].
pub fn start_log(cli: &Cli) {
    let format = match &cli.command {
        None => cli.serve.log,
        Some(Command::Serve(arguments)) => arguments.log,
        Some(_) => LogFormat::Text,
    };
    let quiet = !matches!(cli.command, None | Some(Command::Serve(_)));
    log::start(format, if quiet { "warn" } else { "info" });
}
