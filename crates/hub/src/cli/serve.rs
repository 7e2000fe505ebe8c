//! `cockpit-hub serve`: the hub's life in the foreground, from its start to a signal.

use std::{net::IpAddr, time::Duration};

use clap::Args;

use super::{console::say, data::DataArgs, log::LogFormat, sign_in::SignInArgs};
use crate::{DEMO_TASKS, Hub, HubError};

/// How to serve.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// The port to serve on; 0 takes a free one.
    #[arg(long, default_value_t = 54500)]
    pub(super) port: u16,
    /// The address to serve on.
    #[arg(long, default_value = "127.0.0.1")]
    pub(super) bind: IpAddr,
    /// How to write the log to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(super) log: LogFormat,
    /// Seconds for which an access token is good.
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(super) token_ttl: u64,
    #[command(flatten)]
    pub(super) sign_in: SignInArgs,
    /// Make the demo workspace first.
    #[arg(long)]
    pub(super) demo: bool,
    /// Tasks of the demo workspace.
    #[arg(long, default_value_t = DEMO_TASKS, requires = "demo")]
    pub(super) tasks: usize,
}

/// Serves until a signal comes or a part of the hub fails.
pub(super) async fn serve(arguments: ServeArgs) -> Result<(), HubError> {
    let mut options = arguments.data.options()?;
    options.bind = arguments.bind;
    options.port = arguments.port;
    options.auth = arguments.sign_in.options()?;
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
