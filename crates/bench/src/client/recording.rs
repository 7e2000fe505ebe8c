//! The recordings of the real server, taken apart: what it sent, without the version it was sent in.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the server said, in the words it used: payloads are its bytes.
#[derive(Debug, Clone)]
pub(super) enum Said {
    /// What both versions of the protocol put into an envelope.
    Event {
        /// The envelope's event.
        event: String,
        /// Whether it answers something.
        reply: bool,
        /// The payload, untouched.
        payload: String,
    },
    /// A broadcast in a binary frame.
    Binary {
        /// The name its sender gave it.
        event: String,
        /// The server's own addition, JSON or nothing.
        meta: Vec<u8>,
        /// 0 for bytes, 1 for JSON.
        encoding: u8,
        /// What was sent.
        payload: Vec<u8>,
    },
}

#[derive(Deserialize)]
struct Line {
    conn: String,
    dir: String,
    frame: String,
    #[serde(default)]
    binary_base64: bool,
}

#[derive(Deserialize)]
struct Object<'a> {
    event: String,
    #[serde(rename = "ref")]
    reference: Option<String>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// Everything that a recording's connections received, in order; of one connection only when it is named. Frames that are no frames
/// (what a client had marked as JSON and was none) are left out.
pub(super) fn received(name: &str, connection: Option<&str>) -> Result<Vec<Said>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../supabase/tests/recordings/{name}.jsonl"));
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut all = Vec::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line)?;
        if line.dir != "recv" || line.conn == "rest" || connection.is_some_and(|wanted| wanted != line.conn) {
            continue;
        }
        let said = if line.binary_base64 { binary(&STANDARD.decode(&line.frame)?) } else { envelope(&line.frame) };
        all.extend(said);
    }
    Ok(all)
}

fn envelope(frame: &str) -> Option<Said> {
    if frame.starts_with('[') {
        type Array<'a> = (Option<String>, Option<String>, String, String, &'a RawValue);
        let (_, reference, _, event, payload): Array<'_> = serde_json::from_str(frame).ok()?;
        return Some(Said::Event { event, reply: reference.is_some(), payload: payload.get().to_owned() });
    }
    let Object { event, reference, payload } = serde_json::from_str(frame).ok()?;
    Some(Said::Event { event, reply: reference.is_some(), payload: payload.get().to_owned() })
}

fn binary(frame: &[u8]) -> Option<Said> {
    let [4, topic, event, meta, encoding, rest @ ..] = frame else { return None };
    let (_, rest) = rest.split_at_checked(usize::from(*topic))?;
    let (event, rest) = rest.split_at_checked(usize::from(*event))?;
    let (meta, payload) = rest.split_at_checked(usize::from(*meta))?;
    if *encoding == 1 && serde_json::from_slice::<&RawValue>(payload).is_err() {
        return None;
    }
    Some(Said::Binary {
        event: String::from_utf8(event.to_vec()).ok()?,
        meta: meta.to_vec(),
        encoding: *encoding,
        payload: payload.to_vec(),
    })
}
