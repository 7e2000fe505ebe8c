//! The grammar the other way round, for the property tests: every tree as the text a client would send.

use std::fmt::{self, Display, Formatter};

use super::{Comparison, Condition, Test, Tree, Truth};

impl Tree {
    /// Key and value of the query parameter.
    pub(super) fn pair(&self) -> (String, String) {
        match self {
            Self::Leaf(Condition { column, negated, test }) => {
                let not = if *negated { "not." } else { "" };
                let test = match test {
                    // At the top a value is all of the rest, so it is not quoted.
                    Test::Compare(comparison, value) => format!("{}.{value}", word(*comparison)),
                    test => test.to_string(),
                };
                (quote(column), format!("{not}{test}"))
            }
            Self::Node { negated, join, branches } => {
                (format!("{}{}", if *negated { "not." } else { "" }, join.word()), group(branches))
            }
        }
    }
}

impl Display for Tree {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(Condition { column, negated, test }) => {
                write!(out, "{}.{}{test}", quote(column), if *negated { "not." } else { "" })
            }
            Self::Node { negated, join, branches } => {
                write!(out, "{}{}{}", if *negated { "not." } else { "" }, join.word(), group(branches))
            }
        }
    }
}

impl Display for Test {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(comparison, value) => write!(out, "{}.{}", word(*comparison), quote(value)),
            Self::In(items) => {
                write!(out, "in.({})", items.iter().map(|item| quote(item)).collect::<Vec<_>>().join(","))
            }
            Self::Is(truth) => {
                let name = Truth::ALL.iter().find(|(known, _)| known == truth).map(|(_, name)| *name);
                write!(out, "is.{}", name.unwrap())
            }
        }
    }
}

fn group(branches: &[Tree]) -> String {
    format!("({})", branches.iter().map(Tree::to_string).collect::<Vec<_>>().join(","))
}

fn word(comparison: Comparison) -> &'static str {
    Comparison::ALL.iter().find(|(known, ..)| *known == comparison).map(|(_, word, _)| *word).unwrap()
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
