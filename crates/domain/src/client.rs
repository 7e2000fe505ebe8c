//! Clients: who the work is for.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Priority, RecordId};

/// A client as its row crosses the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Client {
    /// The record's id.
    pub id: RecordId,
    /// Raised by the server with every change.
    #[ts(type = "number")]
    pub version: i64,
    /// Name of the company or person.
    pub name: String,
    /// How pressing their work is.
    pub priority: Priority,
    /// Long text.
    #[serde(default)]
    pub notes: Option<String>,
    /// Where the contract lies.
    #[serde(default)]
    pub contract_url: Option<String>,
    /// ISO 4217 code of the currency they are billed in.
    #[serde(default)]
    pub billing_currency: Option<String>,
    /// Where to write to them.
    #[serde(default)]
    pub email: Option<String>,
    /// Whether it is put away.
    #[serde(default)]
    pub archived: bool,
}
