//! The lines of a recording: `{t_ms, conn, dir, frame}`, one after the other as they happened.

use std::{path::PathBuf, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

/// Where the recordings are, shared with the client's tests.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../supabase/tests/recordings")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    Send,
    Recv,
    Note,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    t_ms: f64,
    pub(crate) conn: String,
    pub(crate) dir: Direction,
    frame: String,
    #[serde(default)]
    binary_base64: bool,
}

/// What was sent or received.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl Line {
    pub(crate) fn at(&self) -> Duration {
        Duration::from_secs_f64(self.t_ms.max(0.0) / 1000.0)
    }

    pub(crate) fn text(&self) -> &str {
        &self.frame
    }

    pub(crate) fn content(&self) -> Content {
        match self.binary_base64 {
            true => Content::Binary(BASE64_STANDARD.decode(&self.frame).unwrap()),
            false => Content::Text(self.frame.clone()),
        }
    }
}

/// All lines of the recording of this name.
pub(crate) fn lines(recording: &str) -> Vec<Line> {
    let text = std::fs::read_to_string(folder().join(format!("{recording}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}
