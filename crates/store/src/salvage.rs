//! Reading the outbox out of a damaged file, page by page, without asking SQLite to make sense of the file as a whole.
//!
//! SQLite reaches a row through the header, the schema and the inner pages of its table; when one of them is broken, what lies behind it is lost
//! to it. The changes of a person exist nowhere else, so here every page that looks like a leaf of a table is taken by itself, and every row in
//! it that looks like an outbox entry is kept. The file format is that of <https://sqlite.org/fileformat2.html>, sections 1.3 to 1.6, 2.1 and 4.
//! Files of this app have pages of 4 KiB without reserved bytes, which spares believing a damaged header about it.

mod cell;
mod entries;
mod pages;
mod wal;

pub(crate) use entries::{Salvaged, as_json, outbox};
pub(crate) use wal::is_cut_short;

/// The size of a page in bytes.
const PAGE: usize = 4096;

/// A big-endian number of two bytes; `None` behind the end.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A big-endian number of four bytes; `None` behind the end.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
