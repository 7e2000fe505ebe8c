//! The body of a request to broadcast, and the real server's words for what is wrong with it.

use serde_json::{Map, Value, json};

/// One message to broadcast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Message<'a> {
    pub(super) topic: &'a str,
    pub(super) event: &'a str,
    pub(super) payload: &'a Map<String, Value>,
    pub(super) private: bool,
}

/// Reads all messages, or answers what goes under `errors.messages`: a list of complaints, or for each message an object with those
/// about its members.
pub(super) fn read(body: &Value, payload_bytes: usize) -> Result<Vec<Message<'_>>, Value> {
    let messages = match body.get("messages") {
        None | Some(Value::Null) => return Err(json!([BLANK])),
        Some(Value::Array(messages)) if messages.is_empty() => return Err(json!([BLANK])),
        Some(Value::Array(messages)) if messages.iter().all(Value::is_object) => messages,
        Some(_) => return Err(json!([INVALID])),
    };
    let read: Vec<_> = messages.iter().map(|message| one(message, payload_bytes)).collect();
    if read.iter().all(Result::is_ok) {
        return Ok(read.into_iter().flatten().collect());
    }
    Err(read.into_iter().map(|message| message.err().unwrap_or_else(|| json!({}))).collect())
}

const BLANK: &str = "can't be blank";
const INVALID: &str = "is invalid";

fn one(message: &Value, payload_bytes: usize) -> Result<Message<'_>, Value> {
    let mut errors = Map::new();
    let mut wrong = |member: &str, why: &str| drop(errors.insert(member.to_owned(), json!([why])));
    let topic = text(message.get("topic")).map_err(|why| wrong("topic", why)).unwrap_or_default();
    let event = text(message.get("event")).map_err(|why| wrong("event", why)).unwrap_or_default();
    let private = truth(message.get("private")).map_err(|why| wrong("private", why)).unwrap_or_default();
    let payload = match message.get("payload") {
        None | Some(Value::Null) => {
            wrong("payload", BLANK);
            None
        }
        Some(Value::Object(payload)) => {
            if serde_json::to_vec(payload).map_or(0, |json| json.len()) > payload_bytes {
                wrong("payload", "Payload size exceeds tenant limit");
            }
            Some(payload)
        }
        Some(_) => {
            wrong("payload", INVALID);
            None
        }
    };
    match payload {
        Some(payload) if errors.is_empty() => Ok(Message { topic, event, payload, private }),
        _ => Err(Value::Object(errors)),
    }
}

fn text(value: Option<&Value>) -> Result<&str, &'static str> {
    match value {
        None | Some(Value::Null) => Err(BLANK),
        Some(Value::String(text)) if text.trim().is_empty() => Err(BLANK),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(INVALID),
    }
}

fn truth(value: Option<&Value>) -> Result<bool, &'static str> {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => Ok(false),
        Some(Value::Bool(true)) => Ok(true),
        Some(Value::String(text)) if matches!(text.as_str(), "true" | "1") => Ok(true),
        Some(Value::String(text)) if matches!(text.as_str(), "false" | "0" | "") => Ok(false),
        Some(_) => Err(INVALID),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_messages_are_read() {
        let body = json!({ "messages": [
            { "topic": "t", "event": "e", "payload": { "a": 1 } },
            { "topic": "u", "event": "f", "payload": {}, "private": true }
        ] });
        let messages = read(&body, 100).unwrap();
        assert_eq!(
            messages.iter().map(|message| (message.topic, message.private)).collect::<Vec<_>>(),
            [("t", false), ("u", true)]
        );
    }

    #[rstest::rstest]
    #[case(json!({}), json!(["can't be blank"]))]
    #[case(json!({ "messages": [] }), json!(["can't be blank"]))]
    #[case(json!({ "messages": "x" }), json!(["is invalid"]))]
    #[case(json!({ "messages": [7] }), json!(["is invalid"]))]
    #[case(json!({ "messages": [{ "topic": "t", "payload": {} }] }), json!([{ "event": ["can't be blank"] }]))]
    #[case(json!({ "messages": [{ "topic": "t", "event": "e", "payload": "x" }] }), json!([{ "payload": ["is invalid"] }]))]
    #[case(
        json!({ "messages": [{ "topic": "t", "event": "e", "payload": {} }, { "topic": 5, "event": " ", "payload": null, "private": 7 }] }),
        json!([{}, { "topic": ["is invalid"], "event": ["can't be blank"], "payload": ["can't be blank"], "private": ["is invalid"] }])
    )]
    #[case(
        json!({ "messages": [{ "topic": "t", "event": "e", "payload": { "x": "0123456789" } }] }),
        json!([{ "payload": ["Payload size exceeds tenant limit"] }])
    )]
    fn each_fault_is_named_where_it_is(#[case] body: Value, #[case] errors: Value) {
        assert_eq!(read(&body, 12), Err(errors));
    }
}
