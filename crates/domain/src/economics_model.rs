//! Assumptions about costs and margins; finance scope.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, RecordId};

/// A model that projects are reckoned with, as its row crosses the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct EconomicsModel {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change; 0 while only this device knows it.
    #[ts(type = "number")]
    pub version: i64,
    /// Its name.
    pub name: String,
    /// What an hour costs, and is charged at, where no rate says otherwise; 0 for none.
    #[ts(type = "string")]
    #[serde(default)]
    pub base_rate: Decimal,
    /// What each project of the model costs once, beside its hours and expenses; 0 or more.
    #[ts(type = "string")]
    #[serde(default)]
    pub direct_expenses: Decimal,
    /// The margin aimed at, in percent of revenue, 0 to 100.
    #[ts(type = "string")]
    #[serde(default)]
    pub margin_target: Decimal,
    /// What is added to labour for all that no project pays for, in percent of labour, 0 to 1000.
    #[ts(type = "string")]
    #[serde(default)]
    pub overhead_percent: Decimal,
    /// ISO 4217 code of its amounts.
    pub currency: String,
    /// Whether it is put away.
    #[serde(default)]
    pub archived: bool,
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
