//! PostgREST's query grammar, the part the hub knows: columns with aliases and casts, order, filters, and trees of `and` and `or`.
//!
//! Text becomes values of the types below and nothing else; no SQL is made here. What the grammar does not know is an
//! [`Unparsable`] with its place, never a guess.

mod filter;
mod order;
#[cfg(test)]
mod print;
#[cfg(test)]
mod properties;
mod select;
mod token;

pub(super) use filter::{logic_tree, test};
pub(super) use order::{Direction, Nulls, OrderTerm, order};
pub(super) use select::{SelectItem, select};
pub(super) use token::{Unparsable, field_of_key};

/// Deeper trees are refused: the parser and PostgreSQL's own both recurse.
pub(super) const DEEPEST_TREE: usize = 32;

/// A condition on one column, or several combined.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    /// A single condition.
    Leaf(Condition),
    /// `and(…)` or `or(…)`.
    Node {
        /// `not.` stands before it.
        negated: bool,
        /// Whether all have to hold, or any.
        join: Join,
        /// At least one.
        branches: Vec<Tree>,
    },
}

/// How the branches of a tree are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    And,
    Or,
}

/// One column's condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub(super) column: String,
    pub(super) negated: bool,
    pub(super) test: Test,
}

/// What is asked of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// An operator with a value, in PostgreSQL's text form of the column's type.
    Compare(Comparison, String),
    /// One of these.
    In(Vec<String>),
    /// A truth value or its absence.
    Is(Truth),
}

/// The operators that take one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    Like,
    Ilike,
    Match,
    Imatch,
    IsDistinct,
    Contains,
    ContainedBy,
    Overlaps,
}

/// What `is` compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Null,
    NotNull,
    True,
    False,
    Unknown,
}

impl Join {
    /// The word in the grammar and in SQL alike.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

impl Comparison {
    /// Every operator with its word in the grammar and its SQL.
    const ALL: [(Self, &'static str, &'static str); 14] = [
        (Self::Eq, "eq", "="),
        (Self::Neq, "neq", "<>"),
        (Self::Gt, "gt", ">"),
        (Self::Gte, "gte", ">="),
        (Self::Lt, "lt", "<"),
        (Self::Lte, "lte", "<="),
        (Self::Like, "like", "like"),
        (Self::Ilike, "ilike", "ilike"),
        (Self::Match, "match", "~"),
        (Self::Imatch, "imatch", "~*"),
        (Self::IsDistinct, "isdistinct", "is distinct from"),
        (Self::Contains, "cs", "@>"),
        (Self::ContainedBy, "cd", "<@"),
        (Self::Overlaps, "ov", "&&"),
    ];

    fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name, _)| *name == word).map(|(comparison, ..)| *comparison)
    }

    /// The operator as SQL writes it.
    pub(super) fn sql(self) -> &'static str {
        Self::ALL.iter().find(|(comparison, ..)| *comparison == self).map_or("=", |(.., sql)| sql)
    }
}

impl Truth {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Null, "null"),
        (Self::NotNull, "not_null"),
        (Self::True, "true"),
        (Self::False, "false"),
        (Self::Unknown, "unknown"),
    ];

    fn named(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        Self::ALL.iter().find(|(_, name)| *name == word).map(|(truth, _)| *truth)
    }

    /// What follows `is` in SQL.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::NotNull => "not null",
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}
