//! The part of PostgREST's query grammar that the hub knows: `select`, `order`, `limit`, `offset`, and per column `eq`, `in`, `is`.

use super::{
    MAX_ROWS,
    error::RestError,
    literal::{Literal, identifier},
};

/// A read of one table, as SQL beside its values.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) columns: String,
    /// Empty or ` where …`.
    pub(super) conditions: String,
    /// Empty or ` order by …`.
    pub(super) order: String,
    pub(super) limit: i64,
    pub(super) offset: i64,
    pub(super) values: Vec<Literal>,
}

impl Selection {
    /// Reads a query string's pairs.
    pub(super) fn parse(pairs: Vec<(String, String)>) -> Result<Self, RestError> {
        let mut selection = Self { columns: "*".to_owned(), limit: MAX_ROWS, ..Self::default() };
        let mut conditions = Vec::new();
        for (name, value) in pairs {
            let fail = || RestError::query(&format!("{name}={value}"));
            match name.as_str() {
                "apikey" => {}
                "select" => selection.columns = columns(&value).ok_or_else(fail)?,
                "order" => selection.order = order(&value).ok_or_else(fail)?,
                "limit" => {
                    selection.limit = value.parse::<i64>().ok().filter(|n| *n >= 0).ok_or_else(fail)?.min(MAX_ROWS)
                }
                "offset" => selection.offset = value.parse::<i64>().ok().filter(|n| *n >= 0).ok_or_else(fail)?,
                column => conditions.push(selection.condition(column, &value).ok_or_else(fail)?),
            }
        }
        if !conditions.is_empty() {
            selection.conditions = format!(" where {}", conditions.join(" and "));
        }
        Ok(selection)
    }

    fn condition(&mut self, column: &str, filter: &str) -> Option<String> {
        let column = identifier(column);
        let (operator, operand) = filter.split_once('.')?;
        match operator {
            "eq" => Some(format!("{column} = {}", self.value(operand.to_owned()))),
            "in" => {
                let items = list(operand.strip_prefix('(')?.strip_suffix(')')?)?;
                if items.is_empty() {
                    return Some("false".to_owned());
                }
                let places: Vec<String> = items.into_iter().map(|item| self.value(item)).collect();
                Some(format!("{column} in ({})", places.join(", ")))
            }
            "is" => match operand {
                "null" | "not_null" | "true" | "false" => Some(format!("{column} is {}", operand.replace('_', " "))),
                _ => None,
            },
            _ => None,
        }
    }

    fn value(&mut self, text: String) -> String {
        self.values.push(Literal(text));
        format!("${}", self.values.len())
    }
}

fn columns(text: &str) -> Option<String> {
    let columns: Vec<&str> = text.split(',').map(str::trim).collect();
    if columns.contains(&"*") {
        return (columns.len() == 1).then(|| "*".to_owned());
    }
    let plain = columns.iter().all(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    plain.then(|| columns.into_iter().map(identifier).collect::<Vec<_>>().join(", "))
}

fn order(text: &str) -> Option<String> {
    let terms = text.split(',').map(|term| {
        let mut words = term.split('.');
        let mut sql = identifier(words.next().filter(|column| !column.is_empty())?);
        for word in words {
            sql.push_str(match word {
                "asc" => " asc",
                "desc" => " desc",
                "nullsfirst" => " nulls first",
                "nullslast" => " nulls last",
                _ => return None,
            });
        }
        Some(sql)
    });
    Some(format!(" order by {}", terms.collect::<Option<Vec<_>>>()?.join(", ")))
}

/// The items of `in.(…)`: separated by commas, or in double quotes with `\"` and `\\`.
fn list(text: &str) -> Option<Vec<String>> {
    let mut items = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (item, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_item(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (item, after) = rest.split_at_checked(end)?;
                (item.to_owned(), after)
            }
        };
        items.push(item);
        rest = match after.strip_prefix(',') {
            Some(next) => next,
            None if after.is_empty() => "",
            None => return None,
        };
    }
    Some(items)
}

fn quoted_item(text: &str) -> Option<(String, &str)> {
    let mut item = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((item, chars.as_str())),
            '\\' => item.push(chars.next()?),
            other => item.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Selection, RestError> {
        Selection::parse(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn filters_become_conditions_with_the_values_beside_them() {
        let read =
            parse(&[("select", "id,name"), ("status", "in.(open,\"a,\\\"b\")"), ("id", "eq.7"), ("due", "is.null")])
                .unwrap();
        assert_eq!(read.columns, r#""id", "name""#);
        assert_eq!(read.conditions, r#" where "status" in ($1, $2) and "id" = $3 and "due" is null"#);
        assert_eq!(read.values.iter().map(|value| value.0.as_str()).collect::<Vec<_>>(), ["open", "a,\"b", "7"]);
        assert_eq!(
            parse(&[("order", "name.desc.nullslast,id")]).unwrap().order,
            r#" order by "name" desc nulls last, "id""#
        );
    }

    #[test]
    fn a_thousand_rows_are_the_most() {
        assert_eq!(parse(&[("limit", "5000")]).unwrap().limit, 1000);
        assert_eq!(parse(&[("limit", "5")]).unwrap().limit, 5);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in [
            ("id", "7"),
            ("id", "like.x"),
            ("limit", "-1"),
            ("order", "id.sideways"),
            ("select", "a(b)"),
            ("id", "in.(\"a)"),
        ] {
            parse(&[bad]).unwrap_err();
        }
    }
}
