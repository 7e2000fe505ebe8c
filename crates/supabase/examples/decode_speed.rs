//! How long a frame takes to decode: `cargo run --release -p cockpit-supabase --example decode_speed`.

use std::hint::black_box;
use std::time::Instant;

use cockpit_supabase::realtime::protocol::{Decoder, ServerMessage};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    dir: String,
    frame: String,
    #[serde(default)]
    binary_base64: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
    let (mut changes, mut broadcasts, mut presences, mut replies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for file in std::fs::read_dir(folder)? {
        for line in std::fs::read_to_string(file?.path())?.lines() {
            let line: Line = serde_json::from_str(line)?;
            if line.dir != "recv" || line.binary_base64 {
                continue;
            }
            match Decoder::new().text(&line.frame) {
                Ok(ServerMessage::PostgresChange { .. }) => changes.push(line.frame),
                Ok(ServerMessage::Broadcast { .. }) => broadcasts.push(line.frame),
                Ok(ServerMessage::PresenceState { .. } | ServerMessage::PresenceDiff { .. }) => {
                    presences.push(line.frame)
                }
                Ok(ServerMessage::Reply { .. }) => replies.push(line.frame),
                _ => {}
            }
        }
    }
    let filled: Vec<String> = changes.iter().filter(|frame| frame.contains("deadbeef")).cloned().collect();
    for (name, frames) in [
        ("broadcasts", broadcasts),
        ("changes", changes),
        ("changes, every column filled", filled),
        ("presence", presences),
        ("replies", replies),
    ] {
        measure(name, &frames);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a program for a person")]
fn measure(name: &str, frames: &[String]) {
    let mut decoder = Decoder::new();
    let frames: Vec<&String> = frames.iter().step_by((frames.len() / 64).max(1)).collect();
    let bytes: usize = frames.iter().map(|frame| frame.len()).sum();
    // The quickest of many short runs, because others use the machine too.
    let mut best = f64::MAX;
    for _ in 0..5_000 {
        let begun = Instant::now();
        for frame in &frames {
            black_box(decoder.text(black_box(frame))).ok();
        }
        best = best.min(begun.elapsed().as_secs_f64() / frames.len() as f64);
    }
    let mean = bytes as f64 / frames.len() as f64;
    println!("{name}: {:.0} ns a frame of {mean:.0} bytes, {:.0} MB/s", best * 1e9, mean / best / 1e6);
}
