//! Views: which tasks a list shows, in which order. A closed grammar, so that SQLite and memory agree on it.

use std::cmp::Ordering;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, RecordId, Task, TaskStatus};

/// What a task list shows. Equal specs share one view in the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TaskViewSpec {
    /// Which tasks.
    #[serde(default)]
    pub filter: TaskFilter,
    /// In which order.
    #[serde(default)]
    pub order: TaskOrder,
}

/// All given conditions must hold; an absent one holds always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TaskFilter {
    /// One of these; empty means any.
    #[serde(default)]
    pub statuses: Vec<TaskStatus>,
    /// Of this project.
    #[serde(default)]
    pub project: Option<RecordId>,
    /// Of this person.
    #[serde(default)]
    pub assignee: Option<MemberId>,
    /// Carrying this tag.
    #[serde(default)]
    pub tag: Option<String>,
    /// Due so.
    #[serde(default)]
    pub due: Option<DueFilter>,
    /// Whose name contains this, without regard to case.
    #[serde(default)]
    pub text: Option<String>,
    /// The trash instead of the living.
    #[serde(default)]
    pub trashed: bool,
}

/// A condition on the due date, against the civil date of today that the engine passes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum DueFilter {
    /// Before today.
    Overdue,
    /// Today or before.
    Today,
    /// Within the next seven days, or before.
    Week,
    /// Without a due date.
    None,
}

/// An order; ties are broken by id, so that every order is total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TaskOrder {
    /// By what.
    #[serde(default)]
    pub by: TaskSort,
    /// Largest first. Tasks without a value come last either way.
    #[serde(default)]
    pub descending: bool,
}

/// What tasks are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum TaskSort {
    /// The order people gave them.
    #[default]
    Rank,
    /// Due date.
    Due,
    /// How pressing.
    Priority,
    /// Name, without regard to case.
    Name,
    /// Where it stands.
    Status,
    /// Last changed.
    Updated,
}

impl TaskFilter {
    /// Whether the filter lets the task through, on the civil date `today`.
    pub fn matches(&self, task: &Task, today: Date) -> bool {
        self.trashed == task.deleted_at.is_some()
            && (self.statuses.is_empty() || self.statuses.contains(&task.status))
            && self.project.is_none_or(|project| task.project_id == Some(project))
            && self.assignee.is_none_or(|assignee| task.assignee == Some(assignee))
            && self.tag.as_ref().is_none_or(|tag| task.tags.contains(tag))
            && self.due.is_none_or(|due| due.matches(task.due_date, today))
            && self.text.as_ref().is_none_or(|text| task.name.to_lowercase().contains(&text.to_lowercase()))
    }
}

impl DueFilter {
    /// Whether a due date satisfies the condition on the civil date `today`.
    pub fn matches(self, due: Option<Date>, today: Date) -> bool {
        match (self, due) {
            (Self::None, due) => due.is_none(),
            (_, None) => false,
            (Self::Overdue, Some(due)) => due < today,
            (Self::Today, Some(due)) => due <= today,
            (Self::Week, Some(due)) => due <= today.saturating_add(jiff::Span::new().days(7)),
        }
    }
}

impl TaskOrder {
    /// Compares two tasks; never `Equal` for two different ids.
    pub fn compare(self, a: &Task, b: &Task) -> Ordering {
        let directed = |ordering: Ordering| if self.descending { ordering.reverse() } else { ordering };
        let key = match self.by {
            TaskSort::Rank => directed(a.rank.cmp(&b.rank)),
            // Tasks without a due date come last in both directions: a list sorted by date begins with dates.
            TaskSort::Due => match (a.due_date, b.due_date) {
                (Some(a), Some(b)) => directed(a.cmp(&b)),
                (a, b) => b.is_some().cmp(&a.is_some()),
            },
            TaskSort::Priority => directed(a.priority.cmp(&b.priority)),
            TaskSort::Name => directed(a.name.to_lowercase().cmp(&b.name.to_lowercase())),
            TaskSort::Status => directed(a.status.cmp(&b.status)),
            TaskSort::Updated => directed(a.updated_at.cmp(&b.updated_at)),
        };
        key.then_with(|| a.id.cmp(&b.id))
    }
}
