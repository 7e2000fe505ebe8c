//! The language between the benchmark and a contestant: one JSON object per line, a command in, an answer out.

use std::fs;
use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The broadcast that starts the clock of a dispatch.
pub(crate) const BEGIN: &str = "bench-begin";
/// The broadcast that stops it.
pub(crate) const END: &str = "bench-end";
/// The topic of every frame of the recorded streams, without its prefix.
pub(crate) const TOPIC: &str = "bench";

/// What a contestant is told to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Command {
    /// Read the frames of a row from a file.
    Load {
        /// The file, as [`write_frames`] wrote it.
        path: String,
    },
    /// Decode every frame and touch every value in its real type; answer `ns` and `leaves`.
    Decode {},
    /// Decode every frame and write what it means, a line each, into a file.
    Verify {
        /// The file to write.
        out: String,
    },
    /// Connect to a server and join [`TOPIC`] with everything that it can carry.
    Join {
        /// The project's address.
        url: String,
    },
    /// Take what arrives between [`BEGIN`] and [`END`] as an application does; answer `ns`, `cpu_ns`, `events` and `leaves`.
    Dispatch {},
    /// Leave and close.
    Leave {},
    /// Send broadcasts from one client to another over a server; answer `delivered` and `acknowledged`, in nanoseconds each.
    Trip {
        /// The project's address.
        url: String,
        /// Its anonymous key.
        key: String,
        /// How many messages.
        count: usize,
        /// The pause between two of them.
        pause_us: u64,
        /// The topic.
        topic: String,
    },
}

/// A frame as it came from the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
}

/// Writes frames, one JSON array per line: `["t", text]` or `["b", base64]`.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_frames(path: &str, frames: &[Frame]) -> Result<()> {
    let mut text = String::new();
    for frame in frames {
        let line = match frame {
            Frame::Text(frame) => json!(["t", frame]),
            Frame::Binary(frame) => json!(["b", STANDARD.encode(frame)]),
        };
        text.push_str(&line.to_string());
        text.push('\n');
    }
    fs::write(path, text).with_context(|| format!("{path} cannot be written"))
}

/// Reads what [`write_frames`] wrote.
///
/// # Errors
/// When there is no such file or it holds something else.
pub(crate) fn read_frames(path: &str) -> Result<Vec<Frame>> {
    let text = fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))?;
    let line = |line: &str| {
        let (kind, frame): (String, String) = serde_json::from_str(line)?;
        match kind.as_str() {
            "t" => Ok(Frame::Text(frame)),
            "b" => Ok(Frame::Binary(STANDARD.decode(frame)?)),
            other => bail!("a frame of kind {other}"),
        }
    };
    text.lines().map(line).collect()
}

/// A side of the contest that can carry out commands.
pub(crate) trait Contestant {
    /// Carries one out.
    ///
    /// # Errors
    /// When it cannot; the reason is told.
    fn carry_out(&mut self, command: Command) -> Result<Value>;
}

/// Carries out the commands of the standard input until it ends.
///
/// # Errors
/// When the standard output is closed.
pub(crate) fn serve(mut contestant: impl Contestant) -> Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?).map_err(anyhow::Error::from) {
            Ok(command) => contestant.carry_out(command),
            Err(error) => Err(error),
        };
        let answer = answer.unwrap_or_else(|error| json!({"error": format!("{error:#}")}));
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}
