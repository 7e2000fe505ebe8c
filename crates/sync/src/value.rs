//! Whether two values of a column are the same to a person, however they are written.

use cockpit_domain::{Kind, Pause, Table};
use jiff::Timestamp;
use serde_json::Value;

/// Equal, where the server may write the same value in another way: numbers as text keep the zeros of their column, instants keep their
/// microseconds, and labels are a set without an order. An absent value is null.
pub(crate) fn same(table: Table, column: &str, one: Option<&Value>, other: Option<&Value>) -> bool {
    let (one, other) = (one.unwrap_or(&Value::Null), other.unwrap_or(&Value::Null));
    match (table.column(column).map(|column| column.kind), one, other) {
        (Some(Kind::Decimal { .. }), Value::String(one), Value::String(other)) => plain(one) == plain(other),
        (Some(Kind::Instant), Value::String(one), Value::String(other)) => {
            one == other || moment(one).is_some_and(|at| moment(other) == Some(at))
        }
        (Some(Kind::Pauses), Value::Array(_), Value::Array(_)) => pauses(one) == pauses(other),
        (Some(Kind::Labels(..) | Kind::Records(_)), Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().all(|item| other.contains(item))
        }
        _ => one == other,
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn pauses(value: &Value) -> Option<Vec<Pause>> {
    serde_json::from_value(value.clone()).ok()
}

/// A decimal number without the zeros that say nothing.
fn plain(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::zeros("estimate_hours", json!("12.5"), json!("12.50"), true)]
    #[case::whole_hours("estimate_hours", json!("10"), json!("10.00"), true)]
    #[case::other_hours("estimate_hours", json!("10"), json!("1"), false)]
    #[case::names_are_text("name", json!("1.5"), json!("1.50"), false)]
    #[case::order_of_tags("tags", json!(["a", "b"]), json!(["b", "a"]), true)]
    #[case::other_tags("tags", json!(["a", "b"]), json!(["a", "c"]), false)]
    fn compares(#[case] column: &str, #[case] one: Value, #[case] other: Value, #[case] expected: bool) {
        assert_eq!(same(Table::Tasks, column, Some(&one), Some(&other)), expected);
    }

    #[test]
    fn an_absent_value_is_null() {
        assert!(same(Table::Tasks, "notes", None, Some(&Value::Null)));
    }
}
