//! Filters as the real server read them (recordings m2, i2): print, and read back with a reader of its own.

use cockpit_supabase::realtime::protocol::{Condition, Filter, FilterError, Is};
use proptest::prelude::*;
use rstest::rstest;

/// What a filter means.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Meaning {
    column: String,
    negated: bool,
    operator: String,
    values: Vec<String>,
}

/// Reads the grammar from its description: split at commas that are in no quotes and no parentheses, then column, operator and value.
pub(super) fn parsed(filter: &str) -> Option<Vec<Meaning>> {
    let conditions = split(filter)?;
    conditions
        .iter()
        .map(|condition| {
            let (column, rest) = condition.split_once('=')?;
            let (negated, rest) = rest.strip_prefix("not.").map_or((false, rest), |rest| (true, rest));
            let (operator, value) = rest.split_once('.')?;
            let values = match operator {
                "in" => {
                    split(value.strip_prefix('(')?.strip_suffix(')')?)?.iter().map(|value| unquoted(value)).collect()
                }
                _ => vec![unquoted(value)],
            };
            Some(Meaning { column: column.to_owned(), negated, operator: operator.to_owned(), values })
        })
        .collect()
}

fn split(text: &str) -> Option<Vec<String>> {
    let (mut parts, mut quoted, mut escaped, mut depth) = (vec![String::new()], false, false, 0);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut()?.push(c);
    }
    (!quoted && depth == 0).then_some(parts)
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

/// The same with the builder.
pub(super) fn built(meanings: &[Meaning]) -> Result<Filter, FilterError> {
    let mut filter: Option<Filter> = None;
    for Meaning { column, negated, operator, values } in meanings {
        let value = values.first().map_or("", String::as_str);
        let condition = match operator.as_str() {
            "eq" => Condition::eq(column, value),
            "neq" => Condition::neq(column, value),
            "lt" => Condition::lt(column, value),
            "lte" => Condition::lte(column, value),
            "gt" => Condition::gt(column, value),
            "gte" => Condition::gte(column, value),
            "like" => Condition::like(column, value),
            "ilike" => Condition::ilike(column, value),
            "match" => Condition::matches(column, value),
            "imatch" => Condition::imatches(column, value),
            "isdistinct" => Condition::is_distinct(column, value),
            "in" => Condition::one_of(column, values),
            "is" => Condition::is(
                column,
                match value {
                    "null" => Is::Null,
                    "true" => Is::True,
                    "false" => Is::False,
                    _ => Is::Unknown,
                },
            ),
            // The grammar has no such operator, and neither has the builder.
            _ => return Err(FilterError::ListLength(0)),
        }?;
        let condition = if *negated { condition.not() } else { condition };
        filter = Some(match filter {
            Some(filter) => filter.and(condition),
            None => condition.into(),
        });
    }
    filter.ok_or(FilterError::ListLength(0))
}

#[rstest]
#[case::comma(Condition::eq("t", "a,b"), r#"t=eq."a,b""#)]
#[case::list(Condition::one_of("t", ["a", "b,c"]), r#"t=in.(a,"b,c")"#)]
#[case::numeric(Condition::eq("n", "1.50"), "n=eq.1.50")]
#[case::integer(Condition::gt("n", 1), "n=gt.1")]
#[case::timestamp(Condition::gte("ts", "2026-01-01"), "ts=gte.2026-01-01")]
#[case::empty(Condition::eq("t", ""), "t=eq.")]
#[case::quote(Condition::eq("t", "quo\"te"), r#"t=eq."quo\"te""#)]
#[case::is_true(Condition::is("ok", Is::True), "ok=is.true")]
#[case::unicode(Condition::eq("t", "Grüße 🚀"), "t=eq.Grüße 🚀")]
#[case::not(Condition::eq("id", 5).map(Condition::not), "id=not.eq.5")]
#[case::like(Condition::like("t", "a%"), "t=like.a%")]
fn prints_what_the_real_server_understood(#[case] condition: Result<Condition, FilterError>, #[case] printed: &str) {
    assert_eq!(condition.unwrap().to_string(), printed);
}

#[test]
fn what_cannot_be_said_is_refused() {
    assert_eq!(Condition::one_of("id", [0; 0]), Err(FilterError::ListLength(0)));
    assert_eq!(Condition::one_of("id", 0..101), Err(FilterError::ListLength(101)));
    assert!(Condition::one_of("id", 0..100).is_ok());
    for column in ["", " t", "a=b", "a,b", "t\n", "a\"b", "f(x)"] {
        assert_eq!(Condition::eq(column, 1), Err(FilterError::Column(column.to_owned())));
    }
    assert_eq!(Condition::eq("t", "\0"), Err(FilterError::Zero));
}

fn meaning() -> impl Strategy<Value = Meaning> {
    let operator = prop::sample::select(vec![
        "eq",
        "neq",
        "lt",
        "lte",
        "gt",
        "gte",
        "like",
        "ilike",
        "match",
        "imatch",
        "isdistinct",
        "in",
        "is",
    ]);
    let value = "[a-zA-Z0-9 ,()\"\\\\{}.=%äß\n-]{0,8}";
    (operator, any::<bool>(), prop::collection::vec(value, 1..4), "[a-z_][a-z0-9_ .-]{0,6}[a-z]").prop_map(
        |(operator, negated, mut values, column)| {
            match operator {
                "in" => {}
                "is" => values = vec![["null", "true", "false", "unknown"][values[0].len() % 4].to_owned()],
                _ => values.truncate(1),
            }
            Meaning { column, negated, operator: operator.to_owned(), values }
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_built_is_read_back_the_same(meanings in prop::collection::vec(meaning(), 1..4)) {
        let printed = built(&meanings).unwrap().to_string();
        prop_assert_eq!(parsed(&printed), Some(meanings), "{}", printed);
    }
}
