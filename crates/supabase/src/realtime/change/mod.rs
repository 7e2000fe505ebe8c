//! A change of a table, as the server's extension `postgres_changes` reports it.

pub(crate) mod columns;
mod deserialize;
mod row;
mod subject;
mod value;

pub use deserialize::RowError;
pub use row::Row;
pub use subject::Subject;
pub use value::{ColumnValue, Numeric};

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A new row: `record` holds it.
    Insert,
    /// A changed row: `record` holds it as it is now. A column whose large value did not change can be missing from it.
    Update,
    /// A row that is gone: `old_record` holds its key. It reaches every subscriber, whatever row policies say.
    Delete,
}

/// One change of one row.
///
/// Delivery is at most once, and a change that was too large or that a policy hides arrives without its values: treat it as a reason
/// to read, not as the truth.
#[derive(Debug, Clone, PartialEq)]
pub struct PostgresChange {
    /// The schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// What happened.
    pub kind: ChangeKind,
    /// When the transaction was committed, in the server's own text (RFC 3339, milliseconds, UTC). The server does not say it of a
    /// change whose values it withholds.
    pub commit_timestamp: Option<String>,
    /// The row as it is now; empty for a deletion and where the server withheld it.
    pub record: Row,
    /// What is known of the row before: the primary key, or all of it with `replica identity full` (never all of it for a deletion
    /// under row policies).
    pub old_record: Row,
    /// What is wrong with this report, in the server's words: `Error 413: Payload Too Large` (only small values are here),
    /// `Error 401: Unauthorized` or `Error 400: Bad Request, no primary key` (no values are here).
    pub errors: Vec<String>,
}
