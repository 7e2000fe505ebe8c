//! Phoenix's text frames: objects in version 1.0.0, arrays in 2.0.0.

use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The serializer a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

impl Version {
    /// `vsn` of the query; absent means 1.0.0. Patch levels do not matter, any other version is refused.
    pub(super) fn parse(vsn: Option<&str>) -> Option<Self> {
        match vsn.unwrap_or("1.0.0").rsplit_once('.')? {
            ("1.0", _) => Some(Self::V1),
            ("2.0", _) => Some(Self::V2),
            _ => None,
        }
    }
}

/// A reference as the client wrote it: echoed, never read.
pub(super) type Ref = Box<RawValue>;

/// What a client sent.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) join_ref: Option<Ref>,
    pub(super) reference: Option<Ref>,
    pub(super) topic: String,
    pub(super) event: String,
    pub(super) payload: Box<RawValue>,
}

impl Incoming {
    /// Its bytes, but for a few of punctuation.
    pub(super) fn size(&self) -> usize {
        let references = [&self.join_ref, &self.reference].into_iter().flatten().map(|reference| reference.get().len());
        self.topic.len() + self.event.len() + self.payload.get().len() + references.sum::<usize>()
    }
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    join_ref: Option<Ref>,
    #[serde(default, rename = "ref")]
    reference: Option<Ref>,
    topic: String,
    event: String,
    payload: Box<RawValue>,
}

/// Nothing when the text is no frame: the real server ignores such silently.
pub(super) fn decode(version: Version, text: &str) -> Option<Incoming> {
    match version {
        Version::V1 => {
            let Object { join_ref, reference, topic, event, payload } = serde_json::from_str(text).ok()?;
            Some(Incoming { join_ref, reference, topic, event, payload })
        }
        Version::V2 => {
            let (join_ref, reference, topic, event, payload) = serde_json::from_str(text).ok()?;
            Some(Incoming { join_ref, reference, topic, event, payload })
        }
    }
}

/// What the server sends.
#[derive(Debug)]
pub(super) struct Outgoing<'a, P> {
    pub(super) join_ref: Option<&'a RawValue>,
    pub(super) reference: Option<&'a RawValue>,
    pub(super) topic: &'a str,
    pub(super) event: &'a str,
    pub(super) payload: P,
}

/// Version 1 carries no join_ref from the server.
#[derive(Serialize)]
struct ObjectOut<'a, P> {
    #[serde(rename = "ref")]
    reference: Option<&'a RawValue>,
    event: &'a str,
    payload: &'a P,
    topic: &'a str,
}

/// The frame's text; nothing when the payload cannot be JSON, which only a defect could bring about.
pub(super) fn encode<P: Serialize>(version: Version, message: &Outgoing<'_, P>) -> Option<Utf8Bytes> {
    let Outgoing { join_ref, reference, topic, event, payload } = message;
    let text = match version {
        Version::V1 => serde_json::to_string(&ObjectOut { reference: *reference, event, payload, topic }),
        Version::V2 => serde_json::to_string(&(join_ref, reference, topic, event, payload)),
    };
    text.inspect_err(|error| tracing::error!(%error, event, "a frame could not be written")).ok().map(Utf8Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn frames_are_those_of_the_recordings() {
        let (join, reference, payload) = (raw("\"6\""), raw("\"7\""), raw(r#"{"status":"ok","response":{}}"#));
        let reply = Outgoing {
            join_ref: Some(&*join),
            reference: Some(&*reference),
            topic: "realtime:room1",
            event: "phx_reply",
            payload: &*payload,
        };
        assert_eq!(
            encode(Version::V2, &reply).unwrap().as_str(),
            r#"["6","7","realtime:room1","phx_reply",{"status":"ok","response":{}}]"#
        );
        assert_eq!(
            encode(Version::V1, &reply).unwrap().as_str(),
            r#"{"ref":"7","event":"phx_reply","payload":{"status":"ok","response":{}},"topic":"realtime:room1"}"#
        );
    }

    #[test]
    fn both_versions_are_read_and_nonsense_is_not() {
        let heartbeat = decode(Version::V2, r#"[null,"1","phoenix","heartbeat",{}]"#).unwrap();
        assert!(heartbeat.join_ref.is_none());
        assert_eq!((heartbeat.topic.as_str(), heartbeat.event.as_str()), ("phoenix", "heartbeat"));
        assert_eq!(heartbeat.reference.unwrap().get(), "\"1\"");
        let first = decode(Version::V1, r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}"#).unwrap();
        assert_eq!(first.event, "heartbeat");
        for nonsense in ["{not json", "[1,2]", "7", "", "[null,null,null,null,null]"] {
            assert!(decode(Version::V2, nonsense).is_none(), "{nonsense}");
            assert!(decode(Version::V1, nonsense).is_none(), "{nonsense}");
        }
    }

    #[rstest::rstest]
    #[case(None, Some(Version::V1))]
    #[case(Some("1.0.5"), Some(Version::V1))]
    #[case(Some("2.0.0"), Some(Version::V2))]
    #[case(Some("2.1.0"), None)]
    #[case(Some("3.0.0"), None)]
    #[case(Some("x"), None)]
    fn versions_are_those_the_real_server_takes(#[case] vsn: Option<&str>, #[case] version: Option<Version>) {
        assert_eq!(Version::parse(vsn), version);
    }
}
