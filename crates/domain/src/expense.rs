//! What was spent on a project beside hours; finance scope.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, RecordId};

/// An expense as its row crosses the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Expense {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change; 0 while only this device knows it.
    #[ts(type = "number")]
    pub version: i64,
    /// The project it was for.
    pub project_id: RecordId,
    /// The civil date it counts on.
    #[ts(type = "string")]
    pub spent_on: Date,
    /// What it was, at most 1000 characters.
    #[serde(default)]
    pub description: String,
    /// What was paid, 0 or more.
    #[ts(type = "string")]
    pub amount: Decimal,
    /// ISO 4217 code of the amount.
    pub currency: String,
    /// Whether the client pays it back, at cost.
    #[serde(default)]
    pub billable: bool,
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
