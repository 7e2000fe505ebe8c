//! What clients sent in the recordings, said again by our encoder.

use cockpit_supabase::realtime::protocol::{
    Binding, BindingEvent, BroadcastConfig, BroadcastPayload, ClientMessage, Frame, JoinConfig, Json, PresenceConfig,
    ProtocolVersion, Replay,
};
use serde_json::{Value, json};

use super::filters::{built, parsed};
use super::{Wire, frames, names};

#[test]
fn every_frame_that_a_client_sent_is_said_the_same_by_ours() {
    let (mut said, mut unsaid) = (0, Vec::new());
    for name in names() {
        for (conn, frame) in frames(&name, "send") {
            let again = match &frame {
                Wire::Text(text) => text_again(text),
                Wire::Binary(bytes) => binary_again(bytes),
            };
            let Some((expected, encoded)) = again else {
                unsaid.push(format!("{name} {conn}: {frame:?}"));
                continue;
            };
            assert_eq!(encoded, expected, "{name} {conn}");
            said += 1;
        }
    }
    // The rest are frames made to be wrong, joins with parts of a config left out, and JSON in a binary push.
    assert!(said > 590 && unsaid.len() < 80, "{said} said, {} not:\n{}", unsaid.len(), unsaid.join("\n"));
}

/// What was sent and what ours says, both as JSON.
fn text_again(text: &str) -> Option<(Value, Value)> {
    let sent: Value = serde_json::from_str(text).ok()?;
    let (version, parts) = match &sent {
        Value::Array(parts) => (ProtocolVersion::V2, parts.clone()),
        object => {
            let member = |name: &str| object.get(name).cloned().unwrap_or_default();
            (ProtocolVersion::V1, ["join_ref", "ref", "topic", "event", "payload"].map(member).to_vec())
        }
    };
    let message = message(&parts)?;
    let Ok(Frame::Text(text)) = message.encode(version) else { panic!("{message:?}") };
    Some((with_read_filters(sent), with_read_filters(serde_json::from_str(&text).unwrap())))
}

/// A filter can be quoted where the recorded one was not: only its meaning has to be the same.
fn with_read_filters(mut frame: Value) -> Value {
    let payload = if frame.is_array() { &mut frame[4] } else { &mut frame["payload"] };
    let bindings = payload.pointer_mut("/config/postgres_changes").and_then(Value::as_array_mut);
    for binding in bindings.into_iter().flatten() {
        if let Some(filter) = binding.get_mut("filter") {
            *filter = json!(format!("{:?}", parsed(filter.as_str().unwrap())));
        }
    }
    frame
}

fn message(parts: &[Value]) -> Option<ClientMessage> {
    let [join_ref, reference, topic, event, payload] = parts else { return None };
    let (reference, event) = (reference.as_str()?.to_owned(), event.as_str()?);
    if event == "heartbeat" {
        return Some(ClientMessage::Heartbeat { reference });
    }
    let topic = topic.as_str()?.strip_prefix("realtime:")?.to_owned();
    let join_ref = join_ref.as_str()?.to_owned();
    let inner = |kind: &str| {
        let exact = payload.as_object()?.keys().all(|key| matches!(key.as_str(), "type" | "event" | "payload"));
        (exact && payload["type"] == kind).then(|| Some((payload["event"].as_str()?, payload.get("payload")?)))?
    };
    Some(match event {
        "phx_join" => {
            let members = payload.as_object()?;
            let token = match members.get("access_token") {
                Some(token) => Some(token.as_str()?.into()),
                None => None,
            };
            let known = members.keys().all(|key| matches!(key.as_str(), "config" | "access_token"));
            let config = Box::new(config(payload.get("config")?)?);
            (known && join_ref == reference).then_some(ClientMessage::Join { reference, topic, config, token })?
        }
        "phx_leave" => ClientMessage::Leave { join_ref, reference, topic },
        "access_token" => {
            let token = payload.get("access_token")?.as_str()?.into();
            ClientMessage::AccessToken { join_ref, reference, topic, token }
        }
        "broadcast" => {
            let (event, payload) = inner("broadcast")?;
            let payload = BroadcastPayload::Json(Json::from(payload.clone()));
            ClientMessage::Broadcast { join_ref, reference, topic, event: event.to_owned(), payload }
        }
        "presence" if payload == &json!({ "type": "presence", "event": "untrack" }) => {
            ClientMessage::Untrack { join_ref, reference, topic }
        }
        "presence" => {
            let ("track", payload) = inner("presence")? else { return None };
            ClientMessage::Track { join_ref, reference, topic, payload: payload.clone().into() }
        }
        _ => return None,
    })
}

/// None unless every member is one that ours always writes, in the right type.
fn config(value: &Value) -> Option<JoinConfig> {
    let (broadcast, presence) = (value.get("broadcast")?, value.get("presence")?);
    let bindings = value.get("postgres_changes")?.as_array()?;
    let replay = match broadcast.get("replay") {
        Some(replay) => Some(Replay {
            since: replay.get("since")?.as_i64()?,
            limit: Some(replay.get("limit")?.as_u64()?.try_into().ok()?),
        }),
        None => None,
    };
    Some(JoinConfig {
        broadcast: BroadcastConfig {
            ack: broadcast.get("ack")?.as_bool()?,
            own: broadcast.get("self")?.as_bool()?,
            replication_ready: broadcast.get("replication_ready").is_some(),
            replay,
        },
        presence: PresenceConfig {
            key: presence.get("key")?.as_str()?.to_owned(),
            enabled: presence.get("enabled")?.as_bool()?,
        },
        postgres_changes: bindings.iter().map(binding).collect::<Option<_>>()?,
        private: value.get("private")?.as_bool()?,
    })
}

fn binding(value: &Value) -> Option<Binding> {
    let event = match value.get("event")?.as_str()? {
        "*" => BindingEvent::All,
        "INSERT" => BindingEvent::Insert,
        "UPDATE" => BindingEvent::Update,
        "DELETE" => BindingEvent::Delete,
        _ => return None,
    };
    let text = |name: &str| value.get(name).map(|text| text.as_str());
    let mut binding = match text("table") {
        Some(table) => Binding::table(text("schema")??, table?),
        None => Binding::schema(text("schema")??),
    }
    .event(event);
    if let Some(filter) = text("filter") {
        binding = binding.filter(built(&parsed(filter?)?).ok()?);
    }
    if let Some(select) = value.get("select") {
        binding = binding.select(select.as_array()?.iter().filter_map(Value::as_str));
    }
    Some(binding)
}

/// What was sent and what ours says, both as numbers.
fn binary_again(sent: &[u8]) -> Option<(Value, Value)> {
    let [3, join_ref, reference, topic, event, 0, 0, rest @ ..] = sent else { return None };
    let mut rest = rest;
    let mut part = |length: &u8| {
        let (part, tail) = rest.split_at(usize::from(*length));
        rest = tail;
        String::from_utf8(part.to_vec()).unwrap()
    };
    let (join_ref, reference, topic, event) = (part(join_ref), part(reference), part(topic), part(event));
    let topic = topic.strip_prefix("realtime:")?.to_owned();
    let payload = BroadcastPayload::Binary(bytes::Bytes::copy_from_slice(rest));
    let message = ClientMessage::Broadcast { join_ref, reference, topic, event, payload };
    let Ok(Frame::Binary(bytes)) = message.encode(ProtocolVersion::V2) else { panic!("{message:?}") };
    Some((json!(sent), json!(bytes.to_vec())))
}
