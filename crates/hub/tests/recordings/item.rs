//! What a connection received, in a form in which only what matters differs: numbers that the server makes up are numbered, times in
//! texts are gone, and what may come in any order is told apart by its lane.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::line::Content;

/// Longer frames were cut by the recorder.
const LONG: usize = 1_000;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// Items of one lane are in order; across lanes the real server's own order differs from run to run.
    pub(crate) lane: String,
    /// What the table of differences calls it.
    pub(crate) kind: String,
    pub(crate) body: Value,
}

impl Item {
    pub(crate) fn closed(code: u16) -> Self {
        Self { lane: "close".to_owned(), kind: format!("close {code}"), body: Value::Null }
    }

    pub(crate) fn http(status: u16, body: &str) -> Self {
        let body = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
        Self { lane: "http".to_owned(), kind: format!("HTTP {status}"), body }
    }

    /// A frame from the server; `long` is the whole length of one whose text the recorder cut.
    pub(crate) fn frame(content: &Content, kept: &[String]) -> Self {
        match content {
            Content::Binary(bytes) => delivery(bytes, kept),
            Content::Text(text) => match cut_length(text)
                .or((text.len() > LONG && text.contains("xxxxxxxx")).then_some(text.len()))
            {
                Some(length) => {
                    Self { lane: "long".to_owned(), kind: "broadcast".to_owned(), body: json!({ "length": length }) }
                }
                None => text_frame(text, kept),
            },
        }
    }
}

/// The length of a text that the recorder cut, `…...[100 chars]`.
pub(crate) fn cut_length(text: &str) -> Option<usize> {
    text.strip_suffix(" chars]")?.rsplit_once("...[")?.1.parse().ok()
}

fn text_frame(text: &str, kept: &[String]) -> Item {
    let Ok(frame) = serde_json::from_str::<Value>(text) else {
        return Item { lane: "text".to_owned(), kind: "unreadable".to_owned(), body: json!(text) };
    };
    let (topic, event) = match &frame {
        Value::Array(parts) => (parts[2].clone(), parts[3].clone()),
        frame => (frame["topic"].clone(), frame["event"].clone()),
    };
    let payload = match &frame {
        Value::Array(parts) => &parts[4],
        frame => &frame["payload"],
    };
    let event = event.as_str().unwrap_or_default().to_owned();
    let kind = match event.as_str() {
        "system" => format!("system {}", seconds_away(payload["message"].as_str().unwrap_or_default())),
        "phx_reply" => format!("phx_reply {}", payload["status"].as_str().unwrap_or_default()),
        "broadcast" => format!("broadcast {}", payload["event"].as_str().unwrap_or_default()),
        _ => event.clone(),
    };
    Item { lane: lane(topic.as_str().unwrap_or_default(), &event), kind, body: settled(frame, kept) }
}

/// A binary delivery, `04 |len topic|len event|len meta|encoding|…`.
fn delivery(bytes: &[u8], kept: &[String]) -> Item {
    let [4, topic, event, meta, encoding, rest @ ..] = bytes else { panic!("no delivery: {bytes:?}") };
    let (topic, rest) = rest.split_at(usize::from(*topic));
    let (event, rest) = rest.split_at(usize::from(*event));
    let (meta, payload) = rest.split_at(usize::from(*meta));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let json =
        |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_else(|_| json!(BASE64_STANDARD.encode(bytes)));
    let body = json!({ "binary": encoding, "topic": text(topic), "event": text(event), "meta": json(meta), "payload": json(payload) });
    Item {
        lane: lane(&text(topic), "broadcast"),
        kind: format!("binary broadcast {}", text(event)),
        body: settled(body, kept),
    }
}

fn lane(topic: &str, event: &str) -> String {
    let part = match event {
        "broadcast" | "postgres_changes" => "broadcasts",
        "presence_diff" => "diffs",
        _ => "answers",
    };
    format!("{part} of {topic}")
}

/// Numbers what the server made up, in the order of appearance.
fn settled(frame: Value, kept: &[String]) -> Value {
    let mut seen = Vec::new();
    let mut settled = frame;
    settle(&mut settled, kept, &mut seen);
    settled
}

fn settle(value: &mut Value, kept: &[String], seen: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            *text = seconds_away(text);
            if is_uuid(text) && !kept.contains(text) {
                *text = number(text, seen);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| settle(value, kept, seen)),
        Value::Object(members) => {
            let old = std::mem::take(members);
            // Names that the server made up come last: where they sort to is chance.
            let (made_up, given): (Vec<_>, Vec<_>) =
                old.into_iter().partition(|(name, _)| is_uuid(name) && !kept.contains(name));
            for (mut name, mut value) in given.into_iter().chain(made_up) {
                match name.as_str() {
                    "phx_ref" | "phx_ref_prev" => value = json!(number(value.as_str().unwrap_or_default(), seen)),
                    // Bindings are numbered by a hash of the real server's own runtime.
                    "id" if value.is_u64() && value.as_u64() > Some(1_000) => value = json!("binding"),
                    _ => settle(&mut value, kept, seen),
                }
                if is_uuid(&name) && !kept.contains(&name) {
                    name = number(&name, seen);
                }
                members.insert(name, value);
            }
        }
        _ => {}
    }
}

fn number(text: &str, seen: &mut Vec<String>) -> String {
    let at = seen.iter().position(|known| known == text).unwrap_or_else(|| {
        seen.push(text.to_owned());
        seen.len() - 1
    });
    format!("<made up {at}>")
}

/// Every UUID in a text, to know those that a client sent.
pub(crate) fn uuids(text: &str) -> Vec<String> {
    (0..text.len().saturating_sub(35))
        .filter_map(|at| text.get(at..at + 36))
        .filter(|part| is_uuid(part))
        .map(str::to_owned)
        .collect()
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `Token has expired 5 seconds ago` says N: how long something took is no difference.
fn seconds_away(text: &str) -> String {
    match text.split_once(" seconds ago") {
        Some((before, after)) => {
            format!("{} N seconds ago{after}", before.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end())
        }
        None => text.to_owned(),
    }
}
