//! What the model server does with one column that two people changed. Written from docs/sync-protocol.md, not from the code under test.

use serde_json::{Value, json};

/// The fate of one column.
pub enum Merged {
    /// It stays as it is.
    Keep,
    /// It becomes this.
    Write(Value),
    /// The client merges the text.
    AskText,
    /// A person chooses.
    Ask,
}

/// `fresh`: nobody changed the record since the person saw it.
pub fn column(tbl: &str, name: &str, fresh: bool, base: &Value, mine: &Value, theirs: &Value) -> Merged {
    if mine == theirs {
        return Merged::Keep;
    }
    if fresh || base == theirs {
        return Merged::Write(mine.clone());
    }
    match (tbl, name) {
        (_, "notes") | ("projects", "description") | ("comments", "body") => Merged::AskText,
        ("project_budgets", _) => Merged::Ask,
        (_, "tags" | "mentions") => Merged::Write(union(base, mine, theirs)),
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
