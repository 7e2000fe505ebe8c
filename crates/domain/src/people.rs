//! Workspaces and the people in them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, TenantId, UserId};

/// A workspace as its row crosses the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Tenant {
    /// The workspace's id.
    pub id: TenantId,
    /// Raised by the server with every change.
    #[ts(type = "number")]
    pub version: i64,
    /// Its name.
    pub name: String,
    /// ISO 4217 code of the currency amounts are shown in.
    #[serde(default)]
    pub currency: Option<String>,
    /// IANA name of the time zone its civil dates are in.
    #[serde(default)]
    pub zone: Option<String>,
}

/// A person within one workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Member {
    /// The member's id; records refer to people by it.
    pub id: MemberId,
    /// Raised by the server with every change.
    #[ts(type = "number")]
    pub version: i64,
    /// The account, or null when it was erased.
    #[serde(default)]
    pub auth_user: Option<UserId>,
    /// What the person may do.
    pub role: Role,
    /// Whether the person may see money, where the role leaves it open.
    #[serde(default)]
    pub finance_right: bool,
    /// Name as shown.
    pub name: String,
    /// Where a picture lies, if there is one.
    #[serde(default)]
    pub avatar: Option<String>,
    /// One of twelve hues, 0 to 11, or null for the one that follows from the id.
    #[serde(default)]
    pub colour: Option<i16>,
    /// When the person was removed; null while they belong.
    #[ts(type = "string | null")]
    #[serde(default)]
    pub removed_at: Option<Timestamp>,
}

/// What a person may do in a workspace; each includes what the one below it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Role {
    /// Reads all but finance.
    Viewer,
    /// Also writes tasks, comments and their own time.
    Member,
    /// Also clients, projects, others' time, expenses and finance.
    Manager,
    /// Also people, rates and settings.
    Admin,
    /// Also ownership and deletion of the workspace.
    Owner,
}
