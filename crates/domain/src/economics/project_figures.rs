//! The figures of one project and of one task: what is derived and never a column.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    Amount, Amounts, Currency, EconomicsError, Figures, GroupKey, Health, Hours, Ledger, TargetRates, Totals,
    ledger::with, records::BudgetFacts, totals::percent,
};
use crate::{Billing, RecordId, TaskStatus};

/// The figures of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProjectFigures {
    /// The project.
    pub project: RecordId,
    /// All hours worked for it.
    pub logged_hours: Hours,
    /// All it cost.
    pub actual_cost: Amounts,
    /// Sums, contribution and margin.
    pub figures: Figures,
    /// How much of its budget is used.
    pub burn: Burn,
    /// How it does.
    pub health: Health,
    /// The margin its model aims at, in percent of revenue; null without a model.
    pub margin_target: Option<Amount>,
    /// What an hour would have to be charged at.
    pub rates: Option<TargetRates>,
}

/// How much of a budget is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Burn {
    /// Hours in percent of the estimate; of a retainer, those of this month. Null without an estimate.
    pub hours_percent: Option<Amount>,
    /// Money in percent of the budget: of hourly work what it earned, of a fixed price what it cost, of a retainer what this month cost. Null without a
    /// budget, and when no exchange rate joins the two.
    pub money_percent: Option<Amount>,
    /// Whether either has reached the percentage from which on people are warned.
    pub alert: bool,
}

impl Burn {
    /// The further of the two.
    pub fn most(&self) -> Option<Amount> {
        self.hours_percent.max(self.money_percent)
    }
}

/// The figures of a task, without the tasks below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TaskFigures {
    /// The task.
    pub task: RecordId,
    /// All hours worked on it.
    pub logged_hours: Hours,
    /// What they cost.
    pub actual_cost: Amounts,
    /// Sums, contribution and margin.
    pub figures: Figures,
}

impl Ledger {
    /// The figures of a group, with running timers up to `now`.
    pub fn figures(&self, key: GroupKey, now: Timestamp) -> Figures {
        self.totals_at(key, now).into()
    }

    /// The figures of a task, with running timers up to `now`.
    pub fn task_figures(&self, task: RecordId, now: Timestamp) -> TaskFigures {
        let figures = self.figures(GroupKey::Task { id: task }, now);
        TaskFigures { task, logged_hours: figures.totals.hours, actual_cost: figures.cost.clone(), figures }
    }

    /// The figures of a project, with running timers up to `now`. The work grows with the tasks of the project.
    pub fn project_figures(&self, project: RecordId, now: Timestamp) -> ProjectFigures {
        let figures = self.figures(GroupKey::Project { id: project }, now);
        let burn = self.burn(project, &figures.totals, now);
        let target = self.records.model_of(project).map(|(_, model)| model.margin_target);
        ProjectFigures {
            project,
            logged_hours: figures.totals.hours,
            actual_cost: figures.cost.clone(),
            health: self.health(project, &burn, figures.totals.hours),
            burn,
            margin_target: target.and_then(|target| Amount::rounded(target).ok()),
            rates: TargetRates::of(&figures.totals, target.unwrap_or_default()).ok().flatten(),
            figures,
        }
    }

    fn burn(&self, project: RecordId, totals: &Totals, now: Timestamp) -> Burn {
        let Some(budget) = self.records.budgets.get(&project) else { return Burn::default() };
        let month = self.records.settings.today.first_of_month();
        let monthly = (budget.billing == Billing::Retainer)
            .then(|| self.totals_at(GroupKey::ProjectMonth { id: project, from: month }, now));
        let used = monthly.as_ref().unwrap_or(totals);
        let hours_percent = budget.hours.and_then(|estimate| hours_percent(used.hours, estimate));
        let money = match budget.billing {
            Billing::Hourly => used.time_revenue.clone(),
            Billing::Fixed | Billing::Retainer => used.cost(),
        };
        let money_percent = self.money_percent(budget, &money).ok().flatten();
        let reached = |used: Option<Amount>| {
            let alert = budget.alert_at.and_then(|alert| Amount::rounded(alert).ok());
            used.zip(alert).is_some_and(|(used, alert)| used >= alert)
        };
        Burn { hours_percent, money_percent, alert: reached(hours_percent) || reached(money_percent) }
    }

    fn money_percent(&self, budget: &BudgetFacts, money: &Amounts) -> Result<Option<Amount>, EconomicsError> {
        let (records, today) = (&self.records, self.records.settings.today);
        let amount = budget.budget.unwrap_or(Decimal::ZERO);
        let (currency, whole) =
            records.worth(today, records.budget_currency(budget), amount)?.single(Currency::NONE)?;
        let (spent_in, spent) = money.single(currency)?;
        Ok((spent_in == currency).then(|| percent(spent, whole)).flatten())
    }

    /// The hours that the open tasks of a project still need by their estimates, how many tasks are done, and how many there are.
    pub(super) fn scope(&self, project: RecordId) -> (Hours, i128, i128) {
        let (mut open, mut done, mut all) = (Hours::ZERO, 0_i128, 0_i128);
        for id in with(&self.index.tasks, project) {
            let Some(task) = self.records.tasks.get(&id).filter(|task| task.status != TaskStatus::Cancelled) else {
                continue;
            };
            all = all.saturating_add(1);
            if task.status == TaskStatus::Done {
                done = done.saturating_add(1);
            } else {
                let logged = self.groups().get(&GroupKey::Task { id }).map(|group| group.totals.hours);
                open = open.plus(task.estimate.minus(logged.unwrap_or_default()).max(Hours::ZERO));
            }
        }
        (open, done, all)
    }
}

/// Hours in percent of others; none when those are none.
pub(super) fn hours_percent(part: Hours, whole: Hours) -> Option<Amount> {
    percent(Amount::from_cents(part.seconds().into()), Amount::from_cents(whole.seconds().into()))
}
