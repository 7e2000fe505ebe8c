//! SQL for a read: names as quoted identifiers of the table's own columns, values beside the statement, in the type the column asks
//! for. Nothing of what a caller writes is part of the text.

use super::{
    grammar::{Comparison, Condition, Direction, Nulls, OrderTerm, SelectItem, Test, Tree},
    literal::{Literal, identifier},
    query::Query,
    range::Window,
};

/// A statement with its values. It answers one row: the rows as a JSON array, their number, and the number in all where it was asked.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Literal>,
}

impl Statement {
    /// The statement for a read of a table; `total` counts all rows that the filters let through.
    pub(super) fn new(table: &str, query: &Query, window: Window, total: bool) -> Self {
        let mut writer = Writer { table: format!("public.{}", identifier(table)), values: Vec::new() };
        let columns = writer.selection(&query.select);
        let conditions = writer.conditions(&query.filters);
        let order = writer.order(&query.order);
        let Writer { table, values } = writer;
        let total = if total { format!("(select count(*) from {table}{conditions})") } else { "null::int8".to_owned() };
        let Window { offset, limit } = window;
        // `r.*` is the whole row even where a column is called r.
        let sql = format!(
            "select coalesce(json_agg(r.*), '[]')::text, count(*), {total} from \
             (select {columns} from {table}{conditions}{order} limit {limit} offset {offset}) as r"
        );
        Self { sql, values }
    }
}

struct Writer {
    table: String,
    values: Vec<Literal>,
}

impl Writer {
    fn selection(&self, items: &[SelectItem]) -> String {
        let written = items.iter().filter_map(|item| match item {
            SelectItem::Column { column, alias, cast } => {
                let cast = cast.map(|cast| format!("::{cast}")).unwrap_or_default();
                let name = identifier(alias.as_deref().unwrap_or(column));
                Some(format!("{}{cast} as {name}", self.column(column)))
            }
            SelectItem::All => Some(format!("{}.*", self.table)),
            // Refused before.
            SelectItem::Embedded(_) | SelectItem::Aggregate => None,
        });
        let written = written.collect::<Vec<_>>().join(", ");
        if written.is_empty() { format!("{}.*", self.table) } else { written }
    }

    fn conditions(&mut self, filters: &[Tree]) -> String {
        let written: Vec<String> = filters.iter().map(|tree| self.tree(tree)).collect();
        if written.is_empty() { String::new() } else { format!(" where {}", written.join(" and ")) }
    }

    fn order(&self, terms: &[OrderTerm]) -> String {
        let written = terms.iter().map(|OrderTerm { column, direction, nulls }| {
            let direction = match direction {
                Some(Direction::Ascending) => " asc",
                Some(Direction::Descending) => " desc",
                None => "",
            };
            let nulls = match nulls {
                Some(Nulls::First) => " nulls first",
                Some(Nulls::Last) => " nulls last",
                None => "",
            };
            format!("{}{direction}{nulls}", self.column(column))
        });
        let written = written.collect::<Vec<_>>().join(", ");
        if written.is_empty() { written } else { format!(" order by {written}") }
    }

    fn tree(&mut self, tree: &Tree) -> String {
        match tree {
            Tree::Leaf(condition) => self.condition(condition),
            Tree::Node { negated, join, branches } => {
                let written: Vec<String> = branches.iter().map(|branch| self.tree(branch)).collect();
                format!("{}({})", not(*negated), written.join(&format!(" {} ", join.word())))
            }
        }
    }

    fn condition(&mut self, Condition { column, negated, test }: &Condition) -> String {
        let column = self.column(column);
        let test = match test {
            Test::Compare(comparison, value) => {
                let value = match comparison {
                    // The stars stand for per cent signs, which would have to be escaped in an address.
                    Comparison::Like | Comparison::Ilike => value.replace('*', "%"),
                    _ => value.clone(),
                };
                format!("{column} {} {}", comparison.sql(), self.value(value))
            }
            Test::In(items) => format!("{column} = any({})", self.value(array(items))),
            Test::Is(truth) => format!("{column} is {}", truth.sql()),
        };
        format!("{}({test})", not(*negated))
    }

    /// With the table's name before it, so that it is a column of the table even where it has the table's own name.
    fn column(&self, name: &str) -> String {
        format!("{}.{}", self.table, identifier(name))
    }

    fn value(&mut self, text: String) -> String {
        self.values.push(Literal(text));
        format!("${}", self.values.len())
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "not " } else { "" }
}

/// An array as PostgreSQL reads it, every item in quotes.
fn array(items: &[String]) -> String {
    let items = items.iter().map(|item| format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\"")));
    format!("{{{}}}", items.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(pairs: &[(&str, &str)]) -> Statement {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let query = Query::parse("tasks", &pairs).unwrap();
        Statement::new("tasks", &query, Window { offset: 0, limit: 5 }, false)
    }

    #[test]
    fn filters_become_conditions_with_the_values_beside_them() {
        let made = statement(&[
            ("select", "id,label:name,n::text"),
            ("status", r#"not.in.(open,"a,\"b")"#),
            ("or", "(id.eq.7,not.and(due.is.null,name.like.*x*))"),
            ("order", "name.desc.nullslast,id"),
        ]);
        let t = r#"public."tasks""#;
        assert_eq!(
            made.sql,
            format!(
                "select coalesce(json_agg(r.*), '[]')::text, count(*), null::int8 from (select {t}.\"id\" as \"id\", \
                 {t}.\"name\" as \"label\", {t}.\"n\"::text as \"n\" from {t} where not ({t}.\"status\" = any($1)) and \
                 (({t}.\"id\" = $2) or not (({t}.\"due\" is null) and ({t}.\"name\" like $3))) \
                 order by {t}.\"name\" desc nulls last, {t}.\"id\" limit 5 offset 0) as r"
            )
        );
        let values: Vec<&str> = made.values.iter().map(|value| value.0.as_str()).collect();
        assert_eq!(values, [r#"{"open","a,\"b"}"#, "7", "%x%"]);
    }

    #[test]
    fn nothing_a_caller_writes_leaves_its_quotes() {
        let made = statement(&[(r#""a\" or true --""#, "eq.'; drop table tasks; --"), ("select", r#""b\") --":id"#)]);
        assert!(
            made.sql.contains(r#"."a"" or true --" = $1"#) && made.sql.contains(r#" as "b"") --" "#),
            "{}",
            made.sql
        );
        assert!(!made.sql.contains("drop table"));
    }
}
