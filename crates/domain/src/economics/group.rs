//! What figures are asked for.

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{MemberId, RecordId};

/// A group of lines that has figures of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(tag = "group", rename_all = "snake_case")]
#[ts(export)]
pub enum GroupKey {
    /// Everything.
    Workspace,
    /// One task, without the tasks below it.
    Task {
        /// The task.
        id: RecordId,
    },
    /// One project.
    Project {
        /// The project.
        id: RecordId,
    },
    /// All projects of a client.
    Client {
        /// The client.
        id: RecordId,
    },
    /// One person.
    Person {
        /// The member.
        id: MemberId,
    },
    /// Seven days.
    Week {
        /// The first of them.
        #[ts(type = "string")]
        from: Date,
    },
    /// A calendar month.
    Month {
        /// The first of its days.
        #[ts(type = "string")]
        from: Date,
    },
    /// One project in a calendar month.
    ProjectMonth {
        /// The project.
        id: RecordId,
        /// The first day of the month.
        #[ts(type = "string")]
        from: Date,
    },
}

/// What a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The civil date it counts on.
    pub date: Date,
    /// Its task.
    pub task: Option<RecordId>,
    /// Its project.
    pub project: Option<RecordId>,
    /// Its client.
    pub client: Option<RecordId>,
    /// Its person.
    pub member: Option<MemberId>,
}

impl Place {
    /// Every group that a line here is part of.
    pub fn groups(&self, week_start: Weekday) -> impl Iterator<Item = GroupKey> + use<> {
        let month = self.date.first_of_month();
        [
            Some(GroupKey::Workspace),
            self.task.map(|id| GroupKey::Task { id }),
            self.project.map(|id| GroupKey::Project { id }),
            self.client.map(|id| GroupKey::Client { id }),
            self.member.map(|id| GroupKey::Person { id }),
            Some(GroupKey::Week { from: first_of_week(self.date, week_start) }),
            Some(GroupKey::Month { from: month }),
            self.project.map(|id| GroupKey::ProjectMonth { id, from: month }),
        ]
        .into_iter()
        .flatten()
    }
}

/// The first day of the week that `date` lies in. With Monday it is the ISO week. The very first week of the calendar begins where the calendar does.
pub fn first_of_week(date: Date, week_start: Weekday) -> Date {
    let back = i64::from(week_start.until(date.weekday()));
    date.saturating_sub(back.days())
}
