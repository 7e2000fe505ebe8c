//! To the server, in protocol 2.0.0.

use serde_json::{Value, json};

use super::{PHOENIX, TOPIC_PREFIX};
use crate::realtime::ChannelSpec;
use crate::secret::Secret;

/// A frame of the client. Topics are without `realtime:`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outgoing {
    Heartbeat { reference: String },
    Join { reference: String, spec: ChannelSpec, token: Secret },
    Leave { join_ref: String, reference: String, topic: String },
    AccessToken { join_ref: String, reference: String, topic: String, token: Secret },
    Broadcast { join_ref: String, reference: String, topic: String, event: String, payload: Value },
}

impl Outgoing {
    /// The text frame. It can hold a token: never log it.
    pub(crate) fn encode(&self) -> String {
        match self {
            Self::Heartbeat { reference } => json!([null, reference, PHOENIX, "heartbeat", {}]),
            Self::Join { reference, spec, token } => {
                let payload = json!({
                    "config": {
                        "broadcast": { "ack": spec.broadcast_ack, "self": spec.broadcast_self },
                        "presence": { "key": "", "enabled": false },
                        "postgres_changes": [],
                        "private": spec.private,
                    },
                    "access_token": token.expose(),
                });
                json!([reference, reference, wire_topic(&spec.topic), "phx_join", payload])
            }
            Self::Leave { join_ref, reference, topic } => {
                json!([join_ref, reference, wire_topic(topic), "phx_leave", {}])
            }
            Self::AccessToken { join_ref, reference, topic, token } => {
                let payload = json!({ "access_token": token.expose() });
                json!([join_ref, reference, wire_topic(topic), "access_token", payload])
            }
            Self::Broadcast { join_ref, reference, topic, event, payload } => {
                let payload = json!({ "type": "broadcast", "event": event, "payload": payload });
                json!([join_ref, reference, wire_topic(topic), "broadcast", payload])
            }
        }
        .to_string()
    }
}

fn wire_topic(topic: &str) -> String {
    format!("{TOPIC_PREFIX}{topic}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Outgoing;
    use crate::realtime::ChannelSpec;

    #[test]
    fn a_join_is_what_the_real_server_accepted() {
        let spec = ChannelSpec { topic: "room1".into(), private: true, broadcast_self: false, broadcast_ack: true };
        let join = Outgoing::Join { reference: "2".into(), spec, token: "secret".into() };
        let expected = json!(["2", "2", "realtime:room1", "phx_join", {
            "config": {
                "broadcast": { "ack": true, "self": false },
                "presence": { "key": "", "enabled": false },
                "postgres_changes": [],
                "private": true,
            },
            "access_token": "secret",
        }]);
        assert_eq!(serde_json::from_str::<Value>(&join.encode()).unwrap(), expected);
        assert!(!format!("{join:?}").contains("secret"), "a frame in a log must not show its token");
    }

    #[test]
    fn the_other_frames() {
        let (join_ref, reference, topic) = ("1".to_owned(), "7".to_owned(), "t".to_owned());
        let beat = Outgoing::Heartbeat { reference: "1".into() };
        assert_eq!(beat.encode(), r#"[null,"1","phoenix","heartbeat",{}]"#);
        let leave = Outgoing::Leave { join_ref: join_ref.clone(), reference: reference.clone(), topic: topic.clone() };
        assert_eq!(leave.encode(), r#"["1","7","realtime:t","phx_leave",{}]"#);
        let token = Outgoing::AccessToken {
            join_ref: join_ref.clone(),
            reference: reference.clone(),
            topic: topic.clone(),
            token: "x".into(),
        };
        assert_eq!(token.encode(), r#"["1","7","realtime:t","access_token",{"access_token":"x"}]"#);
        let message = Outgoing::Broadcast { join_ref, reference, topic, event: "e".into(), payload: json!({"n": 1}) };
        let expected =
            json!(["1", "7", "realtime:t", "broadcast", {"type": "broadcast", "event": "e", "payload": {"n": 1}}]);
        assert_eq!(serde_json::from_str::<Value>(&message.encode()).unwrap(), expected);
    }
}
