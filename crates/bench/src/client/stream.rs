//! The rows of the contest: streams of frames made from the recordings, the same for everybody, in both versions of the protocol.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::contest::commands::{BEGIN, END, Frame, TOPIC};
use super::recording::{Said, received};

/// A stream of one kind of frames.
#[derive(Debug)]
pub(super) struct Row {
    /// In the table.
    pub(super) name: &'static str,
    /// In protocol 2.0.0.
    pub(super) new: Vec<Frame>,
    /// The same in protocol 1.0.0, where it can be said.
    pub(super) old: Option<Vec<Frame>>,
}

/// All rows, each of about so many frames.
pub(super) fn rows(frames: usize) -> Result<Vec<Row>> {
    let of = |name: &str, keep: fn(&Said) -> bool| {
        received(name, None).map(|said| said.into_iter().filter(keep).collect::<Vec<_>>())
    };
    let texts: Vec<Said> = [of("c1_broadcast_v1", is_broadcast)?, of("c2_broadcast_v2_binary", is_broadcast)?].concat();
    let binaries = of("c2_broadcast_v2_binary", is_binary)?;
    let database = of("e2_broadcast_from_db_replay", is_any_json_broadcast)?;
    let changes = of("b1_pgchanges_types_default_full", |said| is(said, "postgres_changes"))?;
    let mut answers = of("f3_token_lifecycle", is_answer)?;
    answers.extend(of("e1_private_channels", is_answer)?);
    let presence = presence(frames)?;
    let day = day(&[&texts, &database, &changes, &presence, &answers], frames)?;
    let both = |name, said: &[Said]| -> Result<Row> {
        let said = repeated(said, frames)?;
        let old: Vec<Frame> = said.iter().enumerate().filter_map(|(at, said)| old(said, at)).collect();
        let old = (old.len() == said.len()).then_some(old);
        Ok(Row { name, new: said.iter().enumerate().map(|(at, said)| new(said, at)).collect(), old })
    };
    let text = both("text broadcasts, 2.0.0", &texts)?;
    let version_1 = text.old.clone().unwrap_or_default();
    Ok(vec![
        Row { old: None, ..text },
        Row { name: "text broadcasts, 1.0.0", new: version_1.clone(), old: Some(version_1) },
        both("binary broadcasts", &binaries)?,
        both("broadcasts from the database", &database)?,
        both("Postgres changes, all types", &changes)?,
        both("presence diffs", &presence)?,
        both("replies and system messages", &answers)?,
        both("a mixed day", &day)?,
    ])
}

/// The frame that starts or stops the clock.
pub(super) fn mark(start: bool, version_2: bool) -> Frame {
    let event = if start { BEGIN } else { END };
    let payload = json!({"type": "broadcast", "event": event, "payload": {}}).to_string();
    let said = Said::Event { event: "broadcast".to_owned(), reply: false, payload };
    if version_2 { new(&said, 0) } else { old(&said, 0).unwrap_or(Frame::Text(String::new())) }
}

/// In protocol 2.0.0. References count from a number that no client has reached.
fn new(said: &Said, at: usize) -> Frame {
    match said {
        Said::Event { event, reply, payload } => {
            let reference = if *reply { format!("\"{}\"", 9_000_000 + at) } else { "null".to_owned() };
            Frame::Text(format!("[null,{reference},\"realtime:{TOPIC}\",\"{event}\",{payload}]"))
        }
        Said::Binary { event, meta, encoding, payload } => {
            let topic = format!("realtime:{TOPIC}");
            let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
            let mut frame = vec![4, length(topic.as_bytes()), length(event.as_bytes()), length(meta), *encoding];
            for part in [topic.as_bytes(), event.as_bytes(), meta, payload] {
                frame.extend_from_slice(part);
            }
            Frame::Binary(frame)
        }
    }
}

/// In protocol 1.0.0, with the server's order of fields; bytes cannot be said in it.
fn old(said: &Said, at: usize) -> Option<Frame> {
    let (event, reply, payload) = match said {
        Said::Event { event, reply, payload } => (event.as_str(), *reply, payload.clone()),
        Said::Binary { encoding: 0, .. } => return None,
        Said::Binary { event, meta, payload, .. } => {
            let meta =
                if meta.is_empty() { String::new() } else { format!("\"meta\":{},", String::from_utf8_lossy(meta)) };
            let payload = String::from_utf8_lossy(payload);
            (
                "broadcast",
                false,
                format!("{{\"event\":\"{event}\",{meta}\"payload\":{payload},\"type\":\"broadcast\"}}"),
            )
        }
    };
    let reference = if reply { format!("\"{}\"", 9_000_000 + at) } else { "null".to_owned() };
    Some(Frame::Text(format!(
        "{{\"ref\":{reference},\"event\":\"{event}\",\"payload\":{payload},\"topic\":\"realtime:{TOPIC}\"}}"
    )))
}

/// What one of the recorded people saw of the others, again and again, every time with new references. After each time all who are still
/// there leave in a frame of our own, so that the room is empty when it begins anew.
fn presence(frames: usize) -> Result<Vec<Said>> {
    let seen: Vec<String> = received("d1_presence_vsn2.0.0", Some("alice"))?
        .into_iter()
        .filter_map(|said| match said {
            Said::Event { event, payload, .. } if event == "presence_diff" => Some(payload),
            _ => None,
        })
        .collect();
    let mut present: Vec<(String, Value)> = Vec::new();
    for diff in &seen {
        let diff: Value = serde_json::from_str(diff)?;
        for (key, presence) in metas(&diff, "leaves") {
            present.retain(|(other, meta)| *other != key || meta.get("phx_ref") != presence.get("phx_ref"));
        }
        present.extend(metas(&diff, "joins"));
    }
    let mut leaves = serde_json::Map::new();
    for (key, meta) in present {
        let entry = leaves.entry(key).or_insert_with(|| json!({"metas": []}));
        if let Some(metas) = entry.get_mut("metas").and_then(Value::as_array_mut) {
            metas.push(meta);
        }
    }
    let closing = json!({"joins": {}, "leaves": leaves}).to_string();
    let mut all = Vec::new();
    while all.len() < frames {
        // The recorded references all begin so.
        let round = format!("\"G{:05}", all.len());
        for diff in seen.iter().chain([&closing]) {
            let payload = diff.replace("\"GOqQE", &round);
            all.push(Said::Event { event: "presence_diff".to_owned(), reply: false, payload });
        }
    }
    Ok(all)
}

fn metas(diff: &Value, side: &str) -> Vec<(String, Value)> {
    let people = diff.get(side).and_then(Value::as_object).into_iter().flatten();
    people
        .flat_map(|(key, presence)| {
            let metas = presence.get("metas").and_then(Value::as_array).into_iter().flatten();
            metas.map(|meta| (key.clone(), meta.clone())).collect::<Vec<_>>()
        })
        .collect()
}

/// Of twenty frames nine broadcasts of clients, four of the database, four changes, one presence diff and two answers.
fn day(kinds: &[&[Said]; 5], frames: usize) -> Result<Vec<Said>> {
    const TURNS: [usize; 20] = [0, 1, 0, 2, 0, 4, 0, 2, 1, 0, 3, 0, 2, 0, 1, 0, 4, 2, 1, 0];
    let mut sources: Vec<_> = kinds.iter().map(|said| said.iter().cycle()).collect();
    let mut all = Vec::new();
    for kind in TURNS.iter().cycle().take(frames) {
        match sources.get_mut(*kind).and_then(Iterator::next) {
            Some(said) => all.push(said.clone()),
            None => bail!("a kind of frames is not in the recordings"),
        }
    }
    Ok(all)
}

/// So many frames at least, in whole repetitions: a room that is not empty at the end would not be at the next beginning either. Every
/// repetition has message ids of its own, as no message of a real server has another's.
fn repeated(said: &[Said], frames: usize) -> Result<Vec<Said>> {
    if said.is_empty() {
        bail!("a kind of frames is not in the recordings");
    }
    let count = frames.div_ceil(said.len()) * said.len();
    Ok(said.iter().cycle().take(count).enumerate().map(|(at, said)| with_own_id(said, at)).collect())
}

/// With the message's id replaced wherever it stands, by one of the same length where it is a UUID.
fn with_own_id(said: &Said, at: usize) -> Said {
    let own = |id: &str| format!("{at:08x}{}", id.get(8..).unwrap_or_default());
    match said {
        Said::Event { event, reply, payload } if event == "broadcast" => {
            let parsed: Value = serde_json::from_str(payload).unwrap_or_default();
            let payload = match parsed.pointer("/meta/id").and_then(Value::as_str) {
                Some(id) => payload.replace(&format!("\"{id}\""), &format!("\"{}\"", own(id))),
                None => payload.clone(),
            };
            Said::Event { event: event.clone(), reply: *reply, payload }
        }
        Said::Binary { event, meta, encoding, payload } => {
            let parsed: Value = serde_json::from_slice(meta).unwrap_or_default();
            let Some(id) = parsed.get("id").and_then(Value::as_str) else { return said.clone() };
            let renew = |bytes: &[u8]| match std::str::from_utf8(bytes) {
                Ok(text) => text.replace(id, &own(id)).into_bytes(),
                Err(_) => bytes.to_vec(),
            };
            Said::Binary { event: event.clone(), meta: renew(meta), encoding: *encoding, payload: renew(payload) }
        }
        _ => said.clone(),
    }
}

fn is(said: &Said, wanted: &str) -> bool {
    matches!(said, Said::Event { event, .. } if event == wanted)
}

/// Whose payload is a message; some of what was recorded was sent to see what happens, and is null or a bare string.
fn is_broadcast(said: &Said) -> bool {
    let is_message = |payload: &str| {
        serde_json::from_str::<Value>(payload).is_ok_and(|parsed| parsed.get("payload").is_some_and(Value::is_object))
    };
    matches!(said, Said::Event { event, payload, .. } if event == "broadcast" && is_message(payload))
}

fn is_binary(said: &Said) -> bool {
    matches!(said, Said::Binary { .. })
}

fn is_any_json_broadcast(said: &Said) -> bool {
    is_broadcast(said) || matches!(said, Said::Binary { encoding: 1, .. })
}

/// Without those that mean that something has to be joined again, which is not what is measured.
fn is_answer(said: &Said) -> bool {
    match said {
        Said::Event { event, payload, .. } if event == "phx_reply" => !payload.contains("unmatched topic"),
        Said::Event { event, payload, .. } => event == "system" && payload.contains("\"status\":\"ok\""),
        Said::Binary { .. } => false,
    }
}
