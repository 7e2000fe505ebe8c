//! What-if questions; finance scope.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::{MemberId, RecordId};

/// A scenario as its row crosses the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Scenario {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change; 0 while only this device knows it.
    #[ts(type = "number")]
    pub version: i64,
    /// Its name.
    pub name: String,
    /// The project whose actuals it starts from; null for the whole workspace.
    #[serde(default)]
    pub project_id: Option<RecordId>,
    /// The model it takes its target from, where its assumptions say none.
    #[serde(default)]
    pub economics_model: Option<RecordId>,
    /// What it supposes: an [`Assumptions`](crate::economics::Assumptions) as JSON.
    #[ts(type = "unknown")]
    #[serde(default)]
    pub assumptions: Value,
    /// Long text.
    #[serde(default)]
    pub notes: Option<String>,
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
