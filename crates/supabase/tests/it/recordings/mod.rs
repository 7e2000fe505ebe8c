//! Recordings of the real server (Realtime 2.129.8) through the decoder, and what was sent in them through the encoder.

mod facts;
mod filters;
mod sent;
mod shown;
mod versions;

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cockpit_supabase::realtime::protocol::{DecodeError, Decoder, ServerMessage};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    conn: String,
    dir: String,
    frame: String,
    #[serde(default)]
    binary_base64: bool,
}

/// A frame as it was on the wire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wire {
    Text(String),
    Binary(Bytes),
}

impl Wire {
    pub(crate) fn decode(&self, decoder: &mut Decoder) -> Result<ServerMessage, DecodeError> {
        match self {
            Self::Text(text) => decoder.text(text),
            Self::Binary(bytes) => decoder.binary(bytes),
        }
    }
}

/// The names of all recordings.
pub(crate) fn names() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let files = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = files
        .filter_map(|file| file.unwrap().file_name().to_str()?.strip_suffix(".jsonl").map(str::to_owned))
        .collect();
    names.sort();
    assert_eq!(names.len(), 46, "all recordings are here");
    names
}

/// The frames of one direction with the name of their connection; `rest` are answers to HTTP requests that were made meanwhile.
fn frames(name: &str, direction: &str) -> Vec<(String, Wire)> {
    let path = format!("{}/tests/recordings/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines = text.lines().map(|line| serde_json::from_str::<Line>(line).unwrap());
    lines
        .filter(|line| line.dir == direction && line.conn != "rest")
        .map(|line| {
            let frame = match line.binary_base64 {
                true => Wire::Binary(STANDARD.decode(&line.frame).unwrap().into()),
                false => Wire::Text(line.frame),
            };
            (line.conn, frame)
        })
        .collect()
}

pub(crate) fn received(name: &str) -> Vec<(String, Wire)> {
    frames(name, "recv")
}

fn decoded(name: &str) -> Vec<(String, Result<ServerMessage, DecodeError>)> {
    let mut decoder = Decoder::new();
    received(name).into_iter().map(|(conn, frame)| (conn, frame.decode(&mut decoder))).collect()
}
