//! Broadcasts over HTTP, for programs that send without listening.

use reqwest::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::client::service_url;
use crate::{Client, Error};

/// A message to everybody on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastMessage {
    /// The channel's topic. With the `realtime:` of the wire in front the server would accept the message and nobody hear it, so
    /// [`Client::broadcast`] takes that away.
    pub topic: String,
    /// What kind of message it is; not empty.
    pub event: String,
    /// The message. The server takes objects only.
    pub payload: Map<String, Value>,
    /// Whether it is for the private channel of this topic; the public one of the same name is another.
    pub private: bool,
}

impl Client {
    /// Sends messages to channels without being on them. That the server has accepted them (202) does not say that anybody heard.
    ///
    /// # Errors
    /// [`Error::Broadcast`] with 422 when a message is malformed or too large (3,000 KB; none is sent then) and with 401 for the
    /// token; [`Error::RateLimited`]; the transport's errors otherwise.
    pub async fn broadcast(&self, messages: &[BroadcastMessage], access_token: Option<&str>) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            messages: Vec<Message<'a>>,
        }
        #[derive(Serialize)]
        struct Message<'a> {
            topic: &'a str,
            event: &'a str,
            payload: &'a Map<String, Value>,
            private: bool,
        }
        if messages.is_empty() {
            return Ok(());
        }
        let messages = messages.iter().map(|message| Message {
            topic: message.topic.strip_prefix("realtime:").unwrap_or(&message.topic),
            event: &message.event,
            payload: &message.payload,
            private: message.private,
        });
        let url = service_url(self.url(), &["realtime", "v1", "api", "broadcast"]);
        let request = self.request(Method::POST, url, access_token).json(&Body { messages: messages.collect() });
        let answer = Answer::to(request, "broadcast").await?;
        answer.check(refusal)?;
        if answer.status.as_u16() == 202 { Ok(()) } else { Err(answer.unexpected()) }
    }
}

/// `{"message": "Unauthorized"}` and `{"errors": {"messages": [{}, {"event": ["can't be blank"]}]}}`.
fn refusal(status: u16, body: &[u8]) -> Option<Error> {
    let object: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let message = match (object.get("message").and_then(Value::as_str), object.get("errors")) {
        (Some(message), _) => message.to_owned(),
        (None, Some(errors)) => {
            let mut found = Vec::new();
            gather(errors, &mut String::new(), &mut found);
            found.join("; ")
        }
        (None, None) => return None,
    };
    Some(Error::Broadcast { status, message })
}

/// The sentences in a tree, each with the way to it. serde_json has bounded the depth.
fn gather(tree: &Value, way: &mut String, found: &mut Vec<String>) {
    let here = way.len();
    match tree {
        Value::String(text) => found.push(format!("{} {text}", way.trim_start_matches('.'))),
        Value::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                if !item.is_string() {
                    way.push_str(&format!("[{index}]"));
                }
                gather(item, way, found);
                way.truncate(here);
            }
        }
        Value::Object(object) => {
            for (name, item) in object {
                way.push('.');
                way.push_str(name);
                gather(item, way, found);
                way.truncate(here);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::refusal;
    use crate::Error;
    use rstest::rstest;

    #[rstest]
    #[case(r#"{"errors":{"messages":[{},{"event":["can't be blank"]}]}}"#, "messages[1].event can't be blank")]
    #[case(r#"{"errors":{"messages":["can't be blank"]}}"#, "messages can't be blank")]
    #[case(r#"{"message":"Unauthorized"}"#, "Unauthorized")]
    #[case(r#"{"errors":7}"#, "")]
    fn says_which_message_is_wrong(#[case] body: &str, #[case] expected: &str) {
        let expected = Error::Broadcast { status: 422, message: expected.into() };
        assert_eq!(refusal(422, body.as_bytes()), Some(expected));
    }
}
