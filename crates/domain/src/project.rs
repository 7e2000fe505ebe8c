//! Projects, without their money: that lives in the finance scope.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, Priority, RecordId};

/// A project as its row crosses the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Project {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change.
    #[ts(type = "number")]
    pub version: i64,
    /// Who it is for.
    pub client_id: Option<RecordId>,
    /// Its name.
    pub name: String,
    /// Long text.
    #[serde(default)]
    pub description: Option<String>,
    /// A free label of the kind of work.
    #[serde(default)]
    pub project_type: Option<String>,
    /// How pressing it is.
    pub priority: Priority,
    /// Where it stands.
    pub status: ProjectStatus,
    /// Planned first day.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub start_date: Option<Date>,
    /// Planned last day.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub target_end_date: Option<Date>,
    /// The day it really ended.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub actual_end_date: Option<Date>,
    /// Who answers for it.
    #[serde(default)]
    pub project_owner: Option<MemberId>,
    /// Whether it is put away.
    #[serde(default)]
    pub archived: bool,
}

/// Where a project stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ProjectStatus {
    /// Agreed, not begun.
    Planned,
    /// Under way.
    Active,
    /// Waiting.
    OnHold,
    /// Done.
    Done,
    /// Will not be done.
    Cancelled,
}
