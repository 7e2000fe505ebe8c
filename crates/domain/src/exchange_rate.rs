//! What other currencies are worth; finance scope.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, RecordId};

/// A line of the workspace's own currency table, as its row crosses the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ExchangeRate {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change; 0 while only this device knows it.
    #[ts(type = "number")]
    pub version: i64,
    /// ISO 4217 code of the other currency.
    pub currency: String,
    /// The first civil date it holds on; it holds until the next of the same currency.
    #[ts(type = "string")]
    pub valid_from: Date,
    /// How much of the workspace's currency one unit of the other is worth; above 0, with at most ten places.
    #[ts(type = "string")]
    pub rate: Decimal,
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
