//! The row of the recorded tables as an application holds it: a column of every type that matters, each in its real type.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::canon;

/// A row. `N` is what the library makes of `numeric`.
#[derive(Debug, Deserialize)]
#[serde(default, bound(deserialize = "N: Deserialize<'de>"))]
#[allow(missing_docs, reason = "the columns of the recorded table")]
pub(crate) struct Everything<N> {
    #[serde(deserialize_with = "present")]
    pub(crate) id: Column<i64>,
    #[serde(deserialize_with = "present")]
    pub(crate) tenant_id: Column<Uuid>,
    #[serde(deserialize_with = "present")]
    pub(crate) n: Column<N>,
    #[serde(deserialize_with = "present")]
    pub(crate) i8: Column<i64>,
    #[serde(deserialize_with = "present")]
    pub(crate) f8: Column<f64>,
    #[serde(deserialize_with = "present")]
    pub(crate) ok: Column<bool>,
    #[serde(deserialize_with = "present")]
    pub(crate) ts: Column<Instant>,
    #[serde(deserialize_with = "present")]
    pub(crate) tsn: Column<Wall>,
    #[serde(deserialize_with = "present")]
    pub(crate) d: Column<Day>,
    #[serde(deserialize_with = "present")]
    pub(crate) tm: Column<String>,
    #[serde(deserialize_with = "present")]
    pub(crate) u: Column<Uuid>,
    #[serde(deserialize_with = "present")]
    pub(crate) j: Column<Value>,
    #[serde(deserialize_with = "present")]
    pub(crate) js: Column<Value>,
    #[serde(deserialize_with = "present")]
    pub(crate) t: Column<String>,
    #[serde(deserialize_with = "present")]
    pub(crate) vc: Column<String>,
    #[serde(deserialize_with = "present")]
    pub(crate) b: Column<Hex>,
    #[serde(deserialize_with = "present")]
    pub(crate) arr: Column<Vec<Option<String>>>,
    #[serde(deserialize_with = "present")]
    pub(crate) m: Column<String>,
    #[serde(deserialize_with = "present")]
    pub(crate) iv: Column<String>,
    #[serde(rename = "gen", deserialize_with = "present")]
    pub(crate) generated: Column<i32>,
}

impl<N> Default for Everything<N> {
    fn default() -> Self {
        Self {
            id: None,
            tenant_id: None,
            n: None,
            i8: None,
            f8: None,
            ok: None,
            ts: None,
            tsn: None,
            d: None,
            tm: None,
            u: None,
            j: None,
            js: None,
            t: None,
            vc: None,
            b: None,
            arr: None,
            m: None,
            iv: None,
            generated: None,
        }
    }
}

/// A column: missing, null, or with a value.
pub(crate) type Column<T> = Option<Option<T>>;

/// `timestamptz`.
#[derive(Debug)]
pub(crate) enum Instant {
    /// An instant.
    At(Timestamp),
    /// `infinity` and its kin, which no calendar has.
    Other(String),
}

/// `timestamp`.
#[derive(Debug)]
pub(crate) enum Wall {
    /// A time of a calendar and a clock on the wall.
    At(DateTime),
    /// `infinity` and its kin.
    Other(String),
}

/// `date`.
#[derive(Debug)]
pub(crate) enum Day {
    /// A day.
    On(Date),
    /// `infinity` and its kin.
    Other(String),
}

/// `bytea`.
#[derive(Debug)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

/// What a `numeric` says, with as many digits as it still has.
pub(crate) trait Digits {
    /// The decimal text.
    fn digits(&self) -> String;
}

/// Every digit, as the database wrote it.
#[derive(Debug, Deserialize)]
pub(crate) struct Exact(Box<str>);

impl Digits for Exact {
    fn digits(&self) -> String {
        self.0.to_string()
    }
}

impl Digits for f64 {
    fn digits(&self) -> String {
        self.to_string()
    }
}

/// A type that is made of a text, without a copy of it first.
struct FromText<T>(PhantomData<T>);

impl<T: for<'a> From<&'a str>> Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        Ok(T::from(text))
    }
}

macro_rules! from_text {
    ($name:ident, $known:ident) => {
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                text.parse().map_or_else(|_| Self::Other(text.to_owned()), Self::$known)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(FromText(PhantomData))
            }
        }
    };
}

from_text!(Instant, At);
from_text!(Wall, At);
from_text!(Day, On);

/// Bytes where the library has made them, else the server's hexadecimal text.
struct HexVisitor;

impl Visitor<'_> for HexVisitor {
    type Value = Hex;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes, or their hexadecimal text")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Hex, E> {
        Ok(Hex(bytes.to_vec()))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hex, E> {
        let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
        let pair = |pair: &[u8]| u8::try_from(digit(pair.first())? << 4 | digit(pair.get(1))?).ok();
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        bytes.map(Hex).ok_or_else(|| serde::de::Error::custom("bytea in another form"))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HexVisitor)
    }
}

/// Tells a column that is null from one that is missing.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Column<T>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl<N: Digits> Everything<N> {
    /// How many columns there are to touch.
    pub(crate) fn leaves(&self) -> u64 {
        let there = [
            self.id.is_some(),
            self.tenant_id.is_some(),
            self.n.is_some(),
            self.i8.is_some(),
            self.f8.is_some(),
            self.ok.is_some(),
            self.ts.is_some(),
            self.tsn.is_some(),
            self.d.is_some(),
            self.tm.is_some(),
            self.u.is_some(),
            self.j.is_some(),
            self.js.is_some(),
            self.t.is_some(),
            self.vc.is_some(),
            self.b.is_some(),
            self.arr.is_some(),
            self.m.is_some(),
            self.iv.is_some(),
            self.generated.is_some(),
        ];
        std::hint::black_box(self);
        there.into_iter().map(u64::from).sum()
    }

    /// The row for the comparison.
    pub(crate) fn canon(&self) -> Value {
        let mut row = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                row.insert(name.to_owned(), value);
            }
        };
        put("id", column(&self.id, |value| json!({"i": value.to_string()})));
        put("tenant_id", column(&self.tenant_id, |value| json!(value.to_string())));
        put("n", column(&self.n, |value| json!({"num": value.digits()})));
        put("i8", column(&self.i8, |value| json!({"i": value.to_string()})));
        put("f8", column(&self.f8, |value| canon::double(*value)));
        put("ok", column(&self.ok, |value| json!(value)));
        put("ts", column(&self.ts, Instant::canon));
        put("tsn", column(&self.tsn, Wall::canon));
        put("d", column(&self.d, Day::canon));
        put("tm", column(&self.tm, |value| json!(value)));
        put("u", column(&self.u, |value| json!(value.to_string())));
        put("j", column(&self.j, canon::plain));
        put("js", column(&self.js, canon::plain));
        put("t", column(&self.t, |value| json!(value)));
        put("vc", column(&self.vc, |value| json!(value)));
        put("b", column(&self.b, |value| canon::bytes(&value.0)));
        put("arr", column(&self.arr, |value| json!(value)));
        put("m", column(&self.m, |value| json!(value)));
        put("iv", column(&self.iv, |value| json!(value)));
        put("gen", column(&self.generated, |value| json!({"i": value.to_string()})));
        Value::Object(row)
    }
}

fn column<T>(column: &Column<T>, canon: impl FnOnce(&T) -> Value) -> Option<Value> {
    column.as_ref().map(|value| value.as_ref().map_or(Value::Null, canon))
}

impl Instant {
    fn canon(&self) -> Value {
        match self {
            Self::At(at) => json!({"us": at.as_microsecond().to_string()}),
            Self::Other(text) => json!({"other": text}),
        }
    }
}

impl Wall {
    fn canon(&self) -> Value {
        match self {
            Self::At(at) => match TimeZone::UTC.to_timestamp(*at) {
                Ok(at) => json!({"us": at.as_microsecond().to_string()}),
                Err(_) => json!({"other": at.to_string()}),
            },
            Self::Other(text) => json!({"other": text}),
        }
    }
}

impl Day {
    fn canon(&self) -> Value {
        match self {
            Self::On(day) => json!({"day": day.to_string()}),
            Self::Other(text) => json!({"other": text}),
        }
    }
}
