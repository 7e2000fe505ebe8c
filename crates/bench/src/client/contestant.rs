//! A contestant in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::contest::commands;

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// This project's client.
    Ours,
    /// The official client, in Node.
    RealtimeJs,
    /// The crate rp-supabase-realtime.
    Peer,
}

impl Who {
    /// All of them, in the order of the columns.
    pub(super) const ALL: [Self; 3] = [Self::Ours, Self::RealtimeJs, Self::Peer];

    /// In a table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::RealtimeJs => "realtime-js",
            Self::Peer => "rp-supabase-realtime",
        }
    }

    fn command(self) -> Result<Command> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        Ok(match self {
            Self::Ours => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("contestant");
                command
            }
            Self::RealtimeJs => {
                let modules = sources.join("../../tools/node_modules");
                if !modules.join("@supabase/realtime-js").exists() {
                    bail!("{} has no @supabase/realtime-js: run `npm ci` in tools", modules.display());
                }
                let mut command = Command::new("node");
                command.args(["--no-warnings", "--experimental-websocket"]);
                command.arg(sources.join("js/contestant.mjs")).arg(modules);
                command
            }
            Self::Peer => Command::new(peer()?),
        })
    }
}

/// The peer's program, which `cargo xtask bench client` builds, beside this one.
fn peer() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let profile = program.parent().context("this program lies in no folder")?;
    let name = profile.file_name().context("this program lies in no profile's folder")?;
    let target = profile.parent().context("this program lies in no target folder")?;
    let peer =
        target.join("peer").join(name).join("cockpit-bench-peer").with_extension(std::env::consts::EXE_EXTENSION);
    if !peer.exists() {
        bail!("{} is missing; `cargo xtask bench client` builds it", peer.display());
    }
    Ok(peer)
}

/// A running contestant; ended on drop.
pub(super) struct Contestant {
    pub(super) who: Who,
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Contestant {
    /// Starts it.
    pub(super) fn start(who: Who) -> Result<Self> {
        let mut command = who.command()?;
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = started.with_context(|| format!("{} cannot be started", who.name()))?;
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().context("no standard output")?);
        Ok(Self { who, process, input, output })
    }

    /// Tells it what to do and waits for its answer.
    pub(super) fn tell(&mut self, command: &commands::Command) -> Result<Value> {
        self.say(command)?;
        self.hear()
    }

    /// Tells it what to do.
    pub(super) fn say(&mut self, command: &commands::Command) -> Result<()> {
        let input = self.input.as_mut().context("it was ended")?;
        writeln!(input, "{}", serde_json::to_string(command)?)?;
        Ok(input.flush()?)
    }

    /// Waits for its answer.
    pub(super) fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("{} ended", self.who.name());
        }
        let answer: Value = serde_json::from_str(&line)?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => bail!("{}: {error}", self.who.name()),
            None => Ok(answer),
        }
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // The end of its input is its end; killing is for one that hangs.
        drop(self.input.take());
        if self.process.kill().and_then(|()| self.process.wait()).is_err() {
            eprintln!("{} could not be ended", self.who.name());
        }
    }
}
