//! Tasks.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{AppError, MemberId, RecordId};

/// A task as its row crosses the wire. Unknown columns are ignored, so that an older app reads a newer server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Task {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change; 0 while only this device knows the task.
    #[ts(type = "number")]
    pub version: i64,
    /// The project it belongs to, if any.
    pub project_id: Option<RecordId>,
    /// The task it is a part of, if any.
    pub parent_task: Option<RecordId>,
    /// What is to be done, one line of 1 to 500 characters.
    pub name: String,
    /// A free label of the kind of work.
    pub task_type: Option<String>,
    /// Who does it.
    pub assignee: Option<MemberId>,
    /// Where it stands.
    pub status: TaskStatus,
    /// A free label of the review it is in.
    pub review_stage: Option<String>,
    /// How pressing it is.
    pub priority: Priority,
    /// The civil date it should begin on.
    #[ts(type = "string | null")]
    pub start_date: Option<Date>,
    /// The civil date it should be done by.
    #[ts(type = "string | null")]
    pub due_date: Option<Date>,
    /// Expected work in hours, 0 or more.
    #[ts(type = "string | null")]
    pub estimate_hours: Option<Decimal>,
    /// Whether its hours are charged.
    #[serde(default = "yes")]
    pub billable: bool,
    /// Long text.
    #[serde(default)]
    pub notes: Option<String>,
    /// A set of labels, without order or repetition.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Position among its siblings, compared byte by byte.
    pub rank: String,
    /// When it was written, by the server's clock once it is confirmed.
    #[ts(type = "string")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[ts(type = "string")]
    pub updated_at: Timestamp,
    /// Who wrote it.
    #[serde(default)]
    pub created_by: Option<MemberId>,
    /// When it went to the trash; null while it is alive.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
}

/// A task as a list shows it: the row and what this device knows about its journey.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TaskRow {
    /// The row as this person sees it: confirmed values with their own unsent changes on top.
    pub task: Task,
    /// Whether a change of this device has not come back from the server yet.
    pub pending: bool,
    /// Why a change of this record was refused, while that is unresolved.
    pub failed: Option<AppError>,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum TaskStatus {
    /// Not begun.
    Open,
    /// Somebody is at it.
    InProgress,
    /// Waiting for somebody's judgement.
    Review,
    /// Done.
    Done,
    /// Will not be done.
    Cancelled,
}

/// How pressing something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Priority {
    /// When there is time.
    Low,
    /// In its turn.
    Normal,
    /// Before others.
    High,
    /// Now.
    Urgent,
}

fn yes() -> bool {
    true
}
