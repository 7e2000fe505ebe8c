//! Rows in a leaf page of a table.

use rusqlite::types::Value;

use super::{
    PAGE,
    pages::{Page, Pages},
    u16_at, u32_at,
};

/// What a leaf page of a table begins with.
const LEAF: u8 = 0x0D;
/// No row of this app is larger; a length above it is damage.
const LARGEST: u64 = 64 << 20;

/// A row as it is stored: the row's number and its columns.
pub(super) struct Cell {
    pub(super) number: i64,
    pub(super) values: Vec<Value>,
}

/// Where the rows of a page begin, if it is a leaf of a table. The first page of a file has a header of 100 bytes before it.
pub(super) fn starts(page: &Page, number: u32) -> Vec<usize> {
    let at = if number == 1 { 100 } else { 0 };
    if page.get(at) != Some(&LEAF) {
        return Vec::new();
    }
    let count = u16_at(page, at + 3).unwrap_or(0) as usize;
    (0..count)
        .map_while(|index| u16_at(page, at + 8 + index * 2))
        .map(usize::from)
        .filter(|start| *start > at && *start < PAGE)
        .collect()
}

/// Reads the row at `start`, with the pages that it goes on in, if `wanted` likes the types of its columns.
pub(super) fn read(page: &Page, start: usize, pages: &mut Pages, wanted: fn(&[u64]) -> bool) -> Option<Cell> {
    let mut at = start;
    let size = varint(page, &mut at)?;
    let number = varint(page, &mut at)?.cast_signed();
    if size > LARGEST {
        return None;
    }
    let size = usize::try_from(size).ok()?;
    let local = local(size);
    let here = page.get(at..at.checked_add(local)?)?;
    let types = types(here)?;
    if !wanted(&types) {
        return None;
    }
    let mut payload = here.to_vec();
    if local < size {
        let mut next = u32_at(page, at + local)?;
        while payload.len() < size {
            if next < 2 || next > pages.last {
                // The rest is gone. What is there is read as far as it goes.
                break;
            }
            let more = pages.read(next);
            let rest = (size - payload.len()).min(PAGE - 4);
            payload.extend_from_slice(more.get(4..4 + rest)?);
            next = u32_at(more.as_slice(), 0)?;
        }
    }
    Some(Cell { number, values: values(&payload, &types)? })
}

/// How many bytes of a row are in the leaf page itself (section 1.6, "Cell Payload Overflow Pages").
fn local(size: usize) -> usize {
    let most = PAGE - 35;
    let least = (PAGE - 12) * 32 / 255 - 23;
    if size <= most {
        return size;
    }
    let kept = least + (size - least) % (PAGE - 4);
    if kept <= most { kept } else { least }
}

/// A number of one to nine bytes, seven bits in each but the ninth.
fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for index in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if index == 8 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7F);
        if byte < 0x80 {
            break;
        }
    }
    Some(value)
}

/// The types of a row's columns, from its header.
fn types(payload: &[u8]) -> Option<Vec<u64>> {
    let mut at = 0;
    let end = usize::try_from(varint(payload, &mut at)?).ok()?;
    let mut types = Vec::new();
    while at < end {
        types.push(varint(payload, &mut at)?);
    }
    (at == end).then_some(types)
}

/// The columns. One that does not fit its type is null, so that a broken row can still be shown as far as it is whole.
fn values(payload: &[u8], types: &[u64]) -> Option<Vec<Value>> {
    let mut at = 0;
    let mut rest = payload.get(usize::try_from(varint(payload, &mut at)?).ok()?..)?;
    let mut values = Vec::new();
    for kind in types {
        let length = usize::try_from(length(*kind)?).ok()?;
        let (bytes, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        values.push(if bytes.len() == length { value(*kind, bytes) } else { Value::Null });
    }
    Some(values)
}

fn length(kind: u64) -> Option<u64> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => Some(kind),
        5 => Some(6),
        6 | 7 => Some(8),
        10 | 11 => None,
        _ => Some((kind - 12) / 2),
    }
}

fn value(kind: u64, bytes: &[u8]) -> Value {
    match kind {
        0 => Value::Null,
        7 => bytes.try_into().map_or(Value::Null, |bytes| Value::Real(f64::from_be_bytes(bytes))),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        1..=6 => {
            let sign = if bytes.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
            Value::Integer(bytes.iter().fold(sign, |number: i64, byte| number << 8 | i64::from(*byte)))
        }
        _ if kind.is_multiple_of(2) => Value::Blob(bytes.to_vec()),
        _ => String::from_utf8(bytes.to_vec()).map_or(Value::Null, Value::Text),
    }
}
