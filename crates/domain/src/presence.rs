//! Who is here and what they are at. None of it is stored: it is told by Realtime and forgotten.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, RecordId, Table};

/// What somebody is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Activity {
    /// Nothing for a while.
    Idle,
    /// Looking.
    Viewing,
    /// Changing something.
    Editing,
}

/// A place in the app.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Place {
    /// The part of the app: `tasks`, `projects`, `economics`, `time`, …; at most 40 characters.
    pub module: String,
    /// The record that is open, if one is.
    #[serde(default)]
    pub record: Option<PlaceRecord>,
}

/// A record as a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PlaceRecord {
    /// Its table.
    pub table: Table,
    /// Its id.
    pub id: RecordId,
}

/// A person who is here, with all their devices and windows folded into one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Present {
    /// Who.
    pub member: MemberId,
    /// The liveliest of what their devices do.
    pub activity: Activity,
    /// Where they are, by the device that is liveliest; several when they are at several places.
    pub places: Vec<Place>,
    /// On how many devices.
    pub devices: u32,
}

/// Where somebody is in a text: shown for two seconds, and never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Pointer {
    /// Who, by their own word.
    pub member: MemberId,
    /// The record.
    pub record: PlaceRecord,
    /// The column; at most 64 characters.
    pub field: String,
    /// Where the selection begins, in UTF-16 code units from the start of the text.
    pub from: u32,
    /// Where it ends; equal to `from` for a cursor.
    pub to: u32,
    /// Whether they are writing.
    #[serde(default)]
    pub typing: bool,
}
