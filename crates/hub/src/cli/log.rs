//! The hub's log: to standard error, as text or JSON, without what libraries would write of secrets.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::filter::{Directive, LevelFilter};

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// Begins the log: `level` unless `RUST_LOG` says otherwise.
pub(super) fn start(format: LogFormat, level: &str) {
    let mut filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    // These libraries write statements, parameters and frames at their finer levels, and with them hashes, claims and tokens.
    for library in ["tokio_postgres", "postgres_protocol", "tungstenite", "tokio_tungstenite", "hyper", "hyper_util"] {
        filter = filter.add_directive(limited(library, LevelFilter::INFO));
    }
    // The pool warns of connections that end because the hub stops its database; a connection that somebody needed is told of by who needed it.
    filter = filter.add_directive(limited("deadpool.postgres", LevelFilter::ERROR));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}

fn limited(library: &str, level: LevelFilter) -> Directive {
    let directive = format!("{library}={level}").parse();
    directive.unwrap_or_else(|_| level.into())
}
