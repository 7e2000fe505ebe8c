//! The values of a row, each in the type of its column and without loss.

use std::fmt;

use serde::Deserialize;
use uuid::Uuid;

use super::RowError;
use crate::realtime::protocol::Json;

/// A decimal number of any length, exactly as the database wrote it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Numeric(Box<str>);

impl Numeric {
    pub(crate) fn scanned(text: &str) -> Self {
        Self(text.into())
    }

    /// The decimal text, for a decimal type of your choice.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Numeric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A value in the type of its column.
///
/// A value that does not look like its column's type (another server may write it otherwise) is not lost: it comes as what its JSON
/// is, a string as [`Text`](Self::Text), a number as [`Numeric`](Self::Numeric), anything else as [`Json`](Self::Json).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ColumnValue {
    /// SQL's null. Also what the server makes of `NaN` and the infinities of `numeric` and the floats, and of a `jsonb` null.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int2`, `int4`, `int8`, `oid`.
    Int(i64),
    /// `float4`, `float8`.
    Float(f64),
    /// `numeric`, and the numbers of types not named here (a domain over `int8`, for instance).
    Numeric(Numeric),
    /// `uuid`.
    Uuid(Uuid),
    /// `bytea`.
    Bytes(Box<[u8]>),
    /// `json`, `jsonb`: the text as the server sent it, numbers untouched.
    Json(Json),
    /// An array; its elements are in the element's type. One of several dimensions is an array of arrays, save for one of `jsonb`, whose
    /// inner arrays cannot be told from JSON's own.
    Array(Box<[ColumnValue]>),
    /// `text`, `varchar`, enumerations, dates and times, intervals, `money`, and every type not named above. Dates and times are in
    /// PostgreSQL's ISO text, which also has `infinity`, `-infinity` and years before Christ (`0044-03-15 BC`), so that few date types
    /// could hold all of them.
    Text(Box<str>),
}

impl ColumnValue {
    /// The value as a Rust type, converted only where nothing is lost; see [`Row::deserialize`](super::Row::deserialize).
    ///
    /// # Errors
    /// When the value is not of that type.
    pub fn get<'a, T: Deserialize<'a>>(&'a self) -> Result<T, RowError> {
        T::deserialize(self)
    }

    /// The text of a [`Text`](Self::Text).
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is SQL's null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}
