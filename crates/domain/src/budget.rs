//! The money of a project; finance scope.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, RecordId};

/// The money of a project as its row crosses the wire; its id is the project's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProjectBudget {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change; 0 while only this device knows it.
    #[ts(type = "number")]
    pub version: i64,
    /// How the client pays.
    pub billing: Billing,
    /// The price of a fixed project, the ceiling of an hourly one, the amount of each month of a retainer; 0 or more.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub budget: Option<Decimal>,
    /// The estimate in hours, 0 or more; of a retainer, the hours of each month.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub budget_hours: Option<Decimal>,
    /// The percentage of the budget, 0 to 100, from which on people are warned.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub alert_at: Option<Decimal>,
    /// ISO 4217 code of `budget`; null for the workspace's.
    #[serde(default)]
    pub currency: Option<String>,
    /// The model that the project is reckoned with.
    #[serde(default)]
    pub economics_model: Option<RecordId>,
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

/// How a client pays for a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Billing {
    /// One price for the whole.
    Fixed,
    /// By the hour.
    Hourly,
    /// One amount for each month.
    Retainer,
}
