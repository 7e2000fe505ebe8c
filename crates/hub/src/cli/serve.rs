//! `cockpit-hub serve`: the hub's life in the foreground, from its start to a signal.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;

use super::{console::say, data::DataArgs, log::LogFormat, sign_in::SignInArgs};
use crate::{DEMO_TASKS, Hub, HubError, TlsOptions};

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
    /// Encrypt connections, with a certificate that the hub makes for itself and keeps in the data folder.
    #[arg(long)]
    pub(super) tls: bool,
    /// Encrypt connections with this certificate, in PEM form with those that lead to its root.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM form without a passphrase.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// How to write the log to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(super) log: LogFormat,
    /// Seconds for which an access token is good.
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(super) token_ttl: u64,
    #[command(flatten)]
    pub(super) sign_in: SignInArgs,
    /// Broadcasts a second, sent and received each counted, averaged over a minute; above it receivers lose their channel for a while.
    #[arg(long, default_value_t = MESSAGES_PER_SECOND, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) messages_per_second: u32,
    /// Make the demo workspace first.
    #[arg(long)]
    pub(super) demo: bool,
    /// Tasks of the demo workspace.
    #[arg(long, default_value_t = DEMO_TASKS, requires = "demo")]
    pub(super) tasks: usize,
}

/// What hosted Supabase allows its larger plans; the smallest has 100, which a busy team in one room would reach.
const MESSAGES_PER_SECOND: u32 = 2_500;

/// Serves until a signal comes or a part of the hub fails.
pub(super) async fn serve(arguments: ServeArgs) -> Result<(), HubError> {
    let mut options = arguments.data.options()?;
    options.bind = arguments.bind;
    options.port = arguments.port;
    options.auth = arguments.sign_in.options()?;
    options.tls = match (arguments.tls_cert, arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsOptions::Files { certificate, key }),
        _ => arguments.tls.then_some(TlsOptions::SelfSigned),
    };
    options.limits.messages_per_second = arguments.messages_per_second;
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
    say(&ready(&hub))?;
    let failure = tokio::select! {
        () = stop.received() => None,
        failure = hub.failed() => Some(failure),
    };
    hub.stop().await?;
    failure.map_or(Ok(()), Err)
}

/// The line that programs wait for, and below it what people should know. All at once: a program may stop reading after the first.
fn ready(hub: &Hub) -> String {
    let mut lines = vec![format!("cockpit-hub serves at {}", hub.url())];
    let elsewhere = hub.urls_elsewhere();
    if !elsewhere.is_empty() {
        lines.push(format!("Other machines reach it at {}", elsewhere.join(" or ")));
    }
    if let Some(fingerprint) = hub.fingerprint() {
        lines.push("The SHA-256 fingerprint of its certificate, to be compared at the first sign-in:".to_owned());
        lines.push(format!("  {fingerprint}"));
    } else if !hub.address().ip().is_loopback() {
        lines.push(
            "WARNING: nothing is encrypted. Whoever is on this network can read the passwords and data that pass,"
                .to_owned(),
        );
        lines.push(
            "WARNING: and can act as anybody who signs in. Stop this hub and start it again with --tls.".to_owned(),
        );
    }
    lines.join("\n")
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
