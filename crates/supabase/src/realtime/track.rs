//! What may be made known of oneself.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::IgnoredAny;

use super::connection::LARGEST_PAYLOAD;
use super::protocol::Json;
use crate::Error;

/// The server's limit on the keys of a payload.
const MOST_KEYS: usize = 10;

/// Why a presence cannot be tracked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresenceProblem {
    /// The server takes maps only.
    #[error("it is not a map")]
    NotAMap,
    /// The server takes ten keys at most.
    #[error("it has {0} keys, ten are the most")]
    TooManyKeys(usize),
    /// The channel is wanted without presence.
    #[error("the channel is wanted without presence")]
    NotEnabled,
    /// The channel is not wanted.
    #[error("the channel is not wanted")]
    UnknownChannel,
}

/// The payload as it would be sent.
pub(super) fn checked(topic: &str, payload: impl Serialize) -> Result<Json, Error> {
    let problem = |problem| Err(Error::Presence { topic: topic.to_owned(), problem });
    let Ok(json) = Json::new(&payload) else { return problem(PresenceProblem::NotAMap) };
    let Ok(keys) = json.get::<BTreeMap<String, IgnoredAny>>() else { return problem(PresenceProblem::NotAMap) };
    if keys.len() > MOST_KEYS {
        return problem(PresenceProblem::TooManyKeys(keys.len()));
    }
    let size = json.as_str().len();
    if size > LARGEST_PAYLOAD {
        return Err(Error::PayloadTooLarge { size, limit: LARGEST_PAYLOAD });
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::{PresenceProblem, checked};
    use crate::Error;
    use serde_json::{Value, json};

    #[test]
    fn what_the_server_would_refuse_is_refused_here() {
        let problem = |payload: Value| match checked("room", payload) {
            Err(Error::Presence { problem, .. }) => problem,
            other => panic!("{other:?}"),
        };
        for no_map in [json!(null), json!(1), json!("x"), json!([1])] {
            assert_eq!(problem(no_map), PresenceProblem::NotAMap);
        }
        let keys = |count: usize| Value::Object((0..count).map(|key| (key.to_string(), json!(1))).collect());
        assert_eq!(problem(keys(11)), PresenceProblem::TooManyKeys(11));
        assert!(checked("room", keys(10)).is_ok());
        let large = checked("room", json!({ "x": "y".repeat(3_000 * 1024) }));
        assert!(matches!(large, Err(Error::PayloadTooLarge { .. })));
    }
}
