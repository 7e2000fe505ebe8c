//! `cockpit-bench`: the measurements behind `docs/figures.md`. `cargo xtask bench` builds it in the release profile, runs it and writes the
//! document; by itself it says on the standard error what it is doing and puts the tables as JSON on the standard output.
//!
//! - [`server`]: the database alone, asked as clients ask it.
//! - [`churn`]: the Supabase client on a network that misbehaves, for `cargo xtask churn`.
//! - [`client`]: the Supabase client beside others, and the hub's Realtime under many sockets.
//! - [`store`]: SQLite alone.
//! - [`engine`]: a client without a screen, against a hub.
//! - [`windows`]: two real desktop processes, from one person's Enter to the other's screen.
//!
//! Everything runs on filled tables, with fsync on, in folders of its own that are gone afterwards.

mod churn;
mod client;
mod driver;
mod engine;
mod hub;
mod people;
mod process;
mod proxy;
mod server;
mod stats;
mod store;
mod table;
mod windows;

use std::{io::Write, time::Duration};

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};

use crate::table::Section;

#[derive(Debug, Parser)]
#[command(name = "cockpit-bench", about = "Measures Cockpit; cargo xtask bench runs it.")]
struct Arguments {
    /// What to measure.
    #[arg(value_enum)]
    part: Part,
    /// Small numbers, to see that it works; the figures mean nothing.
    #[arg(long)]
    smoke: bool,
    /// How long the churn lasts.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// What the churn's faults follow from; another every time without it.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    Churn,
    Client,
    /// Our side of the client's contest; the benchmark starts it itself.
    #[value(hide = true)]
    Contestant,
    Server,
    Engine,
    Windows,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    smoke: bool,
}

impl Scale {
    /// The real number, or the one that only shows that it works.
    pub(crate) fn of<T>(self, real: T, smoke: T) -> T {
        if self.smoke { smoke } else { real }
    }
}

fn main() -> Result<()> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        bail!("another TLS provider was installed first");
    }
    if std::env::args().nth(1).as_deref() == Some("hub") {
        return hub::serve();
    }
    let arguments = Arguments::parse();
    let scale = Scale { smoke: arguments.smoke };
    let runtime = tokio::runtime::Runtime::new()?;
    let section: Section = match arguments.part {
        Part::Server => runtime.block_on(server::measure(scale))?,
        Part::Engine => {
            let mut section = runtime.block_on(engine::measure(scale))?;
            section.tables.insert(0, store::measure(scale)?);
            section
        }
        Part::Churn => {
            let time = Duration::from_secs(scale.of(arguments.seconds, 20));
            churn::run(&runtime, time, arguments.seed.unwrap_or_else(rand::random))?
        }
        Part::Client => client::measure(&runtime, scale)?,
        Part::Contestant => return client::contestant(),
        Part::Windows => windows::measure(&runtime, scale)?,
    };
    writeln!(std::io::stdout().lock(), "{}", serde_json::to_string(&section)?)?;
    Ok(())
}
