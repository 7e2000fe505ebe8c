//! Filters of a binding, in the server's grammar.
//!
//! `column=operator.value`, `column=not.operator.value`, several with a comma, all of which have to hold. A value with one of `,()"\` in
//! it, or with space at its ends, stands in double quotes, with a backslash before a quote and a backslash (seen on Supabase Realtime
//! 2.129.8).

use std::fmt::{self, Display, Write};

use serde::{Serialize, Serializer};

/// The most values that `in` takes; the server cancels the join's bindings over one more.
const IN_VALUES: usize = 100;

/// Conditions on a row, all of which have to hold. There is always at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Vec<Condition>);

/// One condition on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    column: String,
    negated: bool,
    operator: &'static str,
    /// As it stands on the wire, quoted.
    value: String,
}

/// What `is` can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// Whether there is no value.
    Null,
    /// Whether it is true, and not null.
    True,
    /// Whether it is false, and not null.
    False,
    /// Whether a `bool` is null.
    Unknown,
}

/// A filter that the grammar cannot express.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// A column's name is empty, has space at its ends, or has one of `=,()"\` or a control character in it.
    #[error("{0:?} cannot be named in a filter")]
    Column(String),
    /// PostgreSQL's text has no character 0.
    #[error("a value has a character 0 in it")]
    Zero,
    /// `in` was given no value, or more than 100.
    #[error("a list of {0} values, where 1 to 100 are possible")]
    ListLength(usize),
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident = $operator:literal),* $(,)?) => {
        $(
            $(#[$doc])*
            ///
            /// # Errors
            /// When the name or the value cannot be written in a filter.
            pub fn $name(column: &str, value: impl Display) -> Result<Self, FilterError> {
                Self::new(column, $operator, quoted(&value.to_string(), false)?)
            }
        )*
    };
}

impl Condition {
    comparisons! {
        /// The column is equal to the value.
        eq = "eq",
        /// The column is another than the value, and not null.
        neq = "neq",
        /// The column is less than the value.
        lt = "lt",
        /// The column is less than the value or equal to it.
        lte = "lte",
        /// The column is greater than the value.
        gt = "gt",
        /// The column is greater than the value or equal to it.
        gte = "gte",
        /// The column matches SQL's pattern, with `%` for any text and `_` for any character.
        like = "like",
        /// The same without regard to case.
        ilike = "ilike",
        /// The column matches POSIX's regular expression.
        matches = "match",
        /// The same without regard to case.
        imatches = "imatch",
        /// The column is another than the value, where null is a value like any other.
        is_distinct = "isdistinct",
    }

    /// The column is one of the values, of which there are 1 to 100.
    ///
    /// # Errors
    /// When there are none or too many, or when the name or a value cannot be written in a filter.
    pub fn one_of<I: IntoIterator<Item: Display>>(column: &str, values: I) -> Result<Self, FilterError> {
        let values: Vec<String> =
            values.into_iter().map(|value| quoted(&value.to_string(), true)).collect::<Result<_, _>>()?;
        if values.is_empty() || values.len() > IN_VALUES {
            return Err(FilterError::ListLength(values.len()));
        }
        Self::new(column, "in", format!("({})", values.join(",")))
    }

    /// The column is null, true, false or unknown.
    ///
    /// # Errors
    /// When the name cannot be written in a filter.
    pub fn is(column: &str, what: Is) -> Result<Self, FilterError> {
        let value = match what {
            Is::Null => "null",
            Is::True => "true",
            Is::False => "false",
            Is::Unknown => "unknown",
        };
        Self::new(column, "is", value.to_owned())
    }

    /// The opposite. As in SQL, a comparison with null is neither true nor false, and stays so.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "`!condition` reads worse than a chain, and this is SQL's NOT")]
    pub fn not(mut self) -> Self {
        self.negated = !self.negated;
        self
    }

    /// Both have to hold.
    #[must_use]
    pub fn and(self, other: impl Into<Filter>) -> Filter {
        Filter::from(self).and(other)
    }

    fn new(column: &str, operator: &'static str, value: String) -> Result<Self, FilterError> {
        let impossible = |c: char| c.is_control() || matches!(c, '=' | ',' | '(' | ')' | '"' | '\\');
        if column.is_empty() || column.trim() != column || column.contains(impossible) {
            return Err(FilterError::Column(column.to_owned()));
        }
        Ok(Self { column: column.to_owned(), negated: false, operator, value })
    }
}

impl Filter {
    /// All of both have to hold.
    #[must_use]
    pub fn and(mut self, other: impl Into<Filter>) -> Self {
        self.0.extend(other.into().0);
        self
    }
}

impl From<Condition> for Filter {
    fn from(condition: Condition) -> Self {
        Self(vec![condition])
    }
}

impl Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_char(',')?;
            }
            condition.fmt(formatter)?;
        }
        Ok(())
    }
}

impl Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "not." } else { "" };
        write!(formatter, "{}={not}{}.{}", self.column, self.operator, self.value)
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value as the grammar wants it. In a list, which the server turns into an array of PostgreSQL, everything but a plain word is quoted:
/// braces, an empty text and the word null have a meaning there.
fn quoted(value: &str, in_list: bool) -> Result<String, FilterError> {
    if value.contains('\0') {
        return Err(FilterError::Zero);
    }
    let reserved = |c: char| c.is_control() || matches!(c, ',' | '(' | ')' | '"' | '\\');
    let plain = if in_list {
        let word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '+');
        !value.is_empty() && !value.eq_ignore_ascii_case("null") && value.chars().all(word)
    } else {
        value.trim() == value && !value.contains(reserved)
    };
    if plain {
        return Ok(value.to_owned());
    }
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    Ok(text)
}
