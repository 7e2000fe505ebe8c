//! The desktop shell: it joins the engine to the operating system and holds no rule of its own about tasks, time or
//! synchronisation.
//!
//! - [`cli`]: the command line.
//! - [`commands`]: what a page may call.
//! - [`host`]: how the engine reaches windows and secrets.
//! - [`profile`]: where the data of this process lies.
//! - [`secrets`]: refresh tokens in the system's keyring.
//! - [`windows`]: the kinds of window and how each is made.
//!
//! Nothing below this crate names Tauri, and nothing here decides what a record means.

pub mod cli;
pub mod commands;
pub mod host;
pub mod profile;
pub mod secrets;
pub mod windows;

use std::{path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use clap::Parser;
use cockpit_domain::{ErrorCode, SessionState};
use cockpit_engine::{Engine, EngineOptions, StartUp, WindowLabel};
use tauri::{Manager, RunEvent, WindowEvent};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::{cli::Arguments, host::DesktopHost, secrets::SystemSecrets};

/// Runs the application until its last window is closed, and answers the exit code of the process.
///
/// A start that is impossible (a data directory that cannot be written, or that another process uses) is told on the
/// standard error in one sentence with what to do, and gives exit code 1.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cockpit: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // One provider for the whole process, chosen before anything can ask for it.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        bail!("another TLS provider was installed first");
    }
    let profile = profile::directory(arguments.profile.clone())?;
    let start_up = arguments.start_up()?;
    tracing::info!(profile = %profile.display(), "starting");
    let runtime = Runtime::new().context("the system gives no threads")?;
    tauri::async_runtime::set(runtime.handle().clone());

    let host = Arc::new(DesktopHost::new(SystemSecrets::new(&profile)));
    let engine = {
        let options = EngineOptions::new(&profile, runtime.handle().clone());
        Engine::start(options, host.clone()).context("the system gives no threads")?
    };
    refuse_impossible_start(&runtime, &engine)?;
    runtime.spawn(sign_in(engine.clone(), start_up));
    let ended = show(arguments.windows, &profile, engine.clone(), host);
    runtime.block_on(engine.shutdown());
    ended
}

/// What cannot get better while the process lives is told at once, without a window; what a person can look at is shown in one.
fn refuse_impossible_start(runtime: &Runtime, engine: &Engine) -> anyhow::Result<()> {
    match runtime.block_on(engine.session())? {
        SessionState::Broken { error } if matches!(error.code, ErrorCode::ProfileInUse | ErrorCode::ReadOnly) => {
            bail!(error)
        }
        SessionState::Broken { error } => eprintln!("cockpit: {error}"),
        _ => {}
    }
    Ok(())
}

async fn sign_in(engine: Engine, start_up: Option<StartUp>) {
    if let Some(wanted) = start_up
        && let Err(error) = engine.sign_in_if_needed(wanted).await
    {
        // The window has a form for it, and what is known here is open all the same.
        tracing::warn!("not signed in: {error}");
    }
}

fn show(windows: u8, profile: &Path, engine: Engine, host: Arc<DesktopHost>) -> anyhow::Result<()> {
    let profile = profile.to_owned();
    let app = tauri::Builder::default()
        .manage(engine)
        .manage(host)
        .invoke_handler(commands::handler())
        .setup(move |app| {
            for number in 1..=windows {
                windows::open_main(app.handle(), &profile, number)?;
            }
            Ok(())
        })
        .build(tauri::generate_context!())?;
    // Not `run`, which would end the process before the engine has said goodbye.
    app.run_return(|app, event| {
        if let RunEvent::WindowEvent { label, event: WindowEvent::Destroyed, .. } = event
            && let Some(window) = WindowLabel::new(&label)
        {
            app.state::<Arc<DesktopHost>>().disconnect(&window);
            let engine = app.state::<Engine>().inner().clone();
            tauri::async_runtime::spawn(async move { engine.detach(window, None).await });
        }
    });
    Ok(())
}

/// Log lines go to the standard error; `RUST_LOG` chooses them, and without it warnings and our own progress are shown.
fn start_log() {
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,cockpit_desktop=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}
