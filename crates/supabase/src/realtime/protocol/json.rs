//! JSON that is carried without being looked into.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::DecodeError;
use super::scan::Cursor;

/// One JSON value as its text: valid, and untouched.
///
/// Nothing is converted before somebody asks with [`get`](Self::get), and then straight into the wanted type: a number of forty digits
/// reaches a decimal type whole, which no tree of values made for doubles could do. Two are equal when their texts are, so
/// `{"a":1}` and `{ "a": 1 }` differ; compare [`get`](Self::get)'s results where that matters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Box<str>);

impl Json {
    /// The JSON of a value.
    ///
    /// # Errors
    /// When the value has no JSON: a map whose keys are no strings, or an error of its own [`Serialize`].
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|text| Self(text.into_boxed_str()))
    }

    /// What the scanner has found to be one value.
    pub(crate) fn scanned(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value as a Rust type. It can borrow from here.
    ///
    /// # Errors
    /// When the JSON is not of that type, or nests deeper than serde_json's 128 levels.
    #[inline]
    pub fn get<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        // As serde_json's own function does it, save that a large struct is not moved on the way.
        let mut deserializer = serde_json::Deserializer::from_str(&self.0);
        let value = T::deserialize(&mut deserializer);
        if value.is_ok() {
            deserializer.end()?;
        }
        value
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }
}

impl Default for Json {
    /// `null`.
    fn default() -> Self {
        Self("null".into())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Json {
    type Err = DecodeError;

    /// Takes a text that is exactly one JSON value; space around it is dropped.
    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(text);
        let value = cursor.skip()?;
        cursor.finish()?;
        Ok(Self::scanned(value))
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(value.to_string().into_boxed_str())
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw.into())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = self.get().map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self::from)
    }
}
