//! Who is present in one room, and what everybody is told about it.
//!
//! A channel tracks at most one payload, under the key it joined with; channels of one key stand beside one another. A change costs
//! what the change is about, never what the room holds; only [`Book::state`] reads the whole.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Serialize, ser::SerializeMap};
use serde_json::value::RawValue;

/// What a client says about itself: a JSON object whose values are passed on as they were written.
pub(super) type Payload = BTreeMap<String, Box<RawValue>>;

/// Reads a payload; nothing when it is no object.
pub(super) fn payload(json: &str) -> Option<Payload> {
    serde_json::from_str(json).ok()
}

/// The bytes that a presence takes, but for a few.
pub(super) fn size(key: &str, payload: &Payload) -> usize {
    key.len() + payload.iter().map(|(name, value)| name.len() + value.get().len()).sum::<usize>()
}

/// Who is present, by key and, below it, by subscription.
#[derive(Debug, Default)]
pub(super) struct Book {
    keys: BTreeMap<String, BTreeMap<u64, Meta>>,
    tracked: HashMap<u64, String>,
}

/// One presence as clients see it: its reference, the one it replaces, and the payload.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    reference: String,
    previous: Option<String>,
    payload: Payload,
}

/// What changed: at most one presence that came and one that went, both under the same key.
#[derive(Clone, Debug)]
pub(super) struct Diff {
    key: String,
    join: Option<Meta>,
    leave: Option<Meta>,
}

impl Diff {
    /// The bytes of the presence that went.
    pub(super) fn left_size(&self) -> usize {
        self.leave.as_ref().map_or(0, |meta| size(&self.key, &meta.payload))
    }
}

/// The payload of `presence_state`.
#[derive(Debug)]
pub(super) struct State<'a>(&'a BTreeMap<String, BTreeMap<u64, Meta>>);

impl Book {
    /// Tracks `payload` for a subscription. Nothing changes when it tracks the same already.
    pub(super) fn track(&mut self, id: u64, key: &str, payload: Payload) -> Option<Diff> {
        let metas = self.keys.entry(key.to_owned()).or_default();
        if metas.get(&id).is_some_and(|meta| same(&meta.payload, &payload)) {
            return None;
        }
        let leave = metas.remove(&id);
        let previous = leave.as_ref().map(|meta| meta.reference.clone());
        let meta = Meta { reference: new_reference(), previous, payload };
        metas.insert(id, meta.clone());
        self.tracked.insert(id, key.to_owned());
        Some(Diff { key: key.to_owned(), join: Some(meta), leave })
    }

    /// Ends a subscription's presence, if it has one.
    pub(super) fn untrack(&mut self, id: u64) -> Option<Diff> {
        let key = self.tracked.remove(&id)?;
        let metas = self.keys.get_mut(&key)?;
        let leave = metas.remove(&id);
        if metas.is_empty() {
            self.keys.remove(&key);
        }
        Some(Diff { key, join: None, leave })
    }

    /// Everybody who is present.
    pub(super) fn state(&self) -> State<'_> {
        State(&self.keys)
    }

    /// How many are present.
    pub(super) fn len(&self) -> usize {
        self.tracked.len()
    }
}

/// Whether two payloads say the same, however they were written.
fn same(one: &Payload, other: &Payload) -> bool {
    let value = |raw: &RawValue| serde_json::from_str::<serde_json::Value>(raw.get()).ok();
    one.len() == other.len()
        && one.iter().zip(other).all(|((one_key, one), (other_key, other))| {
            one_key == other_key && (one.get() == other.get() || value(one) == value(other))
        })
}

/// Sixteen characters that no other presence of this hub has: the time and a count, as the real server's references look.
fn new_reference() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut bytes = [0; 12];
    let (time, count) = bytes.split_at_mut(8);
    // The low 64 bits of nanoseconds last for five hundred years.
    time.copy_from_slice(&(nanoseconds as u64).to_be_bytes());
    count.copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Serialize for Meta {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("phx_ref", &self.reference)?;
        if let Some(previous) = &self.previous {
            map.serialize_entry("phx_ref_prev", previous)?;
        }
        // References are the server's to give: a client's own would make the object say two things.
        for (name, value) in
            self.payload.iter().filter(|(name, _)| !matches!(name.as_str(), "phx_ref" | "phx_ref_prev"))
        {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Metas<T> {
    metas: T,
}

impl Serialize for Diff {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let side = |meta: &'_ Option<Meta>| -> BTreeMap<String, Metas<[Meta; 1]>> {
            meta.iter().map(|meta| (self.key.clone(), Metas { metas: [meta.clone()] })).collect()
        };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("joins", &side(&self.join))?;
        map.serialize_entry("leaves", &side(&self.leave))?;
        map.end()
    }
}

impl Serialize for State<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.0.iter().map(|(key, metas)| (key, Metas { metas: metas.values().collect::<Vec<_>>() })))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(value: Value) -> Payload {
        serde_json::from_value(value).unwrap()
    }

    fn seen(value: impl Serialize) -> Value {
        serde_json::to_value(value).unwrap()
    }

    #[test]
    fn a_change_names_the_meta_it_replaces_and_a_repetition_is_none() {
        let mut book = Book::default();
        let first = seen(book.track(1, "alice", of(json!({ "at": 1 }))).unwrap());
        let reference = first["joins"]["alice"]["metas"][0]["phx_ref"].clone();
        assert_eq!(
            first,
            json!({ "joins": { "alice": { "metas": [{ "phx_ref": reference, "at": 1 }] } }, "leaves": {} })
        );
        let spaced = payload(r#"{ "at" : 1 }"#).unwrap();
        assert!(book.track(1, "alice", spaced).is_none());
        let second = seen(book.track(1, "alice", of(json!({ "at": 2 }))).unwrap());
        assert_eq!(second["joins"]["alice"]["metas"][0]["phx_ref_prev"], reference);
        assert_eq!(second["leaves"]["alice"]["metas"], json!([{ "phx_ref": reference, "at": 1 }]));
        assert_ne!(second["joins"]["alice"]["metas"][0]["phx_ref"], reference);
        // After leaving, a new presence replaces none.
        assert!(book.untrack(1).is_some() && book.untrack(1).is_none());
        let third = seen(book.track(1, "alice", of(json!({ "at": 2 }))).unwrap());
        assert!(third["joins"]["alice"]["metas"][0].get("phx_ref_prev").is_none());
    }

    #[test]
    fn channels_of_one_key_stand_side_by_side_and_nothing_is_left_of_them() {
        let mut book = Book::default();
        book.track(1, "alice", of(json!({ "tab": 1 }))).unwrap();
        book.track(2, "alice", of(json!({ "tab": 2 }))).unwrap();
        assert_eq!(seen(book.state())["alice"]["metas"].as_array().unwrap().len(), 2);
        let left = seen(book.untrack(1).unwrap());
        assert_eq!(left["leaves"]["alice"]["metas"][0]["tab"], 1);
        assert_eq!(seen(book.state())["alice"]["metas"][0]["tab"], 2);
        book.untrack(2).unwrap();
        assert_eq!(seen(book.state()), json!({}));
        assert!(book.keys.is_empty() && book.len() == 0);
    }

    #[test]
    fn a_diff_is_as_large_as_the_change_however_many_are_present() {
        let mut book = Book::default();
        let written = |diff: Diff| serde_json::to_string(&diff).unwrap().len();
        let alone = written(book.track(1, "alice", of(json!({ "at": 1 }))).unwrap());
        for id in 2..5_000 {
            // Half of them under one key.
            let key = if id % 2 == 0 { "alice".to_owned() } else { format!("k{id}") };
            assert_eq!(written(book.track(id, &key, of(json!({ "at": 1 }))).unwrap()), alone - 5 + key.len());
        }
        book.untrack(1).unwrap();
        assert_eq!(written(book.track(1, "alice", of(json!({ "at": 2 }))).unwrap()), alone);
    }

    #[test]
    fn numbers_keep_their_digits_and_references_cannot_be_forged() {
        let mut book = Book::default();
        let written = r#"{"n":123456789012345678901234567890.5,"phx_ref":"mine"}"#;
        let diff = serde_json::to_string(&book.track(1, "k", payload(written).unwrap()).unwrap()).unwrap();
        assert!(diff.contains("123456789012345678901234567890.5") && !diff.contains("mine"), "{diff}");
        for no_object in ["\"x\"", "[1]", "null", "7"] {
            assert!(payload(no_object).is_none(), "{no_object}");
        }
    }
}
