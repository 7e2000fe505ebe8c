//! The command line of `cockpit-hub`.

use std::{
    io::{IsTerminal, Read, Write},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{DEMO_MANAGER, DEMO_OWNER, DEMO_PASSWORD, DEMO_TASKS, Hub, HubError, HubOptions, office::Office};

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
    /// Manage the people who can sign in.
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The port to serve on; 0 takes a free one.
    #[arg(long, default_value_t = 54500)]
    port: u16,
    /// The address to serve on.
    #[arg(long, default_value = "127.0.0.1")]
    bind: IpAddr,
    /// How to write the log to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
    /// Seconds for which an access token is good.
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    token_ttl: u64,
    /// Make the demo workspace first.
    #[arg(long)]
    demo: bool,
    /// Tasks of the demo workspace.
    #[arg(long, default_value_t = DEMO_TASKS, requires = "demo")]
    tasks: usize,
}

#[derive(Debug, Args)]
struct DataArgs {
    /// The folder that holds everything; made when missing [default: cockpit-hub in the user's data folder].
    #[arg(long, value_name = "DIR", env = "COCKPIT_HUB_DATA")]
    data: Option<PathBuf>,
    /// Another folder to look for PostgreSQL's programs in. May be repeated.
    #[arg(long, value_name = "DIR")]
    postgres_bin: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct DemoArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Tasks of the demo workspace.
    #[arg(long, default_value_t = DEMO_TASKS)]
    tasks: usize,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a person. The password is asked for, or read from standard input.
    Add {
        #[command(flatten)]
        data: DataArgs,
        /// The person's e-mail address.
        email: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
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
        Some(Command::User(UserCommand::Add { data, email })) => {
            let password = read_password()?;
            let office = Office::open(data.options()?).await?;
            let added = office.create_user(&email, &password).await;
            office.close().await?;
            added?;
            say(&format!("{email} can sign in now."))
        }
    }
}

/// Sets up the log. Called once, before [`run`].
pub fn start_log(cli: &Cli) {
    let format = match &cli.command {
        None => cli.serve.log,
        Some(Command::Serve(arguments)) => arguments.log,
        Some(_) => LogFormat::Text,
    };
    let quiet = matches!(cli.command, Some(Command::Demo(_) | Command::User(_)));
    let mut filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(if quiet { "warn" } else { "info" }));
    // These libraries write statements, parameters and frames at their finer levels, and with them hashes, claims and tokens.
    for library in ["tokio_postgres", "postgres_protocol", "tungstenite", "tokio_tungstenite", "hyper", "hyper_util"] {
        filter = filter.add_directive(quiet_library(library));
    }
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}

fn quiet_library(library: &str) -> tracing_subscriber::filter::Directive {
    let directive = format!("{library}=info").parse();
    directive.unwrap_or_else(|_| tracing_subscriber::filter::LevelFilter::INFO.into())
}

async fn serve(arguments: ServeArgs) -> Result<(), HubError> {
    let mut options = arguments.data.options()?;
    options.bind = arguments.bind;
    options.port = arguments.port;
    options.token_ttl = Duration::from_secs(arguments.token_ttl);
    // Listening begins before the start, so that a signal during it is not lost.
    let mut stop = StopSignal::listen()?;
    let mut hub = tokio::select! {
        started = Hub::start(options) => started?,
        // The start's own clean-up is dropping it; what it had begun of PostgreSQL the next start takes over.
        () = stop.received() => return Ok(()),
    };
    if arguments.demo
        && let Err(error) = hub.make_demo(arguments.tasks).await
    {
        hub.stop().await?;
        return Err(error);
    }
    say(&format!("cockpit-hub serves at {}", hub.url()))?;
    let failure = tokio::select! {
        () = stop.received() => None,
        failure = hub.failed() => Some(failure),
    };
    hub.stop().await?;
    failure.map_or(Ok(()), Err)
}

struct StopSignal {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignal {
    fn listen() -> Result<Self, HubError> {
        use tokio::signal::unix::{SignalKind, signal};
        let fail = |error: std::io::Error| HubError::Internal(error.to_string());
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(fail)?,
            interrupt: signal(SignalKind::interrupt()).map_err(fail)?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl DataArgs {
    fn options(self) -> Result<HubOptions, HubError> {
        let default =
            || directories::ProjectDirs::from("", "", "cockpit-hub").map(|folders| folders.data_local_dir().to_owned());
        let data = self.data.or_else(default).ok_or_else(|| {
            HubError::Internal("there is no home folder to keep the data in; name one with --data".to_owned())
        })?;
        let mut options = HubOptions::new(data);
        options.postgres.search = self.postgres_bin;
        Ok(options)
    }
}

/// From the terminal without showing it, else one line of standard input.
fn read_password() -> Result<String, HubError> {
    let fail = |error: std::io::Error| HubError::Internal(format!("the password could not be read ({error})"));
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").map_err(fail);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(fail)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The one line of standard output that other programs may wait for.
fn say(line: &str) -> Result<(), HubError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| HubError::Internal(error.to_string()))
}
