//! One joined topic of one socket.

use serde_json::{Value, value::RawValue};

use super::{authorise::Rights, frame::Ref, topics::Subscription};

/// A joined channel. Dropping it leaves the topic.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) join_ref: Option<Ref>,
    /// The topic without `realtime:`.
    pub(super) name: String,
    pub(super) config: JoinConfig,
    pub(super) rights: Rights,
    /// The token it was joined with, to notice a new one.
    pub(super) token: String,
    /// Unix seconds at which the channel closes.
    pub(super) exp: i64,
    /// Nothing when broadcasts may not be read or written.
    pub(super) subscription: Option<Subscription>,
}

/// What a join asks for. Everything missing or of another type counts as not asked for, as with the real server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct JoinConfig {
    pub(super) private: bool,
    /// Answer broadcasts with a reply.
    pub(super) ack: bool,
    /// Deliver own broadcasts to oneself.
    pub(super) to_self: bool,
    /// Say when broadcasts from the database arrive.
    pub(super) replication_ready: bool,
    pub(super) replay: bool,
    pub(super) presence: bool,
    /// Changes of tables are wanted.
    pub(super) table_changes: bool,
}

/// A join's payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Join {
    pub(super) config: JoinConfig,
    /// A token of its own; else the socket's key counts.
    pub(super) token: Option<String>,
}

impl Join {
    pub(super) fn parse(payload: &RawValue) -> Self {
        let Ok(payload) = serde_json::from_str::<Value>(payload.get()) else { return Self::default() };
        let flag = |path: &str| payload.pointer(path).and_then(Value::as_bool).unwrap_or(false);
        let config = JoinConfig {
            private: flag("/config/private"),
            ack: flag("/config/broadcast/ack"),
            to_self: flag("/config/broadcast/self"),
            replication_ready: flag("/config/broadcast/replication_ready"),
            replay: payload.pointer("/config/broadcast/replay").is_some_and(Value::is_object),
            presence: flag("/config/presence/enabled"),
            table_changes: payload
                .pointer("/config/postgres_changes")
                .and_then(Value::as_array)
                .is_some_and(|bindings| !bindings.is_empty()),
        };
        Self { config, token: own_token(&payload) }
    }
}

/// The member `access_token`, unless it is no text or one of Supabase's new keys, which are no tokens.
pub(super) fn own_token(payload: &Value) -> Option<String> {
    let token = payload.get("access_token")?.as_str()?;
    (!token.starts_with("sb_")).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Join {
        Join::parse(&RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn a_join_without_a_token_of_its_own_uses_the_key() {
        for payload in
            ["{}", r#"{"access_token":null}"#, r#"{"access_token":5}"#, r#"{"access_token":"sb_publishable_x"}"#, "[]"]
        {
            assert_eq!(parse(payload), Join::default(), "{payload}");
        }
        // The empty text is a token, and a bad one.
        assert_eq!(parse(r#"{"access_token":""}"#).token.as_deref(), Some(""));
    }

    #[test]
    fn the_configuration_is_read() {
        let join = parse(
            r#"{"config":{"broadcast":{"self":true,"ack":true,"replication_ready":true},"presence":{"enabled":false},
                "postgres_changes":[],"private":true},"access_token":"t"}"#,
        );
        assert!(join.config.private && join.config.ack && join.config.to_self && join.config.replication_ready);
        assert!(!join.config.presence && !join.config.table_changes && !join.config.replay);
    }
}
