//! To the server.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::json;

use super::config::JoinConfig;
use super::error::EncodeError;
use super::{BroadcastPayload, Json, PHOENIX, TOPIC_PREFIX};
use crate::secret::Secret;

/// The version of the protocol, chosen with `vsn` when the socket is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtocolVersion {
    /// Frames are objects; what the server takes when none is named.
    V1,
    /// Frames are arrays, and broadcasts can be binary.
    #[default]
    V2,
}

impl ProtocolVersion {
    /// As `vsn` wants it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1.0.0",
            Self::V2 => "2.0.0",
        }
    }
}

/// A frame for the websocket. It can hold a token: never log it.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Bytes),
}

impl Frame {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is nothing in it, which no frame of the protocol is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Self::Text(_)) { "text" } else { "binary" };
        write!(formatter, "a {kind} frame of {} bytes", self.len())
    }
}

/// A frame of the client. Topics are without `realtime:`.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// Is the server there? Any frame keeps the socket open; this one is answered too.
    Heartbeat {
        /// Comes back in the reply.
        reference: String,
    },
    /// Joins a channel. Its `ref` is the `join_ref` of everything that follows on it.
    Join {
        /// Comes back in the reply.
        reference: String,
        /// The channel.
        topic: String,
        /// What is wanted of it.
        config: Box<JoinConfig>,
        /// Who asks; without one, the claims of the key that opened the socket count.
        token: Option<Secret>,
    },
    /// Leaves a channel.
    Leave {
        /// The join that this ends.
        join_ref: String,
        /// Comes back in the reply.
        reference: String,
        /// The channel.
        topic: String,
    },
    /// Replaces the token of a channel. There is no reply.
    AccessToken {
        /// The join it is for.
        join_ref: String,
        /// Comes back nowhere.
        reference: String,
        /// The channel.
        topic: String,
        /// The new token.
        token: Secret,
    },
    /// Sends a broadcast: JSON as text, bytes as a binary frame.
    Broadcast {
        /// The join it belongs to.
        join_ref: String,
        /// Comes back in the reply, which comes only with `ack`.
        reference: String,
        /// The channel.
        topic: String,
        /// The broadcast's name.
        event: String,
        /// What to send.
        payload: BroadcastPayload,
    },
    /// Enters the presence of a channel, or replaces what one is listed with.
    Track {
        /// The join it belongs to.
        join_ref: String,
        /// Comes back in the reply.
        reference: String,
        /// The channel.
        topic: String,
        /// What to be listed with: an object, anything else is refused.
        payload: Json,
    },
    /// Leaves the presence of a channel.
    Untrack {
        /// The join it belongs to.
        join_ref: String,
        /// Comes back in the reply.
        reference: String,
        /// The channel.
        topic: String,
    },
}

impl ClientMessage {
    /// The frame.
    ///
    /// # Errors
    /// When a binary broadcast is asked of version 1.0.0, or has a part of more than 255 bytes.
    pub fn encode(&self, version: ProtocolVersion) -> Result<Frame, EncodeError> {
        let text = |join_ref, reference, topic: &str, event, payload: &str| {
            Ok(Frame::Text(text_frame(version, join_ref, reference, topic, event, payload)))
        };
        match self {
            Self::Heartbeat { reference } => text(None, reference, PHOENIX, "heartbeat", "{}"),
            Self::Join { reference, topic, config, token } => {
                let mut payload = json!({ "config": config });
                if let (Some(token), Some(payload)) = (token, payload.as_object_mut()) {
                    payload.insert("access_token".to_owned(), token.expose().into());
                }
                text(Some(reference), reference, &wire_topic(topic), "phx_join", &payload.to_string())
            }
            Self::Leave { join_ref, reference, topic } => {
                text(Some(join_ref), reference, &wire_topic(topic), "phx_leave", "{}")
            }
            Self::AccessToken { join_ref, reference, topic, token } => {
                let payload = json!({ "access_token": token.expose() }).to_string();
                text(Some(join_ref), reference, &wire_topic(topic), "access_token", &payload)
            }
            Self::Broadcast { join_ref, reference, topic, event, payload: BroadcastPayload::Json(payload) } => {
                let payload = format!(r#"{{"type":"broadcast","event":{},"payload":{payload}}}"#, json!(event));
                text(Some(join_ref), reference, &wire_topic(topic), "broadcast", &payload)
            }
            Self::Broadcast { join_ref, reference, topic, event, payload: BroadcastPayload::Binary(payload) } => {
                match version {
                    ProtocolVersion::V1 => Err(EncodeError::NeedsVersion2),
                    ProtocolVersion::V2 => push_frame(join_ref, reference, &wire_topic(topic), event, payload),
                }
            }
            Self::Track { join_ref, reference, topic, payload } => {
                let payload = format!(r#"{{"type":"presence","event":"track","payload":{payload}}}"#);
                text(Some(join_ref), reference, &wire_topic(topic), "presence", &payload)
            }
            Self::Untrack { join_ref, reference, topic } => {
                let payload = r#"{"type":"presence","event":"untrack"}"#;
                text(Some(join_ref), reference, &wire_topic(topic), "presence", payload)
            }
        }
    }
}

/// The payload is valid JSON already and is put in as it is, so that a number keeps its digits.
fn text_frame(
    version: ProtocolVersion,
    join_ref: Option<&String>,
    reference: &str,
    topic: &str,
    event: &str,
    payload: &str,
) -> String {
    match version {
        ProtocolVersion::V1 => {
            let join_ref = join_ref.map(|join_ref| format!(r#","join_ref":{}"#, json!(join_ref))).unwrap_or_default();
            let (topic, event, reference) = (json!(topic), json!(event), json!(reference));
            format!(r#"{{"topic":{topic},"event":{event},"payload":{payload},"ref":{reference}{join_ref}}}"#)
        }
        ProtocolVersion::V2 => {
            format!("[{},{},{},{},{payload}]", json!(join_ref), json!(reference), json!(topic), json!(event))
        }
    }
}

/// A push: `03`, the lengths of `join_ref`, `ref`, topic, event and meta, the encoding, these parts, the payload. The server drops the meta, so
/// there is none. The server would take JSON in it too, but has no reason to check it then.
fn push_frame(join_ref: &str, reference: &str, topic: &str, event: &str, payload: &[u8]) -> Result<Frame, EncodeError> {
    const PUSH: u8 = 3;
    const BYTES: u8 = 0;
    let parts = [("join_ref", join_ref), ("ref", reference), ("topic", topic), ("event", event)];
    let mut frame =
        BytesMut::with_capacity(7 + parts.iter().map(|(_, text)| text.len()).sum::<usize>() + payload.len());
    frame.put_u8(PUSH);
    for (part, text) in parts {
        let length = u8::try_from(text.len()).map_err(|_| EncodeError::TooLong { part, length: text.len() })?;
        frame.put_u8(length);
    }
    frame.put_u8(0);
    frame.put_u8(BYTES);
    for (_, text) in parts {
        frame.put_slice(text.as_bytes());
    }
    frame.put_slice(payload);
    Ok(Frame::Binary(frame.freeze()))
}

fn wire_topic(topic: &str) -> String {
    format!("{TOPIC_PREFIX}{topic}")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{BroadcastPayload, ClientMessage, Frame, ProtocolVersion};
    use crate::realtime::protocol::{
        Binding, BindingEvent, BroadcastConfig, Condition, EncodeError, JoinConfig, PresenceConfig, Replay,
    };

    fn text(message: &ClientMessage, version: ProtocolVersion) -> String {
        match message.encode(version) {
            Ok(Frame::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn broadcast(topic: &str, event: &str, payload: BroadcastPayload) -> ClientMessage {
        ClientMessage::Broadcast {
            join_ref: "1".into(),
            reference: "7".into(),
            topic: topic.into(),
            event: event.into(),
            payload,
        }
    }

    #[test]
    fn a_join_with_everything() {
        let config = JoinConfig {
            broadcast: BroadcastConfig {
                ack: true,
                own: true,
                replication_ready: true,
                replay: Some(Replay { since: 1_795_405_757_626, limit: Some(3) }),
            },
            presence: PresenceConfig { key: "ada".into(), enabled: true },
            postgres_changes: vec![
                Binding::table("public", "tasks")
                    .event(BindingEvent::Update)
                    .filter(Condition::eq("id", 5).unwrap().into()),
                Binding::table("public", "tasks").select(["id", "t"]),
                Binding::schema("*"),
            ],
            private: true,
        };
        let join = ClientMessage::Join {
            reference: "2".into(),
            topic: "room1".into(),
            config: Box::new(config),
            token: Some("secret".into()),
        };
        let payload = json!({
            "config": {
                "broadcast": {
                    "ack": true,
                    "self": true,
                    "replication_ready": true,
                    "replay": { "since": 1_795_405_757_626_i64, "limit": 3 },
                },
                "presence": { "key": "ada", "enabled": true },
                "postgres_changes": [
                    { "event": "UPDATE", "schema": "public", "table": "tasks", "filter": "id=eq.5" },
                    { "event": "*", "schema": "public", "table": "tasks", "select": ["id", "t"] },
                    { "event": "*", "schema": "*" },
                ],
                "private": true,
            },
            "access_token": "secret",
        });
        let read = |version| serde_json::from_str::<Value>(&text(&join, version)).unwrap();
        assert_eq!(read(ProtocolVersion::V2), json!(["2", "2", "realtime:room1", "phx_join", payload]));
        let version_1 =
            json!({ "topic": "realtime:room1", "event": "phx_join", "payload": payload, "ref": "2", "join_ref": "2" });
        assert_eq!(read(ProtocolVersion::V1), version_1);
        assert!(!format!("{join:?}").contains("secret"), "a frame in a log must not show its token");
        assert!(!format!("{:?}", join.encode(ProtocolVersion::V2)).contains("secret"));
    }

    #[rstest]
    #[case(ClientMessage::Heartbeat { reference: "1".into() }, r#"[null,"1","phoenix","heartbeat",{}]"#)]
    #[case(
        ClientMessage::Leave { join_ref: "1".into(), reference: "7".into(), topic: "t".into() },
        r#"["1","7","realtime:t","phx_leave",{}]"#
    )]
    #[case(
        ClientMessage::AccessToken { join_ref: "1".into(), reference: "7".into(), topic: "t".into(), token: "x".into() },
        r#"["1","7","realtime:t","access_token",{"access_token":"x"}]"#
    )]
    #[case(
        ClientMessage::Track { join_ref: "1".into(), reference: "7".into(), topic: "t".into(), payload: json!({"at": 1}).into() },
        r#"["1","7","realtime:t","presence",{"type":"presence","event":"track","payload":{"at":1}}]"#
    )]
    #[case(
        ClientMessage::Untrack { join_ref: "1".into(), reference: "7".into(), topic: "t".into() },
        r#"["1","7","realtime:t","presence",{"type":"presence","event":"untrack"}]"#
    )]
    #[case(
        broadcast("t", "say \"hi\"", BroadcastPayload::Json(r#"{"n":12345678901234567890.10}"#.parse().unwrap())),
        r#"["1","7","realtime:t","broadcast",{"type":"broadcast","event":"say \"hi\"","payload":{"n":12345678901234567890.10}}]"#
    )]
    fn the_other_frames(#[case] message: ClientMessage, #[case] version_2: &str) {
        assert_eq!(text(&message, ProtocolVersion::V2), version_2);
    }

    #[test]
    fn version_1_is_an_object() {
        let leave = ClientMessage::Leave { join_ref: "1".into(), reference: "7".into(), topic: "t".into() };
        let expected = r#"{"topic":"realtime:t","event":"phx_leave","payload":{},"ref":"7","join_ref":"1"}"#;
        assert_eq!(text(&leave, ProtocolVersion::V1), expected);
        let beat = ClientMessage::Heartbeat { reference: "1".into() };
        let expected = r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}"#;
        assert_eq!(text(&beat, ProtocolVersion::V1), expected);
    }

    #[test]
    fn bytes_are_a_push_of_version_2() {
        let message = broadcast("room", "evb", BroadcastPayload::Binary(Bytes::from_static(&[0, 1, 254, 255])));
        let expected = b"\x03\x01\x01\r\x03\x00\x0017realtime:roomevb\x00\x01\xfe\xff";
        assert!(matches!(message.encode(ProtocolVersion::V2), Ok(Frame::Binary(bytes)) if bytes == expected[..]));
        assert_eq!(message.encode(ProtocolVersion::V1), Err(EncodeError::NeedsVersion2));
    }

    #[test]
    fn what_its_length_cannot_say_is_refused() {
        let bytes = || BroadcastPayload::Binary(Bytes::new());
        let encode = |topic: usize, event: usize| {
            broadcast(&"t".repeat(topic), &"e".repeat(event), bytes()).encode(ProtocolVersion::V2)
        };
        assert!(encode(246, 255).is_ok());
        assert_eq!(encode(247, 1), Err(EncodeError::TooLong { part: "topic", length: 256 }));
        assert_eq!(encode(1, 256), Err(EncodeError::TooLong { part: "event", length: 256 }));
    }
}
