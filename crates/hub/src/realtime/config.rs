//! What a join asks for.
//!
//! The real server reads it leniently and in its own way, which clients have come to rely on: everything but `null` and `false` is
//! true, what is missing was not asked for, and a section that is no object at all is an error.

use serde_json::{Map, Value, json, value::RawValue};
use sha2::{Digest, Sha256};

/// The most messages one join may have replayed, and the number when it names none.
const MOST_REPLAYED: i64 = 25;
const DEFAULT_REPLAYED: i64 = 10;

/// The longest join, in bytes of its frame: what a channel keeps of it stays as long as the channel. A token of 16 kB fits with ease.
pub(super) const MAX_JOIN: usize = 100_000;

/// A join's payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Join {
    pub(super) config: JoinConfig,
    /// A token of its own; else the socket's key counts.
    pub(super) token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct JoinConfig {
    pub(super) private: bool,
    /// Answer broadcasts with a reply.
    pub(super) ack: bool,
    /// Deliver own broadcasts to oneself.
    pub(super) to_self: bool,
    /// Say when broadcasts from the database arrive.
    pub(super) replication_ready: bool,
    pub(super) replay: Replay,
    /// Send who is present, and ask the policies about presence.
    pub(super) presence: bool,
    /// The name to be present under; nothing takes a new one that nobody is told.
    pub(super) presence_key: Option<String>,
    /// The changes of tables that are wanted, each with its number.
    pub(super) bindings: Vec<Value>,
}

/// Messages of the past that are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Replay {
    #[default]
    Not,
    /// The newest `limit` since `since`, in milliseconds of Unix time.
    Since {
        since: i64,
        limit: i64,
    },
    Malformed,
}

/// A join whose payload cannot be read, in the words of the real server's runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadJoin {
    #[error("expected a map")]
    Payload,
    #[error("no function clause matching in Access.get/3")]
    Section,
    /// Of our own: the real server keeps any.
    #[error("the join is longer than {MAX_JOIN} bytes")]
    TooLong,
}

impl Join {
    /// Reads the payload of a join to the channel `name`.
    pub(super) fn parse(payload: &RawValue, name: &str) -> Result<Self, BadJoin> {
        let Ok(Value::Object(payload)) = serde_json::from_str(payload.get()) else { return Err(BadJoin::Payload) };
        let token = own_token(&payload);
        let Some(config) = payload.get("config") else {
            // Before there were configurations a topic was itself a table.
            let config = JoinConfig { bindings: vec![numbered(binding_of(name))], ..JoinConfig::default() };
            return Ok(Self { config, token });
        };
        let config = section(Some(config))?;
        let broadcast = section(config.get("broadcast"))?;
        let presence = section(config.get("presence"))?;
        let key = presence.get("key").and_then(Value::as_str).filter(|key| !key.is_empty());
        let bindings = config.get("postgres_changes").and_then(Value::as_array);
        let config = JoinConfig {
            private: truth(config.get("private")),
            ack: truth(broadcast.get("ack")),
            to_self: truth(broadcast.get("self")),
            replication_ready: truth(broadcast.get("replication_ready")),
            replay: broadcast.get("replay").map_or(Replay::Not, Replay::parse),
            presence: truth(presence.get("enabled")),
            presence_key: key.map(str::to_owned),
            bindings: bindings.into_iter().flatten().filter_map(Value::as_object).cloned().map(numbered).collect(),
        };
        Ok(Self { config, token })
    }
}

impl Replay {
    fn parse(asked: &Value) -> Self {
        let Some(asked) = asked.as_object() else { return Self::Malformed };
        let number = |name: &str, default: i64| match asked.get(name) {
            None | Some(Value::Null) => Some(default),
            Some(number) => number.as_i64(),
        };
        match (number("since", 0), number("limit", DEFAULT_REPLAYED)) {
            (Some(since), Some(limit)) if since >= 0 => Self::Since { since, limit: limit.clamp(1, MOST_REPLAYED) },
            _ => Self::Malformed,
        }
    }
}

/// The member `access_token`, unless it is no text or one of Supabase's new keys, which are no tokens.
pub(super) fn own_token(payload: &Map<String, Value>) -> Option<String> {
    let token = payload.get("access_token")?.as_str()?;
    (!token.starts_with("sb_")).then(|| token.to_owned())
}

fn section(value: Option<&Value>) -> Result<Map<String, Value>, BadJoin> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(section)) => Ok(section.clone()),
        Some(_) => Err(BadJoin::Section),
    }
}

fn truth(value: Option<&Value>) -> bool {
    !matches!(value, None | Some(Value::Null | Value::Bool(false)))
}

/// `schema`, `schema:table` or `schema:table:filter`.
fn binding_of(topic: &str) -> Map<String, Value> {
    ["schema", "table", "filter"]
        .into_iter()
        .zip(topic.splitn(3, ':'))
        .map(|(name, part)| (name.to_owned(), json!(part)))
        .collect()
}

/// The binding with its number: equal bindings have equal ones, of the real server's 27 bits.
fn numbered(mut binding: Map<String, Value>) -> Value {
    let digest = Sha256::digest(Value::Object(binding.clone()).to_string());
    let number = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) >> 5;
    binding.insert("id".to_owned(), json!(number));
    Value::Object(binding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Join, BadJoin> {
        Join::parse(&RawValue::from_string(json.to_owned()).unwrap(), "public:tasks")
    }

    #[test]
    fn a_join_without_a_token_of_its_own_uses_the_key() {
        for token in ["null", "5", r#""sb_publishable_x""#] {
            assert_eq!(
                parse(&format!(r#"{{"config":{{}},"access_token":{token}}}"#)).unwrap(),
                Join::default(),
                "{token}"
            );
        }
        // The empty text is a token, and a bad one.
        assert_eq!(parse(r#"{"config":{},"access_token":""}"#).unwrap().token.as_deref(), Some(""));
    }

    #[test]
    fn the_configuration_is_read() {
        let join = parse(
            r#"{"config":{"broadcast":{"self":true,"ack":"true","replication_ready":1,"replay":{"since":5,"limit":99}},
                "presence":{"enabled":false,"key":"ada"},"postgres_changes":[],"private":"yes"},"access_token":"t"}"#,
        );
        let config = join.unwrap().config;
        assert!(config.private && config.ack && config.to_self && config.replication_ready && !config.presence);
        assert_eq!(
            (config.replay, config.presence_key.as_deref()),
            (Replay::Since { since: 5, limit: 25 }, Some("ada"))
        );
        assert!(config.bindings.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_told_as_the_real_server_tells_it() {
        for (payload, error) in [
            ("[]", BadJoin::Payload),
            ("null", BadJoin::Payload),
            (r#"{"config":"x"}"#, BadJoin::Section),
            (r#"{"config":{"broadcast":"x"}}"#, BadJoin::Section),
        ] {
            assert_eq!(parse(payload), Err(error), "{payload}");
        }
        assert!(parse(r#"{"config":null}"#).is_ok() && parse(r#"{"config":{"presence":{"key":5}}}"#).is_ok());
        for bad in ["{\"since\":\"x\"}", "{\"since\":-1}", "{\"limit\":1.5}", "7", "null"] {
            let join = parse(&format!(r#"{{"config":{{"broadcast":{{"replay":{bad}}}}}}}"#)).unwrap();
            assert_eq!(join.config.replay, Replay::Malformed, "{bad}");
        }
    }

    #[test]
    fn bindings_are_numbered_and_an_old_topic_is_one() {
        let two = r#"{"config":{"postgres_changes":[null,{"event":"*","table":"t"},5,{"table":"t","event":"*"},{"table":"u"}]}}"#;
        let bindings = parse(two).unwrap().config.bindings;
        assert_eq!(bindings.len(), 3);
        assert_eq!(bindings[0], bindings[1]);
        assert_ne!(bindings[0]["id"], bindings[2]["id"]);
        let old = parse("{}").unwrap().config.bindings;
        assert_eq!((&old[0]["schema"], &old[0]["table"]), (&json!("public"), &json!("tasks")));
    }
}
