//! What has to hold for any bytes whatever, called by the property tests here and by `fuzz/`.

#![allow(unreachable_pub, reason = "public for fuzz/, which has this file too")]

use std::collections::BTreeMap;

use cockpit_supabase::realtime::change::{ColumnValue, Row};
use cockpit_supabase::realtime::protocol::{BroadcastPayload, Decoder, Json, ServerMessage};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

/// A change with the given record, in every type.
pub fn change_of(record: &str) -> String {
    let columns = r#"[{"name":"i","type":"int8"},{"name":"f","type":"float8"},{"name":"n","type":"numeric"},{"name":"u","type":"uuid"},{"name":"b","type":"bytea"},{"name":"j","type":"jsonb"},{"name":"t","type":"text"},{"name":"ok","type":"bool"},{"name":"ai","type":"_int8"},{"name":"at","type":"_text"},{"name":"aj","type":"_jsonb"},{"name":"ab","type":"_bytea"}]"#;
    format!(
        r#"[null,null,"realtime:t","postgres_changes",{{"ids":[1],"data":{{"table":"t","schema":"public","type":"INSERT","record":{record},"columns":{columns},"errors":null,"commit_timestamp":null}}}}]"#
    )
}

/// A text frame is read or refused, and what a decoder remembers from before changes nothing.
pub fn text(decoder: &mut Decoder, bytes: &[u8]) {
    let Ok(frame) = std::str::from_utf8(bytes) else { return };
    let (used, fresh) = (decoder.text(frame), Decoder::new().text(frame));
    assert_eq!(used.is_ok(), fresh.is_ok(), "{used:?} and {fresh:?} of {frame}");
    if let (Ok(used), Ok(fresh)) = (used, fresh) {
        // By their text, because NaN is not equal to itself.
        assert_eq!(format!("{used:?}"), format!("{fresh:?}"));
        look_at(&used);
    }
}

/// A binary frame is read or refused.
pub fn binary(bytes: &[u8]) {
    if let Ok(message) = Decoder::new().binary(&bytes::Bytes::copy_from_slice(bytes)) {
        look_at(&message);
    }
}

/// The scanner takes exactly the JSON that serde_json takes.
pub fn json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (ours, theirs) = (text.parse::<Json>(), serde_json::from_str::<&RawValue>(text));
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} and {theirs:?} of {text}");
    if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
        assert_eq!(ours.as_str(), theirs.get());
    }
}

/// A record is read or refused with its frame, and asked for as anything.
pub fn record(bytes: &[u8]) {
    let Ok(record) = std::str::from_utf8(bytes) else { return };
    if let Ok(message) = Decoder::new().text(&change_of(record)) {
        look_at(&message);
    }
}

fn look_at(message: &ServerMessage) {
    match message {
        ServerMessage::PostgresChange { change, .. } => {
            look_at_row(&change.record);
            look_at_row(&change.old_record);
        }
        ServerMessage::Broadcast { payload: BroadcastPayload::Json(payload), .. } => look_at_json(payload),
        ServerMessage::PresenceState { presences, .. } => {
            presences.iter().flat_map(|(_, list)| list).for_each(|presence| look_at_json(&presence.payload));
        }
        _ => {}
    }
}

/// Carried JSON is JSON.
fn look_at_json(json: &Json) {
    assert!(serde_json::from_str::<&RawValue>(json.as_str()).is_ok(), "{json}");
    json.get::<Value>().ok();
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only that nothing panics on the way to the fields")]
struct Typed<'a> {
    i: Option<i64>,
    f: Option<f64>,
    n: Option<&'a str>,
    u: Option<Uuid>,
    b: Option<Vec<u8>>,
    j: Option<Value>,
    t: Option<String>,
    ok: Option<bool>,
    ai: Option<Vec<Option<i32>>>,
    at: Option<Vec<Option<String>>>,
}

fn look_at_row(row: &Row) {
    row.deserialize::<Typed<'_>>().map(drop).unwrap_or_else(|error| assert!(!error.to_string().is_empty()));
    assert!(row.deserialize::<IgnoredAny>().is_ok());
    row.deserialize::<BTreeMap<String, Value>>().ok();
    for (name, value) in row.iter() {
        assert!(row.get(name).is_some());
        value.get::<u8>().ok();
        value.get::<Uuid>().ok();
        value.get::<Vec<Vec<f64>>>().ok();
        if let ColumnValue::Json(json) = value {
            look_at_json(json);
        }
    }
}
