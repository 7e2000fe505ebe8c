//! The recorded broadcasts and presences as an application holds them: structs, each field in its real type.

use std::hint::black_box;

use serde::Deserialize;

/// What the recorded clients and the database sent: a few fields of a message, or what a trigger reports of a row.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message {
    n: Option<f64>,
    a: Option<i64>,
    u: Option<String>,
    s: Option<String>,
    id: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    operation: Option<Operation>,
    record: Option<Record>,
    old_record: Option<Record>,
}

/// What happened to the row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Operation {
    Insert,
    Update,
    Delete,
}

/// The row.
#[derive(Debug, Deserialize)]
struct Record {
    #[serde(rename = "id")]
    _id: i64,
    #[serde(rename = "t")]
    _text: String,
}

/// What the recorded people tracked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Person {
    name: Option<String>,
    at: Option<i64>,
    i: Option<i64>,
}

impl Message {
    /// How many values there are to touch. Of a report by a trigger one of the two rows can be null, which is a value, too.
    pub(crate) fn leaves(&self) -> u64 {
        black_box(self);
        let there = [
            self.n.is_some(),
            self.a.is_some(),
            self.u.is_some(),
            self.s.is_some(),
            self.id.is_some(),
            self.schema.is_some(),
            self.table.is_some(),
            self.operation.is_some(),
        ];
        let rows = [&self.record, &self.old_record].map(|row| row.as_ref().map_or(1, |_| 2));
        let rows = if self.operation.is_some() { rows.into_iter().sum() } else { 0 };
        there.into_iter().map(u64::from).sum::<u64>() + rows
    }
}

impl Person {
    /// How many values there are to touch.
    pub(crate) fn leaves(&self) -> u64 {
        black_box(self);
        [self.name.is_some(), self.at.is_some(), self.i.is_some()].into_iter().map(u64::from).sum()
    }
}
