//! From the server.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::realtime::change::PostgresChange;
use crate::realtime::presence::PresenceMap;

/// A frame of the server. Topics are as on the wire, with their `realtime:`.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerMessage {
    /// The answer to one of the client's frames.
    Reply {
        /// The topic it was sent to.
        topic: String,
        /// The `ref` of the frame it answers.
        reference: Option<String>,
        /// What was accepted, or the reason why not.
        outcome: Result<Accepted, String>,
    },
    /// The server has ended a channel.
    Closed {
        /// The channel's topic.
        topic: String,
        /// Which join it ends: a channel that was joined again keeps living.
        join_ref: Option<String>,
    },
    /// A channel has crashed at the server.
    Errored {
        /// The channel's topic.
        topic: String,
        /// Which join it ends.
        join_ref: Option<String>,
    },
    /// The server says something about a channel.
    System {
        /// The channel's topic.
        topic: String,
        /// `ok` or `error`.
        status: String,
        /// For people, although clients have to look at it too.
        message: String,
        /// The part of the server it comes from: `postgres_changes`, `broadcast`, `system`.
        extension: Option<String>,
    },
    /// A broadcast, from another client or from the database.
    Broadcast {
        /// The channel's topic.
        topic: String,
        /// The name the sender gave it.
        event: String,
        /// What was sent.
        payload: BroadcastPayload,
        /// Given by the database, for de-duplication.
        id: Option<String>,
        /// Whether it was asked for again at the join.
        replayed: bool,
    },
    /// A change of a table.
    PostgresChange {
        /// The channel's topic.
        topic: String,
        /// The bindings it matches, as the reply to the join numbered them; unordered, and one may be named twice.
        ids: Vec<u64>,
        /// The change.
        change: Box<PostgresChange>,
    },
    /// Everybody who is on a channel, sent after a join that asked for presence.
    PresenceState {
        /// The channel's topic.
        topic: String,
        /// Which join it answers; version 1 does not say.
        join_ref: Option<String>,
        /// All presences.
        presences: PresenceMap,
    },
    /// Who came and went.
    PresenceDiff {
        /// The channel's topic.
        topic: String,
        /// New presences; one that replaces another names it.
        joins: PresenceMap,
        /// Presences that are gone.
        leaves: PresenceMap,
    },
    /// An event that this version does not know.
    Other {
        /// The topic.
        topic: String,
        /// The event.
        event: String,
    },
}

/// What a reply accepts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// The numbers of the join's bindings to Postgres changes, in the order in which they were asked for. Equal bindings have
    /// equal numbers.
    pub bindings: Vec<u64>,
}

/// What a broadcast carries.
#[derive(Debug, Clone, PartialEq)]
pub enum BroadcastPayload {
    /// JSON. Numbers beyond 64-bit integers and doubles lose digits here: send them as strings.
    Json(Value),
    /// Bytes, which only protocol 2.0.0 can carry.
    Binary(Bytes),
}

/// A frame that is not of the protocol. The connection survives it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("frame not understood: {0}")]
pub struct DecodeError(String);

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Reads a text frame of either version.
///
/// # Errors
/// When it is no frame of the protocol.
pub fn decode_text(text: &str) -> Result<ServerMessage, DecodeError> {
    if text.trim_start().starts_with('[') {
        type Array<'a> = (Option<String>, Option<String>, String, String, &'a RawValue);
        let (join_ref, reference, topic, event, payload): Array<'_> = serde_json::from_str(text)?;
        return message(Envelope { join_ref, reference, topic, event, payload });
    }
    let mut envelope: Envelope<'_> = serde_json::from_str(text)?;
    if envelope.join_ref.is_none() && matches!(envelope.event.as_str(), "phx_close" | "phx_error") {
        // Version 1 has no join_ref in the server's frames; there the ref of these two is the join's.
        envelope.join_ref = envelope.reference.clone();
    }
    message(envelope)
}

/// Reads a binary frame: a broadcast of protocol 2.0.0.
///
/// # Errors
/// When it is cut short, of another kind, or its text is not UTF-8 or its JSON no JSON: the server passes on unchecked what a
/// client marked as JSON.
pub fn decode_binary(frame: &[u8]) -> Result<ServerMessage, DecodeError> {
    const BROADCAST: u8 = 4;
    let [kind, topic, event, meta, encoding, rest @ ..] = frame else {
        return Err(DecodeError(format!("binary frame of {} bytes", frame.len())));
    };
    if *kind != BROADCAST {
        return Err(DecodeError(format!("binary frame of kind {kind}")));
    }
    let mut rest = rest;
    let topic = text(take(&mut rest, *topic)?)?;
    let event = text(take(&mut rest, *event)?)?;
    let meta = match take(&mut rest, *meta)? {
        [] => Meta::default(),
        meta => serde_json::from_slice(meta)?,
    };
    let payload = match encoding {
        0 => BroadcastPayload::Binary(Bytes::copy_from_slice(rest)),
        1 => BroadcastPayload::Json(serde_json::from_slice(rest)?),
        other => return Err(DecodeError(format!("payload encoding {other}"))),
    };
    Ok(ServerMessage::Broadcast { topic, event, payload, id: meta.id, replayed: meta.replayed })
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    join_ref: Option<String>,
    #[serde(default, rename = "ref")]
    reference: Option<String>,
    topic: String,
    event: String,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    response: Value,
}

#[derive(Deserialize)]
struct System {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: Value,
    extension: Option<String>,
}

#[derive(Deserialize)]
struct Broadcast {
    event: String,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    meta: Meta,
}

#[derive(Deserialize, Default)]
struct Meta {
    id: Option<String>,
    #[serde(default)]
    replayed: bool,
}

fn message(envelope: Envelope<'_>) -> Result<ServerMessage, DecodeError> {
    let Envelope { join_ref, reference, topic, event, payload } = envelope;
    let payload = payload.get();
    Ok(match event.as_str() {
        "phx_reply" => {
            let reply: Reply = serde_json::from_str(payload)?;
            let outcome = if reply.status == "ok" { Ok(Accepted::default()) } else { Err(reason(&reply.response)) };
            ServerMessage::Reply { topic, reference, outcome }
        }
        "phx_close" => ServerMessage::Closed { topic, join_ref },
        "phx_error" => ServerMessage::Errored { topic, join_ref },
        "system" => {
            let system: System = serde_json::from_str(payload)?;
            ServerMessage::System {
                topic,
                status: system.status,
                message: plain(&system.message),
                extension: system.extension,
            }
        }
        "broadcast" => {
            let Broadcast { event, payload, meta } = serde_json::from_str(payload)?;
            let payload = BroadcastPayload::Json(payload);
            ServerMessage::Broadcast { topic, event, payload, id: meta.id, replayed: meta.replayed }
        }
        _ => ServerMessage::Other { topic, event },
    })
}

/// The server's reason: usually `{"reason": "…"}`, sometimes a bare string.
fn reason(response: &Value) -> String {
    plain(response.get("reason").unwrap_or(response))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn take<'a>(rest: &mut &'a [u8], length: u8) -> Result<&'a [u8], DecodeError> {
    let cut = || DecodeError("binary frame cut short".to_owned());
    let (head, tail) = rest.split_at_checked(usize::from(length)).ok_or_else(cut)?;
    *rest = tail;
    Ok(head)
}

fn text(bytes: &[u8]) -> Result<String, DecodeError> {
    String::from_utf8(bytes.to_vec()).map_err(|error| DecodeError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode_binary, decode_text};

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_binary(&bytes);
            let _ = decode_text(&String::from_utf8_lossy(&bytes));
        }

        // Random bytes hardly ever get past the first one: this begins as a real frame does.
        #[test]
        fn any_lengths_are_read_or_refused(lengths in any::<[u8; 3]>(), encoding in 0u8..3, rest in proptest::collection::vec(any::<u8>(), 0..900)) {
            let mut frame = vec![4, lengths[0], lengths[1], lengths[2], encoding];
            frame.extend(rest);
            let _ = decode_binary(&frame);
        }

        #[test]
        fn any_payload_in_a_frame_is_read_or_refused(event in "phx_reply|system|broadcast|phx_close|other", payload in "[\\[\\]{}:,\"a-z0-9 ]{0,40}") {
            let _ = decode_text(&format!(r#"["1","2","realtime:t","{event}",{payload}]"#));
            let _ = decode_text(&format!(r#"{{"topic":"realtime:t","event":"{event}","payload":{payload},"ref":null}}"#));
        }
    }

    #[test]
    fn nesting_does_not_exhaust_the_stack() {
        let deep = "[".repeat(200_000);
        assert!(decode_text(&deep).is_err());
        assert!(decode_text(&format!(r#"["1","2","t","broadcast",{{"event":"e","payload":{deep}}}]"#)).is_err());
    }
}
