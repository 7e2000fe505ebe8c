//! What a frame means, as JSON that contestants in three languages write alike. Values that a language or library may not be able to
//! hold are tagged with their type, so that the comparison can tell a rounded value from a wrong one.

use serde_json::{Map, Value, json};

/// A JSON value with every number as the bits of its double: how languages print numbers differs.
pub(crate) fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => double(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        other => other.clone(),
    }
}

/// A double.
pub(crate) fn double(number: f64) -> Value {
    json!({"d": format!("{:016x}", number.to_bits())})
}

/// Bytes.
pub(crate) fn bytes(bytes: &[u8]) -> Value {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    json!({"bytes": text})
}

/// A broadcast.
pub(crate) fn broadcast(event: &str, id: Option<&str>, payload: Value) -> Value {
    json!({"k": "broadcast", "event": event, "id": id, "payload": payload})
}

/// A change of a table.
pub(crate) fn change(kind: &str, table: &str, committed: &str, record: Value, old: Value) -> Value {
    json!({"k": "change", "kind": kind, "table": table, "committed": committed, "record": record, "old": old})
}

/// Who came and who went: key, reference and payload of each, in any order.
pub(crate) fn presence(joins: Vec<Value>, leaves: Vec<Value>) -> Value {
    json!({"k": "presence", "joins": joins, "leaves": leaves})
}

/// One presence. The reference to the one before is no part of it: not every library passes it on.
pub(crate) fn present(key: &str, reference: &str, payload: impl IntoIterator<Item = (String, Value)>) -> Value {
    let payload: Map<String, Value> = payload.into_iter().filter(|(name, _)| name != "phx_ref_prev").collect();
    json!([key, reference, plain(&Value::Object(payload))])
}

/// A reply.
pub(crate) fn reply(ok: bool) -> Value {
    json!({"k": "reply", "ok": ok})
}

/// A word of the server about a channel.
pub(crate) fn system(status: &str, message: &str) -> Value {
    json!({"k": "system", "status": status, "message": message})
}

/// A frame that could not be decoded.
pub(crate) fn refused(error: &str) -> Value {
    json!({"k": "refused", "error": error})
}
