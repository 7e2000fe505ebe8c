//! A broadcast on its way to its receivers, in the form each of them takes.
//!
//! As with the real server, what came as text goes out as text. What came from the database or in a binary frame goes out binary to
//! version 2.0.0 and as text to version 1.0.0, which cannot carry bytes that are no JSON.

use axum::extract::ws::Message;
use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::value::RawValue;

use super::frame::{Outgoing, Ref, Version, encode};

const PUSH: u8 = 3;
const DELIVERY: u8 = 4;
const BYTES: u8 = 0;
const JSON: u8 = 1;

/// What is broadcast.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broadcast<'a> {
    /// The payload of a text frame, passed on as it is.
    Text(&'a RawValue),
    /// From the database, or from a binary frame.
    Message { event: &'a str, meta: Option<Meta>, body: Body<'a> },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Body<'a> {
    Json(&'a RawValue),
    Bytes(&'a [u8]),
}

/// What the hub says about a message from the database, so that a receiver can tell a repetition.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Meta {
    pub(super) id: uuid::Uuid,
}

/// What the hub says about a message that it sends again.
#[derive(Clone, Copy, Debug, Serialize)]
struct ReplayedMeta {
    id: uuid::Uuid,
    replayed: bool,
}

#[derive(Serialize)]
struct TextForm<'a, M> {
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<M>,
    payload: &'a RawValue,
    r#type: &'static str,
}

/// A message of the past for one channel that has just joined. Unlike a live one, JSON goes out as text to version 2 too, and as the
/// channel's own frame.
pub(super) fn replayed(
    topic: &str,
    version: Version,
    join_ref: Option<&RawValue>,
    id: uuid::Uuid,
    event: &str,
    payload: &RawValue,
) -> Option<Message> {
    let meta = Some(ReplayedMeta { id, replayed: true });
    let payload = TextForm { event, meta, payload, r#type: "broadcast" };
    let message = Outgoing { join_ref, reference: None, topic, event: "broadcast", payload };
    encode(version, &message).map(Message::Text)
}

impl Broadcast<'_> {
    /// The id of a message from the database.
    pub(super) fn id(&self) -> Option<uuid::Uuid> {
        match self {
            Self::Message { meta: Some(meta), .. } => Some(meta.id),
            _ => None,
        }
    }

    /// The frame for receivers of a version; nothing when that version cannot carry it.
    pub(super) fn frame(&self, topic: &str, version: Version) -> Option<Message> {
        match *self {
            Self::Text(payload) => text_frame(topic, version, payload),
            Self::Message { event, meta, body } => {
                if version == Version::V2
                    && let Some(bytes) = delivery(topic, event, meta, body)
                {
                    return Some(Message::Binary(bytes));
                }
                let Body::Json(payload) = body else { return None };
                text_frame(topic, version, TextForm { event, meta, payload, r#type: "broadcast" })
            }
        }
    }
}

fn text_frame(topic: &str, version: Version, payload: impl Serialize) -> Option<Message> {
    let message = Outgoing { join_ref: None, reference: None, topic, event: "broadcast", payload };
    encode(version, &message).map(Message::Text)
}

/// `04 |len topic|len event|len meta|encoding|` and those parts; nothing when one is longer than its byte of length can say.
fn delivery(topic: &str, event: &str, meta: Option<Meta>, body: Body<'_>) -> Option<Bytes> {
    let meta = meta.map(|meta| serde_json::to_string(&meta)).transpose().ok()?.unwrap_or_default();
    let (encoding, payload) = match body {
        Body::Json(json) => (JSON, json.get().as_bytes()),
        Body::Bytes(bytes) => (BYTES, bytes),
    };
    let mut frame = BytesMut::with_capacity(5 + topic.len() + event.len() + meta.len() + payload.len());
    frame.put_u8(DELIVERY);
    for part in [topic, event, &meta] {
        frame.put_u8(u8::try_from(part.len()).ok()?);
    }
    frame.put_u8(encoding);
    for part in [topic.as_bytes(), event.as_bytes(), meta.as_bytes(), payload] {
        frame.put_slice(part);
    }
    Some(frame.freeze())
}

/// A client's broadcast in a binary frame.
#[derive(Debug)]
pub(super) struct Push<'a> {
    pub(super) join_ref: Option<Ref>,
    pub(super) reference: Option<Ref>,
    pub(super) topic: &'a str,
    pub(super) event: &'a str,
    pub(super) body: Body<'a>,
}

/// Reads `03 |len join_ref|len ref|len topic|len event|len meta|encoding|` and those parts. Nothing when it is cut short or says it is
/// JSON and is not: the real server passes such on, and old clients break on it.
pub(super) fn read_push(frame: &[u8]) -> Option<Push<'_>> {
    let ([PUSH, join_ref, reference, topic, event, meta, encoding], rest) = frame.split_first_chunk()? else {
        return None;
    };
    let (join_ref, rest) = text(rest, *join_ref)?;
    let (reference, rest) = text(rest, *reference)?;
    let (topic, rest) = text(rest, *topic)?;
    let (event, rest) = text(rest, *event)?;
    // A sender's meta is dropped: receivers read it as the server's.
    let (_, payload) = rest.split_at_checked(usize::from(*meta))?;
    let body = match *encoding {
        JSON => Body::Json(serde_json::from_slice(payload).ok()?),
        _ => Body::Bytes(payload),
    };
    Some(Push { join_ref: reference_of(join_ref), reference: reference_of(reference), topic, event, body })
}

fn text(bytes: &[u8], length: u8) -> Option<(&str, &[u8])> {
    let (part, rest) = bytes.split_at_checked(usize::from(length))?;
    Some((std::str::from_utf8(part).ok()?, rest))
}

fn reference_of(text: &str) -> Option<Ref> {
    if text.is_empty() { None } else { serde_json::value::to_raw_value(text).ok() }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::*;

    fn recorded(base64: &str) -> Vec<u8> {
        BASE64_STANDARD.decode(base64).unwrap()
    }

    #[rstest::rstest]
    #[case::json(
        "AwEBDQMAATEzcmVhbHRpbWU6cm9vbWV2ansibiI6MiwicyI6IsO8In0=",
        "BA0DAAFyZWFsdGltZTpyb29tZXZqeyJuIjoyLCJzIjoiw7wifQ==",
        true
    )]
    #[case::bytes("AwEBDQMAADE0cmVhbHRpbWU6cm9vbWV2YgAB/v8=", "BA0DAAByZWFsdGltZTpyb29tZXZiAAH+/w==", false)]
    fn binary_broadcasts_are_those_of_the_recordings(#[case] push: &str, #[case] delivered: &str, #[case] json: bool) {
        let frame = recorded(push);
        let push = read_push(&frame).unwrap();
        assert_eq!((push.topic, push.join_ref.as_ref().map(|join| join.get())), ("realtime:room", Some("\"1\"")));
        let broadcast = Broadcast::Message { event: push.event, meta: None, body: push.body };
        assert_eq!(broadcast.frame(push.topic, Version::V2), Some(Message::Binary(recorded(delivered).into())));
        let text = broadcast.frame(push.topic, Version::V1);
        let expected = r#"{"ref":null,"event":"broadcast","payload":{"event":"evj","payload":{"n":2,"s":"ü"},"type":"broadcast"},"topic":"realtime:room"}"#;
        assert_eq!(text, json.then(|| Message::text(expected)), "bytes cannot go to version 1");
    }

    #[test]
    fn frames_that_are_cut_short_or_lie_are_none() {
        let whole = recorded("AwEBDQMAATEzcmVhbHRpbWU6cm9vbWV2ansibiI6MiwicyI6IsO8In0=");
        for length in 0..whole.len() {
            assert!(read_push(&whole[..length]).is_none(), "{length}");
        }
        assert!(read_push(b"\x04\x00\x00\x00\x00\x00\x01{}").is_none(), "a client does not deliver");
        assert!(read_push(b"\x03\x01\x01\x0d\x03\x00\x0116realtime:roombad{oops").is_none());
    }

    #[test]
    fn a_topic_too_long_for_a_binary_frame_goes_as_text() {
        let payload = RawValue::from_string("{}".to_owned()).unwrap();
        let broadcast = Broadcast::Message { event: "e", meta: None, body: Body::Json(&payload) };
        assert!(matches!(broadcast.frame(&"t".repeat(256), Version::V2), Some(Message::Text(_))));
    }
}
