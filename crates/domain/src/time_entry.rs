//! Tracked time, and the timers that run.

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, Pause, RecordId};

/// A time entry as its row crosses the wire: a range with pauses, or a duration. A range without an end is a running timer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TimeEntry {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change; 0 while only this device knows the entry.
    #[ts(type = "number")]
    pub version: i64,
    /// Whose time it is.
    pub member_id: MemberId,
    /// The task that was worked on, if any.
    #[serde(default)]
    pub task_id: Option<RecordId>,
    /// The project that was worked on, if any; the task's own project goes before it.
    #[serde(default)]
    pub project_id: Option<RecordId>,
    /// What was done, at most 500 characters.
    #[serde(default)]
    pub session_name: String,
    /// The civil date all its hours count on, also when the range passes midnight.
    #[ts(type = "string")]
    pub session_date: Date,
    /// When the range began; null for a duration.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When the range ended, itself not part of it; null for a duration and while the timer runs.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// Breaks within the range, in order; only the last may be without an end.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// The time worked in seconds when there is no range.
    #[ts(type = "number | null")]
    #[serde(default)]
    pub duration_seconds: Option<i64>,
    /// Long text.
    #[serde(default)]
    pub notes: Option<String>,
    /// Whether its hours are charged.
    #[serde(default = "yes")]
    pub billable: bool,
    /// What ended the range; null while it runs and for a duration.
    #[serde(default)]
    pub ended_by: Option<EndedBy>,
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

/// What ended a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum EndedBy {
    /// The person stopped it.
    Stop,
    /// The person began another.
    Switch,
    /// The person was away, and said that the time does not count.
    Idle,
    /// The person was removed from the workspace.
    Removed,
    /// It was imported with its end.
    Import,
}

impl TimeEntry {
    /// Whether it is a timer that nobody stopped, paused or not.
    pub fn is_running(&self) -> bool {
        self.started_at.is_some() && self.ended_at.is_none() && self.duration_seconds.is_none()
    }
}

fn yes() -> bool {
    true
}
