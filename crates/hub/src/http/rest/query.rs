//! A read as its query string asks for it: parsed, but not yet held against a table.

use super::{
    error::RestError,
    grammar::{self, Condition, Join, OrderTerm, SelectItem, Tree},
};

/// More conditions than this are refused; a web address holds about ten thousand.
const MOST_CONDITIONS: usize = 1000;

/// What is asked of one table.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// Empty for all columns.
    pub(super) select: Vec<SelectItem>,
    /// All of them have to hold.
    pub(super) filters: Vec<Tree>,
    pub(super) order: Vec<OrderTerm>,
    pub(super) limit: Option<i64>,
    pub(super) offset: Option<i64>,
}

impl Query {
    /// Reads a query string's pairs.
    pub(super) fn parse(table: &str, pairs: &[(String, String)]) -> Result<Self, RestError> {
        let mut query = Self::default();
        for (key, value) in pairs {
            let (negated, bare) = key.strip_prefix("not.").map_or((false, key.as_str()), |bare| (true, bare));
            match (negated, bare) {
                // The gateway's; and what belongs to writing, which a read ignores as PostgREST does.
                (false, "apikey" | "columns" | "on_conflict") => {}
                (false, "select") => query.select = selection(table, value)?,
                (false, "order") => {
                    query.order = grammar::order(value).map_err(|why| RestError::syntax("order", value, &why))?;
                }
                (false, "limit") => query.limit = Some(number("limit", value)?),
                (false, "offset") => query.offset = Some(number("offset", value)?),
                (_, "and") => query.filters.push(tree(negated, Join::And, value)?),
                (_, "or") => query.filters.push(tree(negated, Join::Or, value)?),
                _ => query.filters.push(Tree::Leaf(condition(key, value)?)),
            }
        }
        if query.conditions().len() > MOST_CONDITIONS {
            return Err(RestError::too_much(format!("{} conditions", query.conditions().len())));
        }
        Ok(query)
    }

    /// Every column that is named, in the order select, filters, order.
    pub(super) fn columns(&self) -> Vec<&str> {
        let selected = self.select.iter().filter_map(|item| match item {
            SelectItem::Column { column, .. } => Some(column.as_str()),
            _ => None,
        });
        let filtered = self.conditions().into_iter().map(|condition| condition.column.as_str());
        let ordered = self.order.iter().map(|term| term.column.as_str());
        selected.chain(filtered).chain(ordered).collect()
    }

    fn conditions(&self) -> Vec<&Condition> {
        let mut found = Vec::new();
        let mut waiting: Vec<&Tree> = self.filters.iter().collect();
        while let Some(tree) = waiting.pop() {
            match tree {
                Tree::Leaf(condition) => found.push(condition),
                Tree::Node { branches, .. } => waiting.extend(branches),
            }
        }
        found
    }
}

fn selection(table: &str, value: &str) -> Result<Vec<SelectItem>, RestError> {
    let items = grammar::select(value).map_err(|why| RestError::syntax("select parameter", value, &why))?;
    for item in &items {
        match item {
            SelectItem::Embedded(other) => return Err(RestError::no_relationship(table, other)),
            SelectItem::Aggregate => return Err(RestError::no_aggregates()),
            SelectItem::All | SelectItem::Column { .. } => {}
        }
    }
    Ok(items)
}

fn tree(negated: bool, join: Join, value: &str) -> Result<Tree, RestError> {
    grammar::logic_tree(negated, join, value).map_err(|why| RestError::syntax("logic tree", value, &why))
}

fn condition(key: &str, value: &str) -> Result<Condition, RestError> {
    let (column, further) = grammar::field_of_key(key).map_err(|why| RestError::syntax("tree path", key, &why))?;
    if further {
        return Err(RestError::not_embedded(&column));
    }
    let (negated, test) = grammar::test(value).map_err(|why| RestError::syntax("filter", value, &why))?;
    Ok(Condition { column, negated, test })
}

fn number(name: &str, value: &str) -> Result<i64, RestError> {
    // PostgREST reads rows without a limit when it does not understand the number; a refusal says what is wrong.
    value.parse().map_err(|_| {
        let why = grammar::Unparsable { column: 1, details: format!("unexpected {value:?} expecting a whole number") };
        RestError::syntax(name, value, &why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Query, RestError> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Query::parse("tasks", &pairs)
    }

    #[rstest::rstest]
    #[case("id", "7")]
    #[case("id", "like")]
    #[case("id", "sounds.x")]
    #[case("id", "like(any).{a}")]
    #[case("id", "fts.x")]
    #[case("id", "is.maybe")]
    #[case("id", "in.a,b")]
    #[case("id", "in.(a")]
    #[case("data->>a", "eq.1")]
    #[case("", "eq.1")]
    #[case("limit", "ten")]
    #[case("order", "id.sideways")]
    #[case("order", "id.nullslast.desc")]
    #[case("order", "")]
    #[case("select", "")]
    #[case("select", "a,,b")]
    #[case("select", "a::text;drop table x")]
    #[case("select", "a::regclass")]
    #[case("select", "data->a")]
    #[case("or", "a.eq.1")]
    #[case("or", "(a.eq.1")]
    #[case("or", "()")]
    #[case("not.and", "(a.eq.1)x")]
    fn what_is_not_understood_is_refused_as_postgrest_does(#[case] name: &str, #[case] value: &str) {
        assert_eq!(parse(&[(name, value)]).unwrap_err().code(), "PGRST100");
    }

    #[rstest::rstest]
    #[case("select", "id,clients(name)", "PGRST200")]
    #[case("select", "...clients(name)", "PGRST200")]
    #[case("select", "clients!inner(name)", "PGRST200")]
    #[case("select", "count()", "PGRST123")]
    #[case("select", "amount.sum()", "PGRST123")]
    #[case("clients.name", "eq.a", "PGRST108")]
    fn what_the_hub_does_not_offer_is_refused_by_name(#[case] name: &str, #[case] value: &str, #[case] code: &str) {
        assert_eq!(parse(&[(name, value)]).unwrap_err().code(), code);
    }

    #[test]
    fn a_thousand_conditions_are_the_most() {
        let many = |count: usize| format!("({})", vec!["a.eq.1"; count].join(","));
        assert_eq!(parse(&[("or", &many(1000))]).unwrap().columns().len(), 1000);
        assert_eq!(parse(&[("or", &many(1001))]).unwrap_err().code(), "PGRST100");
    }

    #[test]
    fn the_place_of_an_error_is_told() {
        let refused = parse(&[("id", "eqq.5")]).unwrap_err();
        assert_eq!(refused.message(), "\"failed to parse filter (eqq.5)\" (line 1, column 1)");
    }
}
