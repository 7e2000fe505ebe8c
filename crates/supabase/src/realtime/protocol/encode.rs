//! To the server.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{BroadcastPayload, PHOENIX, TOPIC_PREFIX};
use crate::realtime::ChannelSpec;
use crate::secret::Secret;

/// The version of the protocol that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtocolVersion {
    /// 1.0.0: objects as text. Broadcasts of bytes can neither be sent nor heard.
    V1,
    /// 2.0.0: arrays as text, and broadcasts in binary frames.
    #[default]
    V2,
}

impl ProtocolVersion {
    /// The value of `vsn` in the socket's address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1.0.0",
            Self::V2 => "2.0.0",
        }
    }
}

/// A frame of the client. Topics are without `realtime:`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outgoing {
    Heartbeat { reference: String },
    Join { reference: String, spec: ChannelSpec, token: Secret },
    Leave { join_ref: String, reference: String, topic: String },
    AccessToken { join_ref: String, reference: String, topic: String, token: Secret },
    Broadcast { join_ref: String, reference: String, topic: String, event: String, payload: BroadcastPayload },
    Track { join_ref: String, reference: String, topic: String, payload: Map<String, Value> },
    Untrack { join_ref: String, reference: String, topic: String },
}

/// What goes over the socket. It can hold a token: never log it.
#[derive(PartialEq)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
}

/// A frame that the protocol's version cannot express: bytes in version 1, or a name of more than 255 bytes beside bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this frame cannot be expressed in the protocol")]
pub(crate) struct EncodeError;

impl Frame {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl Outgoing {
    /// The frame in the given version.
    ///
    /// # Errors
    /// When the version has no form for it.
    pub(crate) fn encode(&self, version: ProtocolVersion) -> Result<Frame, EncodeError> {
        match self {
            Self::Heartbeat { reference } => text(version, None, reference, PHOENIX, "heartbeat", &json!({})),
            Self::Join { reference, spec, token } => {
                let payload = json!({ "config": spec.config, "access_token": token.expose() });
                text(version, Some(reference), reference, &wire_topic(&spec.topic), "phx_join", &payload)
            }
            Self::Leave { join_ref, reference, topic } => {
                text(version, Some(join_ref), reference, &wire_topic(topic), "phx_leave", &json!({}))
            }
            Self::AccessToken { join_ref, reference, topic, token } => {
                let payload = json!({ "access_token": token.expose() });
                text(version, Some(join_ref), reference, &wire_topic(topic), "access_token", &payload)
            }
            Self::Broadcast { join_ref, reference, topic, event, payload: BroadcastPayload::Json(payload) } => {
                let payload = Pushed { kind: "broadcast", event, payload: Some(payload) };
                text(version, Some(join_ref), reference, &wire_topic(topic), "broadcast", &payload)
            }
            Self::Broadcast { join_ref, reference, topic, event, payload: BroadcastPayload::Binary(payload) } => {
                match version {
                    ProtocolVersion::V1 => Err(EncodeError),
                    ProtocolVersion::V2 => binary(join_ref, reference, &wire_topic(topic), event, payload),
                }
            }
            Self::Track { join_ref, reference, topic, payload } => {
                let payload = Pushed { kind: "presence", event: "track", payload: Some(payload) };
                text(version, Some(join_ref), reference, &wire_topic(topic), "presence", &payload)
            }
            Self::Untrack { join_ref, reference, topic } => {
                let payload = Pushed::<Value> { kind: "presence", event: "untrack", payload: None };
                text(version, Some(join_ref), reference, &wire_topic(topic), "presence", &payload)
            }
        }
    }
}

/// The payload of a broadcast and of presence.
#[derive(Serialize)]
struct Pushed<'a, P> {
    #[serde(rename = "type")]
    kind: &'a str,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a P>,
}

#[derive(Serialize)]
struct Envelope<'a, P> {
    topic: &'a str,
    event: &'a str,
    payload: &'a P,
    #[serde(rename = "ref")]
    reference: &'a str,
    join_ref: Option<&'a str>,
}

fn text<P: Serialize>(
    version: ProtocolVersion,
    join_ref: Option<&str>,
    reference: &str,
    topic: &str,
    event: &str,
    payload: &P,
) -> Result<Frame, EncodeError> {
    let text = match version {
        ProtocolVersion::V1 => serde_json::to_string(&Envelope { topic, event, payload, reference, join_ref }),
        ProtocolVersion::V2 => serde_json::to_string(&(join_ref, reference, topic, event, payload)),
    };
    // Maps with keys that are no strings are all that could fail, and there are none.
    text.map(Frame::Text).map_err(|_| EncodeError)
}

/// A push with bytes: kind 3, five lengths of one byte each, the encoding (0 is bytes), the names, the payload.
fn binary(join_ref: &str, reference: &str, topic: &str, event: &str, payload: &[u8]) -> Result<Frame, EncodeError> {
    const PUSH: u8 = 3;
    const BYTES: u8 = 0;
    let names = [join_ref, reference, topic, event, ""];
    let mut frame = vec![PUSH];
    for name in names {
        frame.push(u8::try_from(name.len()).map_err(|_| EncodeError)?);
    }
    frame.push(BYTES);
    for name in names {
        frame.extend_from_slice(name.as_bytes());
    }
    frame.extend_from_slice(payload);
    Ok(Frame::Binary(frame))
}

fn wire_topic(topic: &str) -> String {
    format!("{TOPIC_PREFIX}{topic}")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{EncodeError, Frame, Outgoing, ProtocolVersion};
    use crate::realtime::ChannelSpec;
    use crate::realtime::protocol::BroadcastPayload;

    fn text(frame: &Outgoing, version: ProtocolVersion) -> Value {
        match frame.encode(version) {
            Ok(Frame::Text(text)) => serde_json::from_str(&text).unwrap(),
            _ => panic!("no text frame: {frame:?}"),
        }
    }

    fn refs() -> (String, String, String) {
        ("1".to_owned(), "7".to_owned(), "t".to_owned())
    }

    #[test]
    fn a_join_is_what_the_real_server_accepted() {
        let spec = ChannelSpec::private("room1").acknowledged();
        let join = Outgoing::Join { reference: "2".into(), spec: spec.clone(), token: "secret".into() };
        let payload = json!({ "config": spec.config, "access_token": "secret" });
        let v2 = json!(["2", "2", "realtime:room1", "phx_join", payload]);
        assert_eq!(text(&join, ProtocolVersion::V2), v2);
        let v1 =
            json!({ "topic": "realtime:room1", "event": "phx_join", "payload": payload, "ref": "2", "join_ref": "2" });
        assert_eq!(text(&join, ProtocolVersion::V1), v1);
        assert!(!format!("{join:?}").contains("secret"), "a frame in a log must not show its token");
    }

    #[rstest]
    #[case::heartbeat(Outgoing::Heartbeat { reference: "1".into() }, json!([null, "1", "phoenix", "heartbeat", {}]))]
    #[case::leave(
        { let (join_ref, reference, topic) = refs(); Outgoing::Leave { join_ref, reference, topic } },
        json!(["1", "7", "realtime:t", "phx_leave", {}]),
    )]
    #[case::token(
        { let (join_ref, reference, topic) = refs(); Outgoing::AccessToken { join_ref, reference, topic, token: "x".into() } },
        json!(["1", "7", "realtime:t", "access_token", { "access_token": "x" }]),
    )]
    #[case::broadcast(
        {
            let (join_ref, reference, topic) = refs();
            let payload = BroadcastPayload::Json(json!({ "n": 1 }));
            Outgoing::Broadcast { join_ref, reference, topic, event: "e".into(), payload }
        },
        json!(["1", "7", "realtime:t", "broadcast", { "type": "broadcast", "event": "e", "payload": { "n": 1 } }]),
    )]
    #[case::track(
        {
            let (join_ref, reference, topic) = refs();
            Outgoing::Track { join_ref, reference, topic, payload: json!({ "at": 1 }).as_object().unwrap().clone() }
        },
        json!(["1", "7", "realtime:t", "presence", { "type": "presence", "event": "track", "payload": { "at": 1 } }]),
    )]
    #[case::untrack(
        { let (join_ref, reference, topic) = refs(); Outgoing::Untrack { join_ref, reference, topic } },
        json!(["1", "7", "realtime:t", "presence", { "type": "presence", "event": "untrack" }]),
    )]
    fn the_other_frames(#[case] frame: Outgoing, #[case] v2: Value) {
        assert_eq!(text(&frame, ProtocolVersion::V2), v2);
        let v1 = json!({ "join_ref": v2[0], "ref": v2[1], "topic": v2[2], "event": v2[3], "payload": v2[4] });
        assert_eq!(text(&frame, ProtocolVersion::V1), v1);
    }

    #[test]
    fn bytes_go_out_in_version_2_only() {
        let (join_ref, reference, topic) = refs();
        let payload = BroadcastPayload::Binary(Bytes::from_static(&[0, 255]));
        let frame = Outgoing::Broadcast { join_ref, reference, topic, event: "e".into(), payload };
        let mut expected = vec![3, 1, 1, 10, 1, 0, 0];
        expected.extend(b"17realtime:te");
        expected.extend([0, 255]);
        assert!(frame.encode(ProtocolVersion::V2) == Ok(Frame::Binary(expected)));
        assert!(frame.encode(ProtocolVersion::V1) == Err(EncodeError));
    }
}
