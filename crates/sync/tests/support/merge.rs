//! What the model server does with one column that two people changed. Written from docs/sync-protocol.md, not from the code under test.

use serde_json::{Value, json};

/// The fate of one column.
pub(crate) enum Merged {
    Keep,
    Write(Value),
    AskText,
}

/// `fresh`: nobody changed the record since the person saw it.
pub(crate) fn column(name: &str, fresh: bool, base: &Value, mine: &Value, theirs: &Value) -> Merged {
    if mine == theirs {
        return Merged::Keep;
    }
    if fresh || base == theirs {
        return Merged::Write(mine.clone());
    }
    match name {
        "notes" => Merged::AskText,
        "tags" => Merged::Write(union(base, mine, theirs)),
        _ => Merged::Write(mine.clone()),
    }
}

fn union(base: &Value, mine: &Value, theirs: &Value) -> Value {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (base, mine, theirs) = (list(base), list(mine), list(theirs));
    let mut all: Vec<Value> = theirs.iter().filter(|tag| !base.contains(tag) || mine.contains(tag)).cloned().collect();
    all.extend(mine.iter().filter(|tag| !base.contains(tag) && !theirs.contains(tag)).cloned());
    json!(all)
}
