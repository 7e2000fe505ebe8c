//! What a field of a task may hold, as the window sends it.

use serde_json::{Map, Value, json};

use crate::{TaskDraft, TaskField};

impl TaskField {
    /// The field as column and value, as the window gave it; [`crate::check::checked`] says whether it may stand there.
    pub fn column(&self) -> (&'static str, Value) {
        match self {
            Self::Name(name) => ("name", json!(name)),
            Self::Status(status) => ("status", json!(status)),
            Self::Priority(priority) => ("priority", json!(priority)),
            Self::ProjectId(project) => ("project_id", json!(project)),
            Self::ParentTask(parent) => ("parent_task", json!(parent)),
            Self::Assignee(assignee) => ("assignee", json!(assignee)),
            Self::StartDate(date) => ("start_date", json!(date)),
            Self::DueDate(date) => ("due_date", json!(date)),
            Self::EstimateHours(hours) => ("estimate_hours", json!(hours)),
            Self::Billable(billable) => ("billable", json!(billable)),
            Self::Notes(notes) => ("notes", json!(notes)),
            Self::Tags(tags) => ("tags", json!(tags)),
            Self::Rank(rank) => ("rank", json!(rank)),
        }
    }
}

/// Fields of a task as columns.
pub fn columns(fields: &[TaskField]) -> Map<String, Value> {
    fields.iter().map(TaskField::column).map(|(column, value)| (column.to_owned(), value)).collect()
}

impl TaskDraft {
    /// The draft as columns.
    pub fn columns(&self) -> Map<String, Value> {
        let mut set = columns(&self.set);
        set.insert("name".to_owned(), json!(self.name));
        set
    }
}
