//! Order and count.

/// By what rows are ordered. A text is a column in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    column: String,
    descending: bool,
    nulls: Option<&'static str>,
}

impl Order {
    /// Ascending; nulls last, as in PostgreSQL.
    pub fn by(column: impl Into<String>) -> Self {
        Self { column: column.into(), descending: false, nulls: None }
    }

    /// Descending; nulls first, as in PostgreSQL.
    pub fn desc(column: impl Into<String>) -> Self {
        Self { descending: true, ..Self::by(column) }
    }

    /// Rows without a value before the others.
    #[must_use]
    pub fn nulls_first(mut self) -> Self {
        self.nulls = Some(".nullsfirst");
        self
    }

    /// Rows without a value after the others.
    #[must_use]
    pub fn nulls_last(mut self) -> Self {
        self.nulls = Some(".nullslast");
        self
    }

    pub(super) fn term(&self) -> String {
        let direction = if self.descending { ".desc" } else { ".asc" };
        format!("{}{direction}{}", self.column, self.nulls.unwrap_or_default())
    }
}

impl From<&str> for Order {
    fn from(column: &str) -> Self {
        Self::by(column)
    }
}

impl From<String> for Order {
    fn from(column: String) -> Self {
        Self::by(column)
    }
}

/// How the rows that a query would find without its range are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// By reading them: right, and slow on large tables.
    Exact,
    /// By the planner's estimate: fast, and sometimes far off.
    Planned,
    /// Exactly up to the server's limit of rows, by estimate beyond it.
    Estimated,
}

impl Count {
    pub(super) fn preference(self) -> &'static str {
        match self {
            Self::Exact => "count=exact",
            Self::Planned => "count=planned",
            Self::Estimated => "count=estimated",
        }
    }
}
