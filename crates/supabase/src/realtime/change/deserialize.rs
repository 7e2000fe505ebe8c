//! serde over rows and values.

use std::fmt::{self, Display};

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use uuid::Uuid;

use super::{ColumnValue, Row};

/// A row, or a value, that is not of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RowError {
    /// The column it is about; none when a field has no column, or for a value alone.
    pub column: Option<String>,
    /// What is wrong with it.
    pub message: String,
}

impl Display for RowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(formatter, "column {column}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}

impl de::Error for RowError {
    fn custom<T: Display>(message: T) -> Self {
        Self { column: None, message: message.to_string() }
    }

    // The values of rows are somebody's data, and errors end up in logs.
    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("{} where {expected} was expected", kind_of(&unexpected)))
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format_args!("{} that is not {expected}", kind_of(&unexpected)))
    }

    fn unknown_variant(_variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("none of {}", expected.join(", ")))
    }
}

fn kind_of(unexpected: &de::Unexpected<'_>) -> &'static str {
    match unexpected {
        de::Unexpected::Bool(_) => "a boolean",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "an integer",
        de::Unexpected::Float(_) => "a float",
        de::Unexpected::Char(_) | de::Unexpected::Str(_) => "a text",
        de::Unexpected::Bytes(_) => "bytes",
        de::Unexpected::Unit | de::Unexpected::Option => "null",
        de::Unexpected::Seq => "an array",
        de::Unexpected::Map => "an object",
        _ => "another value",
    }
}

/// A value with its column's name, for the error.
struct Named<'de>(&'de str, &'de ColumnValue);

impl<'de> IntoDeserializer<'de, RowError> for Named<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> IntoDeserializer<'de, RowError> for &'de ColumnValue {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &'de Row {
    type Error = RowError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        visitor.visit_map(MapDeserializer::new(self.iter().map(|(name, value)| (name, Named(name, value)))))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, RowError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        if self.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// Every way to ask a named value: the same of the value, with the name put to the error.
macro_rules! named {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {
        $(
            fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, RowError> {
                let Self(name, value) = self;
                value.$method($($argument,)* visitor).map_err(|error| {
                    RowError { column: Some(error.column.unwrap_or_else(|| name.to_owned())), ..error }
                })
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Named<'de> {
    type Error = RowError;

    named! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string() deserialize_bytes()
        deserialize_byte_buf() deserialize_option() deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str) deserialize_seq() deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize) deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) deserialize_identifier()
        deserialize_ignored_any()
    }
}

/// Ways to ask a value that only matter for JSON, which has to know them; all other values say what they are.
macro_rules! by_json_or_any {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {
        $(
            fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, RowError> {
                match self {
                    ColumnValue::Json(json) => {
                        serde_json::Deserializer::from_str(json.as_str()).$method($($argument,)* visitor).map_err(of_json)
                    }
                    _ => self.deserialize_any(visitor),
                }
            }
        )*
    };
}

/// Numbers: a `numeric` that is one of the wanted kind is given as such.
macro_rules! numbers {
    ($($method:ident: $type:ty => $visit:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
                match self {
                    ColumnValue::Json(json) => {
                        serde_json::Deserializer::from_str(json.as_str()).$method(visitor).map_err(of_json)
                    }
                    ColumnValue::Numeric(numeric) => match whole(numeric.as_str()).parse::<$type>() {
                        Ok(number) => visitor.$visit(number),
                        Err(_) => Err(de::Error::custom(concat!("a number that is no ", stringify!($type)))),
                    },
                    _ => self.deserialize_any(visitor),
                }
            }
        )*
    };
}

/// Without the zeros behind its point, if there are only zeros: `5.00` is an integer.
fn whole(number: &str) -> &str {
    match number.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        _ => number,
    }
}

/// serde_json's messages quote what was found, so only its kind is kept.
fn of_json(error: serde_json::Error) -> RowError {
    let message = match error.classify() {
        serde_json::error::Category::Data => "its JSON is of another shape than was expected",
        _ => "its JSON nests too deeply",
    };
    de::Error::custom(message)
}

impl<'de> Deserializer<'de> for &'de ColumnValue {
    type Error = RowError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        match self {
            ColumnValue::Null => visitor.visit_unit(),
            ColumnValue::Bool(value) => visitor.visit_bool(*value),
            ColumnValue::Int(value) => visitor.visit_i64(*value),
            ColumnValue::Float(value) => visitor.visit_f64(*value),
            ColumnValue::Numeric(value) => visitor.visit_borrowed_str(value.as_str()),
            ColumnValue::Uuid(value) => visitor.visit_str(value.hyphenated().encode_lower(&mut Uuid::encode_buffer())),
            ColumnValue::Bytes(value) => visitor.visit_borrowed_bytes(value),
            ColumnValue::Json(json) => {
                serde_json::Deserializer::from_str(json.as_str()).deserialize_any(visitor).map_err(of_json)
            }
            ColumnValue::Array(values) => visitor.visit_seq(SeqDeserializer::new(values.iter())),
            ColumnValue::Text(value) => visitor.visit_borrowed_str(value),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        match self {
            ColumnValue::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, RowError> {
        match self {
            // The name is how serde_json recognises its raw values.
            ColumnValue::Json(json) => serde_json::Deserializer::from_str(json.as_str())
                .deserialize_newtype_struct(name, visitor)
                .map_err(of_json),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        match self {
            ColumnValue::Bytes(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RowError> {
        match self {
            ColumnValue::Text(text) => visitor.visit_enum((**text).into_deserializer()),
            ColumnValue::Json(json) => serde_json::Deserializer::from_str(json.as_str())
                .deserialize_enum(name, variants, visitor)
                .map_err(of_json),
            _ => self.deserialize_any(visitor),
        }
    }

    numbers! {
        deserialize_i8: i8 => visit_i8
        deserialize_i16: i16 => visit_i16
        deserialize_i32: i32 => visit_i32
        deserialize_i64: i64 => visit_i64
        deserialize_i128: i128 => visit_i128
        deserialize_u8: u8 => visit_u8
        deserialize_u16: u16 => visit_u16
        deserialize_u32: u32 => visit_u32
        deserialize_u64: u64 => visit_u64
        deserialize_u128: u128 => visit_u128
        deserialize_f32: f32 => visit_f32
        deserialize_f64: f64 => visit_f64
    }

    by_json_or_any! {
        deserialize_bool() deserialize_char() deserialize_str() deserialize_string() deserialize_bytes()
        deserialize_byte_buf() deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_tuple(length: usize) deserialize_tuple_struct(name: &'static str, length: usize) deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) deserialize_identifier()
        deserialize_ignored_any()
    }
}
