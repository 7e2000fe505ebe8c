//! What a change really says about its row.

use super::{ChangeKind, PostgresChange, Row};

/// What is known of the row that a change is about. The server reports less than a row more often than one thinks; this keeps a part from
/// being taken for the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Subject<'a> {
    /// The row as it is now. After an update a column whose large value did not change can be missing.
    Row(&'a Row),
    /// The row as it is now, without the values that made the report too large. A missing column is unknown and not null.
    Part(&'a Row),
    /// The row is gone. This is what identified it, not what it held; and it can be a row that the reader was never allowed to see,
    /// because deletions are reported to every subscriber, whatever row policies say.
    Deleted(&'a Row),
    /// Something happened and the server does not say to what: the row has no key, or it may not be seen.
    Withheld,
}

impl PostgresChange {
    /// What this change says about its row.
    pub fn subject(&self) -> Subject<'_> {
        match self.kind {
            ChangeKind::Delete if self.old_record.is_empty() => Subject::Withheld,
            ChangeKind::Delete => Subject::Deleted(&self.old_record),
            ChangeKind::Insert | ChangeKind::Update if self.record.is_empty() => Subject::Withheld,
            ChangeKind::Insert | ChangeKind::Update if self.errors.is_empty() => Subject::Row(&self.record),
            ChangeKind::Insert | ChangeKind::Update => Subject::Part(&self.record),
        }
    }
}
