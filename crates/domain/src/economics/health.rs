//! How a project does: a hundred less what stated reasons take away.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Amount, Burn, Hours, Ledger, project_figures::hours_percent, totals::percent};
use crate::{Billing, ProjectStatus, RecordId};

/// How a project does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Health {
    /// A hundred less the points of all reasons, 0 to 100.
    pub score: u8,
    /// What takes points away; none for a score of a hundred.
    pub reasons: Vec<HealthReason>,
}

/// What takes points of a project's health away. The formula is in `docs/economics.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[ts(export)]
pub enum HealthReason {
    /// Its last planned day is over.
    Overdue {
        /// How many days ago that was.
        days: u32,
        /// Points, 21 to 40.
        points: u8,
    },
    /// More of its time is over than of its tasks done.
    Behind {
        /// By how many percent of the whole.
        percent: Amount,
        /// Points, 1 to 40.
        points: u8,
    },
    /// More than the budget is used, in hours or in money.
    OverBudget {
        /// How much of it.
        percent: Amount,
        /// Points, 20 to 40.
        points: u8,
    },
    /// As much of the budget is used as people want to be warned of.
    NearBudget {
        /// How much of it.
        percent: Amount,
        /// Points: 10.
        points: u8,
    },
    /// The hours worked and those that open tasks need are more than the estimate.
    Scope {
        /// How much of the estimate they are.
        percent: Amount,
        /// Points, 1 to 20.
        points: u8,
    },
}

impl HealthReason {
    fn points(self) -> u8 {
        match self {
            Self::Overdue { points, .. }
            | Self::Behind { points, .. }
            | Self::OverBudget { points, .. }
            | Self::NearBudget { points, .. }
            | Self::Scope { points, .. } => points,
        }
    }
}

impl Ledger {
    pub(super) fn health(&self, project: RecordId, burn: &Burn, logged: Hours) -> Health {
        let (open, done, all) = self.scope(project);
        let reasons: Vec<HealthReason> =
            [self.schedule(project, done, all), budget(burn), self.scope_reason(project, logged, open)]
                .into_iter()
                .flatten()
                .collect();
        let lost = reasons.iter().fold(0_u8, |sum, reason| sum.saturating_add(reason.points()));
        Health { score: 100_u8.saturating_sub(lost), reasons }
    }

    /// At most 40 points: 20 and one for each day overdue; before that two for every five percent by which tasks lag behind the days.
    fn schedule(&self, project: RecordId, done: i128, all: i128) -> Option<HealthReason> {
        let facts = self.records.projects.get(&project)?;
        if matches!(facts.status, ProjectStatus::Done | ProjectStatus::Cancelled) {
            return None;
        }
        let (today, end) = (self.records.settings.today, facts.target_end?);
        let days = |from: jiff::civil::Date, to: jiff::civil::Date| from.until(to).map_or(0, |span| span.get_days());
        if today > end {
            let days = days(end, today).unsigned_abs();
            return Some(HealthReason::Overdue { days, points: most(20_i128.saturating_add(days.into()), 40) });
        }
        let start = facts.start.filter(|start| *start <= today)?;
        let share = |part: i128, whole: i128| percent(Amount::from_cents(part), Amount::from_cents(whole));
        // Today itself is not over yet.
        let over = share(days(start, today).into(), i128::from(days(start, end)).saturating_add(1))?;
        let behind = over.cents().saturating_sub(share(done, all)?.cents());
        let points = most(behind.saturating_mul(40) / 10_000, 40);
        (points > 0).then_some(HealthReason::Behind { percent: Amount::from_cents(behind), points })
    }

    /// At most 20 points: one for each percent above the estimate. A retainer has an estimate for each month only.
    fn scope_reason(&self, project: RecordId, logged: Hours, open: Hours) -> Option<HealthReason> {
        let budget = self.records.budgets.get(&project).filter(|budget| budget.billing != Billing::Retainer)?;
        let percent = hours_percent(logged.plus(open), budget.hours?)?;
        let points = most(above(percent), 20);
        (points > 0 && open > Hours::ZERO).then_some(HealthReason::Scope { percent, points })
    }
}

/// At most 40 points: 20 and one for each percent above the budget; 10 from where people want to be warned.
fn budget(burn: &Burn) -> Option<HealthReason> {
    let percent = burn.most()?;
    if percent.cents() > 10_000 {
        return Some(HealthReason::OverBudget { percent, points: most(above(percent).saturating_add(20), 40) });
    }
    burn.alert.then_some(HealthReason::NearBudget { percent, points: 10 })
}

/// Whole percent above a hundred.
fn above(percent: Amount) -> i128 {
    percent.cents().saturating_sub(10_000) / 100
}

fn most(points: i128, limit: u8) -> u8 {
    u8::try_from(points.clamp(0, limit.into())).unwrap_or(limit)
}
