//! What views filter and sort tasks by, taken from the visible row with the types that memory compares.

use cockpit_domain::{Priority, RecordId, Task, TaskStatus};
use jiff::civil::Date;
use uuid::Uuid;

use crate::fault::{Held, damaged};

/// The columns of `tasks` beside the row itself.
#[derive(Debug, PartialEq)]
pub(crate) struct TaskKeys {
    pub(crate) trashed: bool,
    pub(crate) status: i64,
    pub(crate) priority: i64,
    pub(crate) due_day: Option<i64>,
    /// Postgres keeps microseconds and this machine milliseconds, so nothing is cut off.
    pub(crate) updated_us: i64,
    pub(crate) rank: String,
    pub(crate) name_lower: String,
    pub(crate) project_id: Option<Uuid>,
    pub(crate) assignee: Option<Uuid>,
    pub(crate) tags: Option<String>,
}

impl TaskKeys {
    /// `None` for a row that this version of the app cannot read as a task: it is kept and synced, and no view shows it.
    pub(crate) fn of(id: RecordId, visible: Option<&str>) -> Held<Option<Self>> {
        let Some(row) = visible else { return Ok(None) };
        match serde_json::from_str::<Task>(row) {
            Ok(task) => Self::of_task(task).map(Some),
            Err(error) => {
                tracing::warn!(task = %id, %error, "a task cannot be read by this version and is not shown");
                Ok(None)
            }
        }
    }

    fn of_task(task: Task) -> Held<Self> {
        let tags = if task.tags.is_empty() { None } else { Some(tags_text(&task.tags)?) };
        Ok(Self {
            trashed: task.deleted_at.is_some(),
            status: status_number(task.status),
            priority: priority_number(task.priority),
            due_day: task.due_date.map(day_number),
            updated_us: task.updated_at.as_microsecond(),
            rank: task.rank,
            name_lower: task.name.to_lowercase(),
            project_id: task.project_id.map(|id| id.0),
            assignee: task.assignee.map(|id| id.0),
            tags,
        })
    }
}

/// Numbers in the order of the enum, which is the order of the sort.
pub(crate) fn status_number(status: TaskStatus) -> i64 {
    match status {
        TaskStatus::Open => 0,
        TaskStatus::InProgress => 1,
        TaskStatus::Review => 2,
        TaskStatus::Done => 3,
        TaskStatus::Cancelled => 4,
    }
}

/// A civil date as a number that sorts as the date and that a person can read: 2026-01-02 is 20260102.
pub(crate) fn day_number(date: Date) -> i64 {
    i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
}

/// Tags as JSON, one way only, so that a tag can be searched for in the form it has there.
pub(crate) fn tags_text(tags: &(impl serde::Serialize + ?Sized)) -> Held<String> {
    serde_json::to_string(tags).map_err(damaged)
}

fn priority_number(priority: Priority) -> i64 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Urgent => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_the_values_do() {
        let dates =
            ["-009999-12-31", "-000001-12-31", "0000-01-01", "0001-01-01", "2026-01-31", "2026-02-01", "9999-12-31"];
        let numbers: Vec<i64> = dates.iter().map(|date| day_number(date.parse().unwrap())).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
        let statuses =
            [TaskStatus::Open, TaskStatus::InProgress, TaskStatus::Review, TaskStatus::Done, TaskStatus::Cancelled];
        assert!(statuses.is_sorted() && statuses.map(status_number).is_sorted());
        let priorities = [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent];
        assert!(priorities.is_sorted() && priorities.map(priority_number).is_sorted());
    }
}
