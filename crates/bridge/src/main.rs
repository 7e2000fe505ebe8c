//! The engine in a browser: the same windows, without a windowing system. **For development and tests only**; no release contains it.
//!
//! It serves the built UI and one socket per page on 127.0.0.1, and drives one [`Engine`] with one profile.
//!
//! **Invariants.**
//! - It listens on 127.0.0.1 and nowhere else; a request whose `Host`, or a socket whose `Origin`, is another one is refused, so that no page
//!   of the internet reaches it through the person's own browser.
//! - A page gets in with the token of the printed address. Its first use binds it to the browser that used it (see [`gate`]).
//! - Ending the process ends the engine first.

mod cli;
mod gate;
mod host;
mod secrets;
mod server;
mod socket;

use std::{io::Write, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Parser;
use cockpit_domain::SessionState;
use cockpit_engine::{Engine, EngineOptions};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::{cli::Arguments, gate::Gate, host::BridgeHost};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<()> {
    // One provider for the whole process, chosen before anything can ask for it.
    let installed = rustls::crypto::ring::default_provider().install_default();
    anyhow::ensure!(installed.is_ok(), "another TLS provider was installed first");
    tokio::runtime::Runtime::new().context("no runtime")?.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let index = arguments.ui.join("index.html");
    anyhow::ensure!(
        index.is_file(),
        "{} is missing: build the UI first (npm run build in ui), or name it with --ui",
        index.display()
    );
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await.with_context(|| {
        format!("port {} cannot be used; name another one with --port, or 0 for any free one", arguments.port)
    })?;
    let port = listener.local_addr()?.port();

    let host = Arc::new(BridgeHost::new(&arguments.profile));
    let mut options = EngineOptions::new(&arguments.profile, tokio::runtime::Handle::current());
    options.realtime = !arguments.no_realtime;
    let engine = Engine::start(options, host.clone()).context("the engine could not be started")?;
    if let SessionState::Broken { error } = engine.session().await? {
        engine.shutdown().await;
        anyhow::bail!("{error}");
    }
    if let Some(wanted) = arguments.start_up()?
        && let Err(error) = engine.sign_in_if_needed(wanted).await
    {
        // The page has a form for it, and what is known here is open all the same.
        tracing::warn!("not signed in: {error}");
    }

    let gate = Arc::new(Gate::new(port));
    let mut out = std::io::stdout();
    writeln!(out, "http://127.0.0.1:{port}/#token={}", gate.token())?;
    out.flush()?;
    let served = server::serve(listener, &arguments.ui, gate, engine.clone(), host).await;
    engine.shutdown().await;
    served
}
