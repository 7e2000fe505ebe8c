//! Whether a value may stand in a column, and in which form. The same limits stand as constraints in `migrations/`; here they answer before
//! anything is written.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{AppError, Column, ErrorCode, Kind, Table};

/// The most characters of a wrong value that a message repeats.
const SHOWN: usize = 40;

/// Values of a change of `table`, cleaned: names are one trimmed line, labels a sorted set, decimals without zeros that say nothing, dates and instants in the
/// one form that the wire has.
///
/// # Errors
/// [`ErrorCode::Invalid`] when a column cannot be written or a value is outside what is allowed; `details.field` names the column.
pub fn checked(table: Table, set: &Map<String, Value>) -> Result<Map<String, Value>, AppError> {
    set.iter()
        .map(|(name, value)| {
            let column = table.column(name).ok_or_else(|| {
                invalid(name, format!("“{name}” is nothing that can be written in {}.", table.name()))
            })?;
            Ok((name.clone(), column.checked(value)?))
        })
        .collect()
}

/// All columns of a new record: those of `set`, cleaned, and the defaults of the others.
///
/// # Errors
/// Like [`checked`], and when a column that must be given is not.
pub fn completed(table: Table, set: &Map<String, Value>) -> Result<Map<String, Value>, AppError> {
    let mut row = checked(table, set)?;
    for column in table.columns() {
        if row.contains_key(column.name) {
            continue;
        }
        let default = column.default.and_then(|text| serde_json::from_str(text).ok());
        let value = default.ok_or_else(|| invalid(column.name, format!("“{}” must be given.", column.name)))?;
        row.insert(column.name.to_owned(), value);
    }
    Ok(row)
}

impl Column {
    /// The value in the form of the wire.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`] when it is outside what is allowed.
    pub fn checked(&self, value: &Value) -> Result<Value, AppError> {
        if value.is_null() {
            return match self.kind {
                _ if self.nullable => Ok(Value::Null),
                // A long text is never null on the server; no text is the empty one.
                Kind::Text(_) if self.default.is_some() => Ok(json!("")),
                Kind::Json(_) => Ok(Value::Null),
                _ => Err(self.wrong("must have a value")),
            };
        }
        match self.kind {
            Kind::Line(most) => self.line(value, most),
            Kind::Text(most) => self.text(value, most),
            Kind::Choice(words) => {
                let known = value.as_str().is_some_and(|word| words.contains(&word));
                if known { Ok(value.clone()) } else { Err(self.wrong(format!("is one of: {}", words.join(", ")))) }
            }
            Kind::Flag => value.as_bool().map(Value::from).ok_or_else(|| self.wrong("is true or false")),
            Kind::Integer(least, most) => match value.as_i64() {
                Some(number) if (least..=most).contains(&number) => Ok(json!(number)),
                _ => Err(self.wrong(format!("is a whole number from {least} to {most}"))),
            },
            Kind::Decimal { places, min, max } => self.decimal(value, places, min, max),
            Kind::Date => self.parsed::<Date>(value, "is a date such as 2026-01-31"),
            Kind::Instant => self.parsed::<Timestamp>(value, "is a moment such as 2026-01-31T09:30:00Z"),
            Kind::Record(_) | Kind::Id => self.parsed::<Uuid>(value, "is the id of a record"),
            Kind::Labels(count, length) => self.labels(value, count, length),
            Kind::Records(_) => {
                let ids: Result<Vec<Uuid>, _> = serde_json::from_value(value.clone());
                let mut ids = ids.map_err(|_| self.wrong("is a list of ids"))?;
                ids.sort();
                ids.dedup();
                Ok(json!(ids))
            }
            Kind::Currency => {
                let code =
                    value.as_str().filter(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()));
                code.map(Value::from).ok_or_else(|| self.wrong("is a currency's code such as EUR"))
            }
            Kind::Rank => {
                let fits =
                    |rank: &&str| (1..=200).contains(&rank.len()) && rank.bytes().all(|b| b.is_ascii_alphanumeric());
                value.as_str().filter(fits).map(Value::from).ok_or_else(|| self.wrong("is no position in a list"))
            }
            Kind::Pauses => {
                crate::timer::checked_pauses(value).ok_or_else(|| self.wrong("is a list of pauses in order"))
            }
            Kind::Json(most) => {
                if value.to_string().len() <= most {
                    Ok(value.clone())
                } else {
                    Err(self.wrong(format!("may have {most} bytes")))
                }
            }
        }
    }

    fn line(&self, value: &Value, most: usize) -> Result<Value, AppError> {
        let text = value.as_str().ok_or_else(|| self.wrong("is text"))?;
        // A pasted table or paragraph becomes one line; what it said stays.
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\0', "");
        match line.chars().count() {
            0 if self.nullable => Ok(Value::Null),
            0 => Err(self.wrong("cannot be empty")),
            count if count > most => Err(self.wrong(format!("may have {most} characters, this has {count}"))),
            _ => Ok(json!(line)),
        }
    }

    fn text(&self, value: &Value, most: usize) -> Result<Value, AppError> {
        let text = value.as_str().ok_or_else(|| self.wrong("is text"))?.replace('\0', "");
        let count = text.chars().count();
        if count > most {
            let message = format!(
                "may have {most} characters, this has {count}. Shorten it, or put it into a document and link that"
            );
            return Err(self.wrong(message));
        }
        if text.trim().is_empty() && self.default.is_none() {
            return Err(self.wrong("cannot be empty"));
        }
        Ok(json!(text))
    }

    fn decimal(&self, value: &Value, places: u32, min: i64, max: i64) -> Result<Value, AppError> {
        // Numbers cross as text; a whole JSON number is as exact.
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) if number.is_i64() => number.to_string(),
            _ => return Err(self.wrong("is a decimal number, written as text")),
        };
        let number: Decimal = text.trim().parse().map_err(|_| self.wrong("is a decimal number such as 12.5"))?;
        if number < Decimal::from(min) || number > Decimal::from(max) {
            return Err(self.wrong(format!("lies between {min} and {max}")));
        }
        Ok(json!(number.round_dp(places).normalize().to_string()))
    }

    fn labels(&self, value: &Value, most: usize, length: usize) -> Result<Value, AppError> {
        let labels: Vec<String> =
            serde_json::from_value(value.clone()).map_err(|_| self.wrong("is a list of labels"))?;
        let mut labels: Vec<String> =
            labels.iter().map(|label| label.trim().replace('\0', "")).filter(|label| !label.is_empty()).collect();
        labels.sort();
        labels.dedup();
        if labels.len() > most {
            return Err(self.wrong(format!("may have {most} labels")));
        }
        match labels.iter().find(|label| label.chars().count() > length) {
            Some(long) => {
                let shown: String = long.chars().take(SHOWN).collect();
                Err(self.wrong(format!("may have labels of {length} characters; “{shown}…” is longer")))
            }
            None => Ok(json!(labels)),
        }
    }

    fn parsed<T: std::str::FromStr + serde::Serialize>(&self, value: &Value, what: &str) -> Result<Value, AppError> {
        let parsed = value.as_str().and_then(|text| text.parse::<T>().ok());
        parsed.map(|parsed| json!(parsed)).ok_or_else(|| self.wrong(what))
    }

    fn wrong(&self, what: impl AsRef<str>) -> AppError {
        invalid(self.name, format!("“{}” {}.", self.name, what.as_ref()))
    }
}

fn invalid(field: &str, message: String) -> AppError {
    AppError::new(ErrorCode::Invalid, message).with_details(json!({ "field": field }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::trimmed_to_one_line("name", json!("  call\tthe\n printer "), json!("call the printer"))]
    #[case::emoji_and_right_to_left("name", json!("🖨️ اتصل"), json!("🖨️ اتصل"))]
    #[case::labels_are_a_set("tags", json!(["b", " a", "b", ""]), json!(["a", "b"]))]
    #[case::hours_cross_as_text("estimate_hours", json!("12.50"), json!("12.5"))]
    #[case::whole_hours("estimate_hours", json!(12), json!("12"))]
    #[case::no_notes_are_empty_notes("notes", Value::Null, json!(""))]
    #[case::an_empty_line_is_none("task_type", json!("  "), Value::Null)]
    #[case::a_date("due_date", json!("2026-02-28"), json!("2026-02-28"))]
    fn cleans(#[case] column: &str, #[case] value: Value, #[case] expected: Value) {
        assert_eq!(Table::Tasks.column(column).unwrap().checked(&value).unwrap(), expected);
    }

    #[rstest]
    #[case::empty_name(Table::Tasks, "name", json!(" \n"))]
    #[case::no_name(Table::Tasks, "name", Value::Null)]
    #[case::long_name(Table::Tasks, "name", json!("x".repeat(501)))]
    #[case::negative_hours(Table::Tasks, "estimate_hours", json!("-1"))]
    #[case::a_float_is_not_exact(Table::Tasks, "estimate_hours", json!(0.1))]
    #[case::huge_notes(Table::Tasks, "notes", json!("x".repeat(100_001)))]
    #[case::long_label(Table::Tasks, "tags", json!(["x".repeat(61)]))]
    #[case::rank_with_a_space(Table::Tasks, "rank", json!("a b"))]
    #[case::another_status(Table::Tasks, "status", json!("finished"))]
    #[case::no_such_day(Table::Tasks, "due_date", json!("2026-02-30"))]
    #[case::what_only_the_server_writes(Table::Tasks, "version", json!(7))]
    #[case::more_than_all(Table::ProjectBudgets, "alert_at", json!("100.01"))]
    #[case::small_letters(Table::Expenses, "currency", json!("eur"))]
    #[case::an_empty_comment(Table::Comments, "body", json!(" \n "))]
    #[case::half_a_second(Table::TimeEntries, "duration_seconds", json!(0.5))]
    fn refuses_with_the_field(#[case] table: Table, #[case] column: &str, #[case] value: Value) {
        let set = Map::from_iter([(column.to_owned(), value)]);
        let error = checked(table, &set).unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid);
        assert_eq!(error.details["field"], column);
    }

    #[test]
    fn a_new_record_has_every_column_and_its_defaults_are_allowed() {
        for table in Table::ALL {
            for column in table.columns() {
                if let Some(default) = column.default {
                    let default = serde_json::from_str(default).unwrap();
                    assert_eq!(column.checked(&default).unwrap(), default, "{}.{}", table.name(), column.name);
                }
            }
        }
        let set = Map::from_iter([("name".to_owned(), json!("x")), ("rank".to_owned(), json!("a0"))]);
        let row = completed(Table::Tasks, &set).unwrap();
        assert_eq!(row.len(), Table::Tasks.columns().len());
        assert_eq!(row["status"], "open");
        assert_eq!(completed(Table::Tasks, &Map::new()).unwrap_err().details["field"], "name");
    }
}
