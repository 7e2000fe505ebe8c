//! A value of a column.

use uuid::Uuid;

use super::Result;
use crate::realtime::change::columns::{ColumnKind, Scalar};
use crate::realtime::change::{ColumnValue, Numeric};
use crate::realtime::protocol::Json;
use crate::realtime::protocol::scan::{Cursor, Token};

/// Dimensions of an array, as many as PostgreSQL has. What nests deeper is no array of its own.
const DIMENSIONS: usize = 6;

const UNDESCRIBED: ColumnKind = ColumnKind { scalar: Scalar::Plain, array: false };

pub(super) fn read(cursor: &mut Cursor<'_>, kind: Option<ColumnKind>) -> Result<ColumnValue> {
    let kind = kind.unwrap_or(UNDESCRIBED);
    if kind.array && cursor.token()? == Token::Array {
        return array(cursor, kind.scalar, DIMENSIONS);
    }
    scalar(cursor, kind.scalar)
}

fn array(cursor: &mut Cursor<'_>, kind: Scalar, dimensions: usize) -> Result<ColumnValue> {
    let mut values = Vec::new();
    cursor.elements(|cursor| {
        // An array within an array of jsonb can be JSON's own.
        let inner = dimensions > 1 && kind != Scalar::Json && cursor.token()? == Token::Array;
        values.push(if inner { array(cursor, kind, dimensions - 1)? } else { scalar(cursor, kind)? });
        Ok(())
    })?;
    Ok(ColumnValue::Array(values.into_boxed_slice()))
}

#[inline]
fn scalar(cursor: &mut Cursor<'_>, kind: Scalar) -> Result<ColumnValue> {
    Ok(match (cursor.token()?, kind) {
        (Token::Null, _) => {
            cursor.null()?;
            ColumnValue::Null
        }
        (_, Scalar::Json) | (Token::Array | Token::Object, _) => ColumnValue::Json(Json::scanned(cursor.skip()?)),
        (Token::Bool, _) => ColumnValue::Bool(cursor.boolean()?),
        (Token::Number, kind) => number(cursor.number()?, kind),
        (Token::String, kind) => string(&cursor.string()?, kind),
    })
}

fn number(text: &str, kind: Scalar) -> ColumnValue {
    let read = match kind {
        Scalar::Int => text.parse().ok().map(ColumnValue::Int),
        // A number beyond the type's range keeps its digits instead of becoming infinite.
        Scalar::Float => text.parse().ok().filter(|float: &f64| float.is_finite()).map(ColumnValue::Float),
        _ => None,
    };
    read.unwrap_or_else(|| ColumnValue::Numeric(Numeric::scanned(text)))
}

fn string(text: &str, kind: Scalar) -> ColumnValue {
    let read = match kind {
        // PostgreSQL's own conversion to JSON, which elements of arrays go through, makes text of an oid.
        Scalar::Int => text.parse().ok().map(ColumnValue::Int),
        Scalar::Float => match text {
            "NaN" => Some(ColumnValue::Float(f64::NAN)),
            "Infinity" => Some(ColumnValue::Float(f64::INFINITY)),
            "-Infinity" => Some(ColumnValue::Float(f64::NEG_INFINITY)),
            _ => None,
        },
        Scalar::Uuid => Uuid::try_parse(text).ok().map(ColumnValue::Uuid),
        // A value of its own comes without `\x`, an element of an array with it.
        Scalar::Bytes => hex(text.strip_prefix("\\x").unwrap_or(text)).map(ColumnValue::Bytes),
        Scalar::Json | Scalar::Plain => None,
    };
    read.unwrap_or_else(|| ColumnValue::Text(text.into()))
}

fn hex(text: &str) -> Option<Box<[u8]>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
