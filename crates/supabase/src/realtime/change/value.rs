//! The values of a row, each in the type of its column and without loss.

use bytes::Bytes;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The columns of a row in the server's order, with the name of each column's type.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    columns: Vec<(String, ColumnValue)>,
}

impl Row {
    /// The value of a column; none when the server left it out.
    pub fn get(&self, column: &str) -> Option<&ColumnValue> {
        self.columns.iter().find(|(name, _)| name == column).map(|(_, value)| value)
    }

    /// Columns and values in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ColumnValue)> {
        self.columns.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}

/// A decimal number of any length, exactly as the database wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Numeric(String);

impl Numeric {
    /// The decimal text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A value in the type of its column.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ColumnValue {
    /// SQL's null. Also what the server makes of `NaN` and the infinities of `numeric` and the floats.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int2`, `int4`, `int8`, `oid`.
    Int(i64),
    /// `float4`, `float8`.
    Float(f64),
    /// `numeric` and `money`.
    Numeric(Numeric),
    /// `uuid`.
    Uuid(Uuid),
    /// `bytea`.
    Bytes(Bytes),
    /// `json`, `jsonb`: the text as the server sent it, numbers untouched.
    Json(Box<RawValue>),
    /// An array; its elements are in the element's type.
    Array(Vec<ColumnValue>),
    /// `text`, `varchar`, enumerations, dates and times (in PostgreSQL's ISO text), intervals, and every type not named above.
    Text(String),
}

impl PartialEq for ColumnValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Numeric(a), Self::Numeric(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Json(a), Self::Json(b)) => a.get() == b.get(),
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}
