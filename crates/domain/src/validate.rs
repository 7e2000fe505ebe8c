//! What a field of a task may hold. The same limits stand as constraints in `migrations/`; here they answer before anything is written.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::{AppError, ErrorCode, TaskField};

/// Characters a name may have.
pub(crate) const NAME_MAX: usize = 500;
/// Characters a long text may have.
pub(crate) const TEXT_MAX: usize = 100_000;
/// Labels a task may carry.
pub(crate) const TAGS_MAX: usize = 50;
/// Characters a label may have.
pub(crate) const TAG_MAX: usize = 60;

impl TaskField {
    /// The field as column and JSON value, cleaned (names trimmed, labels trimmed, sorted and without repetition).
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`] when the value is outside what is allowed; `details.field` names the column.
    pub fn checked(&self) -> Result<(&'static str, Value), AppError> {
        Ok(match self {
            Self::Name(name) => ("name", json!(checked_name(name)?)),
            Self::Status(status) => ("status", json!(status)),
            Self::Priority(priority) => ("priority", json!(priority)),
            Self::ProjectId(project) => ("project_id", json!(project)),
            Self::ParentTask(parent) => ("parent_task", json!(parent)),
            Self::Assignee(assignee) => ("assignee", json!(assignee)),
            Self::StartDate(date) => ("start_date", json!(date)),
            Self::DueDate(date) => ("due_date", json!(date)),
            Self::EstimateHours(hours) => ("estimate_hours", json!(checked_hours(*hours)?)),
            Self::Billable(billable) => ("billable", json!(billable)),
            Self::Notes(notes) => ("notes", json!(checked_notes(notes.as_deref().unwrap_or_default())?)),
            Self::Tags(tags) => ("tags", json!(checked_tags(tags)?)),
            Self::Rank(rank) => ("rank", json!(checked_rank(rank)?)),
        })
    }
}

fn checked_name(name: &str) -> Result<String, AppError> {
    // A pasted table or paragraph becomes one line; what it said stays.
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ").replace('\0', "");
    match name.chars().count() {
        0 => Err(invalid("name", "A task needs a name. Type what is to be done.")),
        n if n > NAME_MAX => Err(invalid(
            "name",
            format!("A name may have {NAME_MAX} characters, this one has {n}. Put the rest into the notes."),
        )),
        _ => Ok(name),
    }
}

fn checked_hours(hours: Option<Decimal>) -> Result<Option<Decimal>, AppError> {
    match hours {
        Some(hours) if hours.is_sign_negative() || hours > Decimal::from(100_000) => {
            Err(invalid("estimate_hours", "An estimate lies between 0 and 100,000 hours."))
        }
        hours => Ok(hours.map(|hours| hours.round_dp(2).normalize())),
    }
}

/// The column is never null: no notes are empty notes.
fn checked_notes(notes: &str) -> Result<String, AppError> {
    let notes = notes.replace('\0', "");
    if notes.chars().count() > TEXT_MAX {
        return Err(invalid(
            "notes",
            format!("Notes may have {TEXT_MAX} characters. Shorten them, or put the text into a document and link it."),
        ));
    }
    Ok(notes)
}

fn checked_tags(tags: &[String]) -> Result<Vec<String>, AppError> {
    let mut tags: Vec<String> =
        tags.iter().map(|tag| tag.trim().replace('\0', "")).filter(|tag| !tag.is_empty()).collect();
    tags.sort();
    tags.dedup();
    if tags.len() > TAGS_MAX {
        return Err(invalid("tags", format!("A task may carry {TAGS_MAX} tags.")));
    }
    if let Some(long) = tags.iter().find(|tag| tag.chars().count() > TAG_MAX) {
        return Err(invalid("tags", format!("A tag may have {TAG_MAX} characters; “{long}” is longer.")));
    }
    Ok(tags)
}

fn checked_rank(rank: &str) -> Result<&str, AppError> {
    let fits = !rank.is_empty() && rank.len() <= 200 && rank.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(rank) } else { Err(invalid("rank", "That is not a position in a list.")) }
}

fn invalid(field: &str, message: impl Into<String>) -> AppError {
    AppError::new(ErrorCode::Invalid, message).with_details(json!({ "field": field }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::trimmed_to_one_line(TaskField::Name("  call\tthe\n printer ".into()), json!("call the printer"))]
    #[case::emoji_and_right_to_left(TaskField::Name("🖨️ اتصل".into()), json!("🖨️ اتصل"))]
    #[case::tags_are_a_set(TaskField::Tags(vec!["b".into(), " a".into(), "b".into(), "".into()]), json!(["a", "b"]))]
    #[case::hours_cross_as_text(TaskField::EstimateHours(Some(Decimal::new(1250, 2))), json!("12.5"))]
    #[case::no_notes_are_empty_notes(TaskField::Notes(None), json!(""))]
    fn cleans(#[case] field: TaskField, #[case] expected: Value) {
        assert_eq!(field.checked().unwrap().1, expected);
    }

    #[rstest]
    #[case::empty_name(TaskField::Name(" \n".into()), "name")]
    #[case::long_name(TaskField::Name("x".repeat(501)), "name")]
    #[case::negative_hours(TaskField::EstimateHours(Some(Decimal::NEGATIVE_ONE)), "estimate_hours")]
    #[case::huge_notes(TaskField::Notes(Some("x".repeat(100_001))), "notes")]
    #[case::long_tag(TaskField::Tags(vec!["x".repeat(61)]), "tags")]
    #[case::rank_with_a_space(TaskField::Rank("a b".into()), "rank")]
    fn refuses_with_the_field(#[case] field: TaskField, #[case] column: &str) {
        let error = field.checked().unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid);
        assert_eq!(error.details["field"], column);
    }
}
