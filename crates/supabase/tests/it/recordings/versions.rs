//! Every recorded frame in the other version: both have to say the same.

use std::collections::BTreeMap;

use cockpit_supabase::realtime::protocol::{BroadcastPayload, Decoder, ServerMessage};
use serde_json::json;
use serde_json::value::RawValue;

use super::{Wire, names, received};

/// The members of a frame, each as its text.
struct Parts {
    join_ref: String,
    reference: String,
    topic: String,
    event: String,
    payload: String,
}

impl Parts {
    /// None for a frame that is none, or has a member twice.
    fn read(frame: &str) -> Option<(Self, bool)> {
        let text = |raw: &RawValue| raw.get().to_owned();
        if let Ok([join_ref, reference, topic, event, payload]) = serde_json::from_str::<[Box<RawValue>; 5]>(frame) {
            let [join_ref, reference, topic, event, payload] =
                [&join_ref, &reference, &topic, &event, &payload].map(|raw| text(raw));
            return Some((Self { join_ref, reference, topic, event, payload }, true));
        }
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(frame).ok()?;
        let member = |name: &str| members.get(name).map_or("null".to_owned(), |raw| text(raw));
        let (reference, event) = (member("ref"), member("event"));
        // In version 1 the ref of these two is the join's.
        let join_ref =
            if matches!(&*event, r#""phx_close""# | r#""phx_error""#) { reference.clone() } else { member("join_ref") };
        Some((Self { join_ref, reference, topic: member("topic"), event, payload: member("payload") }, false))
    }

    fn version_1(&self) -> String {
        let Self { join_ref, reference, topic, event, payload } = self;
        format!(r#"{{"ref":{reference},"event":{event},"payload":{payload},"topic":{topic},"join_ref":{join_ref}}}"#)
    }

    /// The same with the payload before everything that says what it is.
    fn version_1_backwards(&self) -> String {
        let Self { join_ref, reference, topic, event, payload } = self;
        format!(
            r#" {{ "payload" : {payload} , "join_ref":{join_ref},"topic":{topic},"event":{event},"ref":{reference} }} "#
        )
    }

    fn version_2(&self) -> String {
        let Self { join_ref, reference, topic, event, payload } = self;
        format!("[{join_ref},{reference},{topic},{event},{payload}]")
    }
}

#[test]
fn every_text_frame_says_the_same_in_both_versions() {
    let mut both = [0, 0];
    let mut decoder = Decoder::new();
    for name in names() {
        for (conn, frame) in received(&name) {
            let Wire::Text(text) = frame else { continue };
            let read = decoder.text(&text);
            let Some((parts, is_version_2)) = Parts::read(&text) else {
                assert!(read.is_err(), "{name} {conn}: {text}");
                continue;
            };
            if name.starts_with("m1_") && read.is_err() {
                continue;
            }
            both[usize::from(is_version_2)] += 1;
            // Where it is broken, an error names another place in each form.
            let read = read.ok();
            for other in [parts.version_1(), parts.version_1_backwards(), parts.version_2()] {
                assert_eq!(decoder.text(&other).ok(), read, "{name} {conn}: {other}");
            }
        }
    }
    let [version_1, version_2] = both;
    assert!(version_1 > 2000 && version_2 > 150, "{both:?}");
}

/// A broadcast as text and as a binary frame.
#[test]
fn every_broadcast_says_the_same_as_text_and_binary() {
    let mut both = [0, 0];
    let mut decoder = Decoder::new();
    for name in names() {
        for (conn, frame) in received(&name) {
            let Ok(ServerMessage::Broadcast { topic, event, payload, id, replayed }) = frame.decode(&mut decoder)
            else {
                continue;
            };
            let BroadcastPayload::Json(json) = &payload else { continue };
            both[usize::from(matches!(frame, Wire::Binary(_)))] += 1;
            let message = ServerMessage::Broadcast {
                topic: topic.clone(),
                event: event.clone(),
                payload: payload.clone(),
                id: id.clone(),
                replayed,
            };
            let meta = if id.is_some() || replayed {
                json!({ "id": id, "replayed": replayed }).to_string()
            } else {
                String::new()
            };
            let mut binary = vec![4, topic.len() as u8, event.len() as u8, meta.len() as u8, 1];
            for part in [&topic, &event, &meta, json.as_str()] {
                binary.extend(part.as_bytes());
            }
            assert_eq!(decoder.binary(&binary.into()).as_ref(), Ok(&message), "{name} {conn}");
            let meta = if meta.is_empty() { "null".to_owned() } else { meta };
            let text = format!(
                r#"{{"ref":null,"event":"broadcast","payload":{{"event":{},"meta":{meta},"payload":{json},"type":"broadcast"}},"topic":{}}}"#,
                json!(event),
                json!(topic),
            );
            assert_eq!(decoder.text(&text).as_ref(), Ok(&message), "{name} {conn}");
        }
    }
    let [text, binary] = both;
    assert!(text > 120 && binary > 8, "{both:?}");
}
