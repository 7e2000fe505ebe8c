//! Conditions, alone and in groups.

use super::quoting::quote;
use super::value::{Container, Scalar};
use crate::Error;

/// What `is` compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// Null.
    Null,
    /// Anything but null.
    NotNull,
    /// True, and not null.
    True,
    /// False, and not null.
    False,
    /// Null, of a boolean column.
    Unknown,
}

/// How a full-text query is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextSearch {
    /// `to_tsquery`: operators, which a person cannot be asked to write.
    Query,
    /// `plainto_tsquery`: all the words.
    Plain,
    /// `phraseto_tsquery`: the words in this order.
    Phrase,
    /// `websearch_to_tsquery`: as people search the web.
    Websearch,
}

/// A condition on rows: one comparison, or a group of conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    negated: bool,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Compare { column: String, operator: String, operand: Operand },
    Group { conjunction: &'static str, members: Vec<Filter> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operand {
    /// Quoted where the grammar has an end for it, and bare at the end of a parameter.
    Text(String),
    /// A keyword or a list that is quoted already.
    Syntax(String),
}

/// True for rows for which one of the conditions is.
pub fn any_of(members: impl IntoIterator<Item = Filter>) -> Filter {
    Filter { negated: false, kind: Kind::Group { conjunction: "or", members: members.into_iter().collect() } }
}

/// True for rows for which all of the conditions are. Conditions of a query are so anyway: this is for groups in groups.
pub fn all_of(members: impl IntoIterator<Item = Filter>) -> Filter {
    Filter { negated: false, kind: Kind::Group { conjunction: "and", members: members.into_iter().collect() } }
}

impl Filter {
    /// The opposite condition. As always in SQL, a comparison with a null column is neither true nor false, and so is its opposite.
    #[expect(clippy::should_implement_trait, reason = "the word of SQL and of PostgREST; `!filter` would read worse")]
    #[must_use]
    pub fn not(mut self) -> Self {
        self.negated = !self.negated;
        self
    }

    /// Any operator of PostgREST with a value, for those that have no method here: `isdistinct`, `sl`, `like(any)`.
    pub fn new(column: impl Into<String>, operator: impl Into<String>, value: impl Into<Scalar>) -> Self {
        Self::compare(column, operator, Operand::Text(value.into().0))
    }

    fn compare(column: impl Into<String>, operator: impl Into<String>, operand: Operand) -> Self {
        let kind = Kind::Compare { column: column.into(), operator: operator.into(), operand };
        Self { negated: false, kind }
    }

    /// The parameter of a query: its name and its value.
    pub(super) fn parameter(&self) -> Result<(String, String), Error> {
        let not = if self.negated { "not." } else { "" };
        match &self.kind {
            // These names mean something else at the place of a parameter. Before them may be the name of a related table.
            Kind::Compare { column, operator, operand } if is_reserved(column) => {
                let (name, column) = match column.rsplit_once('.') {
                    Some((table, column)) => (format!("{table}.and"), column),
                    None => ("and".to_owned(), column.as_str()),
                };
                let bare = Self { negated: self.negated, ..Self::compare(column, operator, operand.clone()) };
                Ok((name, format!("({})", bare.member()?)))
            }
            Kind::Compare { column, operator, operand: Operand::Text(text) | Operand::Syntax(text) } => {
                Ok((named(column)?, format!("{not}{operator}.{text}")))
            }
            Kind::Group { conjunction, members } => Ok((format!("{not}{conjunction}"), list(members)?)),
        }
    }

    /// The same inside of a group.
    fn member(&self) -> Result<String, Error> {
        let not = if self.negated { "not." } else { "" };
        match &self.kind {
            Kind::Compare { column, operator, operand } => {
                let operand = match operand {
                    Operand::Text(text) => quote(text),
                    Operand::Syntax(text) => text.clone(),
                };
                Ok(format!("{}.{not}{operator}.{operand}", named(column)?))
            }
            Kind::Group { conjunction, members } => Ok(format!("{not}{conjunction}{}", list(members)?)),
        }
    }
}

fn list(members: &[Filter]) -> Result<String, Error> {
    if members.is_empty() {
        return Err(Error::InvalidQuery { reason: "a group has no conditions".into() });
    }
    let members: Result<Vec<_>, _> = members.iter().map(Filter::member).collect();
    Ok(format!("({})", members?.join(",")))
}

fn named(column: &str) -> Result<String, Error> {
    if column.trim().is_empty() {
        return Err(Error::InvalidQuery { reason: "a condition names no column".into() });
    }
    Ok(column.to_owned())
}

fn is_reserved(column: &str) -> bool {
    let last = column.rsplit('.').next().unwrap_or(column);
    matches!(last, "and" | "or" | "not" | "order" | "limit" | "offset" | "select" | "columns" | "on_conflict")
}

macro_rules! comparisons {
    ($($(#[$meta:meta])* $name:ident = $operator:literal,)*) => {
        impl Filter {
            $($(#[$meta])*
            pub fn $name(column: impl Into<String>, value: impl Into<Scalar>) -> Self {
                Self::new(column, $operator, value)
            })*
        }

        impl super::Select {
            $($(#[$meta])*
            #[must_use]
            pub fn $name(self, column: impl Into<String>, value: impl Into<Scalar>) -> Self {
                self.filter(Filter::$name(column, value))
            })*
        }
    };
}

comparisons! {
    /// Equal.
    eq = "eq",
    /// Not equal. Rows in which the column is null are not among them.
    neq = "neq",
    /// Greater.
    gt = "gt",
    /// Greater or equal.
    gte = "gte",
    /// Less.
    lt = "lt",
    /// Less or equal.
    lte = "lte",
    /// Like the pattern, with `*` or `%` for any text and `_` for one character. A person's text goes through
    /// [`like_literal`](super::like_literal) first.
    like = "like",
    /// As `like`, whatever the case of the letters.
    ilike = "ilike",
    /// Matching the regular expression.
    matches = "match",
    /// As `matches`, whatever the case of the letters.
    imatches = "imatch",
}

macro_rules! containers {
    ($($(#[$meta:meta])* $name:ident = $operator:literal,)*) => {
        impl Filter {
            $($(#[$meta])*
            pub fn $name(column: impl Into<String>, value: impl Into<Container>) -> Self {
                Self::compare(column, $operator, Operand::Text(value.into().0))
            })*
        }

        impl super::Select {
            $($(#[$meta])*
            #[must_use]
            pub fn $name(self, column: impl Into<String>, value: impl Into<Container>) -> Self {
                self.filter(Filter::$name(column, value))
            })*
        }
    };
}

containers! {
    /// An array, range or document that has all of this in it.
    contains = "cs",
    /// An array, range or document all of which is in this.
    contained_by = "cd",
    /// An array or range that has something in common with this.
    overlaps = "ov",
}

impl Filter {
    /// Null, true or false.
    pub fn is(column: impl Into<String>, what: Is) -> Self {
        let (word, negated) = match what {
            Is::Null => ("null", false),
            Is::NotNull => ("null", true),
            Is::True => ("true", false),
            Is::False => ("false", false),
            Is::Unknown => ("unknown", false),
        };
        let filter = Self::compare(column, "is", Operand::Syntax(word.into()));
        if negated { filter.not() } else { filter }
    }

    /// One of the values; of none of them, when there are none.
    pub fn is_in<T: Into<Scalar>>(column: impl Into<String>, values: impl IntoIterator<Item = T>) -> Self {
        let mut values: Vec<Scalar> = values.into_iter().map(Into::into).collect();
        // PostgREST reads a list of one empty text as an empty list.
        if values.len() == 1
            && let Some(only) = values.pop()
        {
            return Self::eq(column, only);
        }
        let values: Vec<_> = values.iter().map(|value| quote(&value.0)).collect();
        Self::compare(column, "in", Operand::Syntax(format!("({})", values.join(","))))
    }

    /// Found by a full-text query, with the rules of the language if one is given (`english`).
    pub fn text_search(
        column: impl Into<String>,
        how: TextSearch,
        language: Option<&str>,
        query: impl Into<Scalar>,
    ) -> Self {
        let operator = match how {
            TextSearch::Query => "fts",
            TextSearch::Plain => "plfts",
            TextSearch::Phrase => "phfts",
            TextSearch::Websearch => "wfts",
        };
        let language = language.map(|language| format!("({language})")).unwrap_or_default();
        Self::new(column, format!("{operator}{language}"), query)
    }
}
