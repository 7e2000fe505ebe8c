//! What an hour costs and what is charged for it; finance scope.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, RecordId, Role};

/// A rate as its row crosses the wire: of exactly one of a person, a role, a project and a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Rate {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change; 0 while only this device knows it.
    #[ts(type = "number")]
    pub version: i64,
    /// Cost or price.
    pub kind: RateKind,
    /// The person it is of.
    #[serde(default)]
    pub member_id: Option<MemberId>,
    /// The role it is of.
    #[serde(default)]
    pub role: Option<Role>,
    /// The project it is of.
    #[serde(default)]
    pub project_id: Option<RecordId>,
    /// The model it is of.
    #[serde(default)]
    pub economics_model: Option<RecordId>,
    /// The amount for an hour, 0 or more.
    #[ts(type = "string")]
    pub amount: Decimal,
    /// ISO 4217 code of the amount.
    pub currency: String,
    /// The first civil date it holds on; it holds until the next of the same subject and kind.
    #[ts(type = "string")]
    pub valid_from: Date,
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

/// What a rate says of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum RateKind {
    /// What it costs.
    Cost,
    /// What is charged for it.
    Billable,
}
