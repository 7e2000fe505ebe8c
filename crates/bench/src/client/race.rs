//! The same recorded frames through every contestant, by turns: decoded only, and all the way to the application.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::compare::compare;
use super::contest::commands::{Command, Frame, write_frames};
use super::contestant::{Contestant, Who};
use super::feeder::{Feeder, wire};
use super::stream::{Row, rows};
use crate::Scale;
use crate::stats::thousands;
use crate::table::{Table, say};

/// The way to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// The decoder alone.
    Decode,
    /// From the socket's callback to the application's; only JavaScript has such a seam.
    Memory,
    /// Over a websocket on the loopback.
    Socket,
}

/// Nanoseconds a frame, of every contestant; nothing where one cannot.
struct Result1 {
    row: &'static str,
    ours: Option<f64>,
    js: Option<f64>,
    js_socket: Option<f64>,
    peer: Option<f64>,
}

/// Runs it all. The runtime is for the feeder.
pub(super) fn race(scale: Scale, runtime: &Handle) -> Result<Vec<Table>> {
    let folder = tempfile::tempdir()?;
    let rows = rows(scale.of(10_000, 400))?;
    let rounds = scale.of(15, 2);
    let mut contestants = Who::ALL.into_iter().map(Contestant::start).collect::<Result<Vec<_>>>()?;
    let feeder = runtime.block_on(Feeder::start())?;
    let mut agreements = Table::new(
        "What the three found in the same frames",
        &["Frames", "Beside ours", "Same in every value", "Inexact", "What is lost"],
    );
    let (mut decoded, mut dispatched) = (Vec::new(), Vec::new());
    for row in &rows {
        say(row.name);
        agree(&mut contestants, row, &folder, &mut agreements)?;
        decoded.push(run(&mut contestants, row, &folder, rounds, None)?);
        dispatched.push(run(&mut contestants, row, &folder, rounds, Some((&feeder, runtime)))?);
    }
    let mut decode = Table::new(
        "Decoding, every value in its real type",
        &["Frames", "ours", "realtime-js", "rp-supabase-realtime", "ours: frames/s", "Faster than realtime-js", "Goal"],
    );
    decode.note(overall(&decoded, "Decoding"));
    fill(&mut decode, &decoded, false);
    let mut dispatch = Table::new(
        "From the socket to the application's callback",
        &[
            "Frames",
            "ours, over a socket",
            "realtime-js, no socket",
            "realtime-js, over a socket",
            "rp-supabase-realtime, over a socket",
            "ours: frames/s",
            "Faster than realtime-js without a socket",
            "Goal",
        ],
    );
    dispatch.note(overall(&dispatched, "Dispatch, ours over a socket against realtime-js without one"));
    fill(&mut dispatch, &dispatched, true);
    Ok(vec![decode, dispatch, agreements])
}

/// Whether they agree on what the frames mean, before anything is timed.
fn agree(contestants: &mut [Contestant], row: &Row, folder: &TempDir, table: &mut Table) -> Result<()> {
    let out = |who: Who| folder.path().join(format!("{}.canon", who.name())).display().to_string();
    for contestant in contestants.iter_mut() {
        let who = contestant.who;
        if load(contestant, row, folder)? {
            contestant.tell(&Command::Verify { out: out(who) }).with_context(|| row.name)?;
        }
    }
    for who in [Who::RealtimeJs, Who::Peer] {
        if frames(row, who).is_none() {
            let nothing = String::new;
            table.row([
                row.name.to_owned(),
                who.name().to_owned(),
                nothing(),
                nothing(),
                "speaks 1.0.0 only".to_owned(),
            ]);
            continue;
        }
        let found = compare(&out(Who::Ours), &out(who)).with_context(|| format!("{}, {}", row.name, who.name()))?;
        let total = found.exact + found.inexact + found.refused;
        let share = |part: usize| format!("{:.1} %", part as f64 * 100.0 / total.max(1) as f64);
        let mut lost: Vec<String> =
            found.kinds.iter().map(|(kind, values)| format!("{kind}: {} values", thousands(*values as f64))).collect();
        if found.refused > 0 {
            let reason = found.reason.unwrap_or_default().replace(['|', '\n'], " ");
            lost.push(format!("not decoded: {} frames ({reason})", thousands(found.refused as f64)));
        }
        table.row([
            row.name.to_owned(),
            who.name().to_owned(),
            share(found.exact),
            share(found.inexact),
            lost.join("; "),
        ]);
    }
    Ok(())
}

/// Who takes which version: ours and realtime-js the row's own, the peer version 1.0.0.
fn frames(row: &Row, who: Who) -> Option<&[Frame]> {
    match who {
        Who::Ours | Who::RealtimeJs => Some(&row.new),
        Who::Peer => row.old.as_deref(),
    }
}

fn load(contestant: &mut Contestant, row: &Row, folder: &TempDir) -> Result<bool> {
    let Some(frames) = frames(row, contestant.who) else { return Ok(false) };
    let path = folder.path().join(format!("{}.frames", contestant.who.name())).display().to_string();
    write_frames(&path, frames)?;
    contestant.tell(&Command::Load { path })?;
    Ok(true)
}

/// The median over interleaved rounds, after one that only warms up. With a feeder it is the whole way, else the decoder.
fn run(
    contestants: &mut [Contestant],
    row: &Row,
    folder: &TempDir,
    rounds: usize,
    feeder: Option<(&Feeder, &Handle)>,
) -> Result<Result1> {
    let mut lanes: Vec<(Who, Course, Vec<f64>)> = Vec::new();
    for contestant in contestants.iter_mut() {
        if load(contestant, row, folder)? {
            let courses: &[Course] = match (feeder, contestant.who) {
                (None, _) => &[Course::Decode],
                (Some(_), Who::RealtimeJs) => &[Course::Memory, Course::Socket],
                (Some(_), _) => &[Course::Socket],
            };
            lanes.extend(courses.iter().map(|course| (contestant.who, *course, Vec::new())));
        }
    }
    for round in 0..=rounds {
        for (who, course, times) in &mut lanes {
            let contestant = contestants.iter_mut().find(|one| one.who == *who).context("a contestant is missing")?;
            let count = frames(row, *who).map_or(1, <[Frame]>::len);
            let answer = match (*course, feeder) {
                (Course::Socket, Some((feeder, runtime))) => over_socket(contestant, row, feeder, runtime),
                (Course::Memory, _) => in_memory(contestant),
                _ => contestant.tell(&Command::Decode {}),
            };
            let answer = answer.with_context(|| format!("{}, {course:?}", row.name))?;
            let ns = answer.get("ns").and_then(Value::as_f64).context("no time was answered")?;
            if round > 0 {
                times.push(ns / count as f64);
            } else {
                say(&format!("{} {course:?}: {answer}", who.name()));
            }
        }
    }
    let of = |who: Who, course: Course| {
        let (_, _, times) = lanes.iter().find(|(lane, way, _)| *lane == who && *way == course)?;
        let mut times = times.clone();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    };
    let main = if feeder.is_some() { Course::Socket } else { Course::Decode };
    Ok(Result1 {
        row: row.name,
        ours: of(Who::Ours, main),
        js: of(Who::RealtimeJs, if feeder.is_some() { Course::Memory } else { Course::Decode }),
        js_socket: of(Who::RealtimeJs, Course::Socket),
        peer: of(Who::Peer, main),
    })
}

fn in_memory(contestant: &mut Contestant) -> Result<Value> {
    contestant.tell(&Command::Join { url: "memory:".to_owned() })?;
    let answer = contestant.tell(&Command::Dispatch {});
    contestant.tell(&Command::Leave {})?;
    answer
}

/// A connection of its own for each round: ours and the peer stay what they are in a long-lived one, and the feeder has one at a time.
fn over_socket(contestant: &mut Contestant, row: &Row, feeder: &Feeder, runtime: &Handle) -> Result<Value> {
    let frames = frames(row, contestant.who).unwrap_or_default();
    // Everybody's marks are those of the version of their frames; ours asks for 2.0.0 whatever comes.
    let version_2 = !matches!(frames.first(), Some(Frame::Text(text)) if text.starts_with('{'));
    contestant.tell(&Command::Join { url: feeder.url.clone() })?;
    contestant.say(&Command::Dispatch {})?;
    let sent = runtime.block_on(feeder.play(wire(frames, version_2)));
    let answer = contestant.hear();
    sent?;
    contestant.tell(&Command::Leave {})?;
    // The feeder takes the next connection when this one's end has arrived.
    std::thread::sleep(Duration::from_millis(5));
    answer
}

fn fill(table: &mut Table, results: &[Result1], dispatch: bool) {
    for result in results {
        let shown = |ns: Option<f64>| ns.map_or_else(|| "cannot".to_owned(), |ns| format!("{} ns", thousands(ns)));
        let rate = result.ours.map_or_else(String::new, |ns| thousands(1e9 / ns));
        let factor = result.ours.zip(result.js).map(|(ours, js)| js / ours);
        let others = [result.js, result.js_socket, result.peer];
        let ahead = others.iter().flatten().all(|other| result.ours.is_some_and(|ours| ours < *other));
        let times = factor.map_or_else(String::new, |factor| format!("{factor:.1} times"));
        let verdict = if ahead { "ahead: reached" } else { "ahead: **missed**" }.to_owned();
        let (row, ours, js, peer) = (result.row.to_owned(), shown(result.ours), shown(result.js), shown(result.peer));
        if dispatch {
            table.row([row, ours, js, shown(result.js_socket), peer, rate, times, verdict]);
        } else {
            table.row([row, ours, js, peer, rate, times, verdict]);
        }
    }
}

/// The geometric mean over the rows, which no single row rules.
fn overall(results: &[Result1], what: &str) -> String {
    let factors: Vec<f64> = results.iter().filter_map(|result| Some(result.js? / result.ours?)).collect();
    let mean = (factors.iter().map(|factor| factor.ln()).sum::<f64>() / factors.len().max(1) as f64).exp();
    let verdict = if mean >= 5.0 { "reached" } else { "**missed**" };
    format!("{what}: {mean:.1} times as fast as realtime-js over all rows (geometric mean). Goal 5 times: {verdict}.")
}
