//! The part of pgoutput's format, protocol version 1, that an insert-only publication sends: what a table looks like, and its new rows.
//!
//! Source: "Logical Replication Message Formats" in PostgreSQL's documentation, the same from version 14 to 18. Begin and Commit are
//! read by the transport.

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// Sent before the first row of a table, and again when the table has changed.
    Relation(Relation<'a>),
    /// A new row.
    Insert {
        /// The table's number in its [`Relation`].
        relation: u32,
        row: Row<'a>,
    },
    /// Whatever else there is (updates, deletes, truncations, types, origins): of no interest here.
    Other,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Relation<'a> {
    pub(super) number: u32,
    pub(super) schema: &'a str,
    pub(super) name: &'a str,
    /// Names, in the order of the columns of a [`Row`].
    pub(super) columns: Vec<&'a str>,
}

/// A row's values in PostgreSQL's text form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    values: Vec<Option<&'a str>>,
}

impl<'a> Row<'a> {
    /// The value of a column; nothing for NULL and for a column that the row does not have.
    pub(super) fn value(&self, column: usize) -> Option<&'a str> {
        self.values.get(column).copied().flatten()
    }
}

/// The message is cut short or is not what it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a replication message of kind {kind:?} cannot be read")]
pub(crate) struct Malformed {
    kind: char,
}

/// Reads one message.
///
/// # Errors
/// [`Malformed`], which names the kind of message and nothing of its content.
pub(super) fn parse(message: &[u8]) -> Result<Change<'_>, Malformed> {
    let (&kind, body) = message.split_first().ok_or(Malformed { kind: ' ' })?;
    let mut reader = Reader(body);
    let change = match kind {
        b'R' => reader.relation().map(Change::Relation),
        b'I' => reader.insert(),
        _ => Some(Change::Other),
    };
    change.ok_or(Malformed { kind: char::from(kind) })
}

/// The bytes that are not read yet. Every method answers nothing when they do not suffice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn relation(&mut self) -> Option<Relation<'a>> {
        let number = self.u32()?;
        let (schema, name) = (self.name()?, self.name()?);
        let _replica_identity = self.u8()?;
        let count = self.u16()?;
        // The count is believed only as far as there are bytes for it.
        let mut columns = Vec::with_capacity(usize::from(count).min(self.0.len()));
        for _ in 0..count {
            let _flags = self.u8()?;
            columns.push(self.name()?);
            let (_type, _modifier) = (self.u32()?, self.u32()?);
        }
        Some(Relation { number, schema, name, columns })
    }

    fn insert(&mut self) -> Option<Change<'a>> {
        let relation = self.u32()?;
        if self.u8()? != b'N' {
            return None;
        }
        let count = self.u16()?;
        let mut values = Vec::with_capacity(usize::from(count).min(self.0.len()));
        for _ in 0..count {
            values.push(match self.u8()? {
                b't' => {
                    let length = usize::try_from(self.u32()?).ok()?;
                    Some(std::str::from_utf8(self.take(length)?).ok()?)
                }
                // NULL, and a value kept elsewhere that an update did not touch, which a new row cannot have.
                b'n' | b'u' => None,
                // The binary form was not asked for.
                _ => return None,
            });
        }
        Some(Change::Insert { relation, row: Row { values } })
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn u16(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    fn u32(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    /// Text that ends with a zero byte.
    fn name(&mut self) -> Option<&'a str> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let name = std::str::from_utf8(self.take(end)?).ok()?;
        self.u8()?;
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RELATION: &[u8] = b"R\0\0\x40\x01realtime\0messages\0d\0\x02\x01id\0\0\0\x0b\x86\xff\xff\xff\xff\0topic\0\0\0\0\x19\xff\xff\xff\xff";
    const INSERT: &[u8] = b"I\0\0\x40\x01N\0\x03t\0\0\0\x03\xc3\xbcxnt\0\0\0\0";

    #[test]
    fn a_table_and_its_new_row_are_read() {
        let relation = Relation { number: 0x4001, schema: "realtime", name: "messages", columns: vec!["id", "topic"] };
        assert_eq!(parse(RELATION), Ok(Change::Relation(relation)));
        let Ok(Change::Insert { relation: 0x4001, row }) = parse(INSERT) else { panic!("an insert") };
        assert_eq!((row.value(0), row.value(1), row.value(2), row.value(3)), (Some("üx"), None, Some(""), None));
    }

    #[test]
    fn messages_cut_short_are_errors_and_other_kinds_are_nothing() {
        for whole in [RELATION, INSERT] {
            for length in 1..whole.len() {
                assert_eq!(parse(&whole[..length]), Err(Malformed { kind: char::from(whole[0]) }), "{length}");
            }
        }
        assert_eq!(parse(b""), Err(Malformed { kind: ' ' }));
        assert_eq!(
            parse(b"I\0\0\x40\x01N\0\x01b\0\0\0\x01x"),
            Err(Malformed { kind: 'I' }),
            "binary was not asked for"
        );
        assert_eq!(parse(b"I\0\0\x40\x01N\0\x01t\0\0\0\x01\xff"), Err(Malformed { kind: 'I' }), "not UTF-8");
        assert_eq!(parse(b"D whatever"), Ok(Change::Other));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic_or_allocate_beyond_them(
            kind in prop::sample::select(b"RIUDTYOMBCS".to_vec()),
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = parse(&[&[kind], &body[..]].concat());
        }
    }
}
