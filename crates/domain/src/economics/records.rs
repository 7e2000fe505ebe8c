//! What is known: the records as far as figures need them.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday};
use rust_decimal::Decimal;

use super::{
    Currency, Hours,
    rates::{ExchangeTable, RateTable},
};
use crate::{
    Billing, EconomicsModel, Expense, MemberId, Project, ProjectBudget, ProjectStatus, RecordId, Role, Task,
    TaskStatus, TimeEntry,
};

/// What holds for the whole workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What amounts are converted to; without one each stays in its own.
    pub currency: Option<Currency>,
    /// The first day of a week.
    pub week_start: Weekday,
    /// The civil date of the workspace's zone: retainers are earned up to it.
    pub today: Date,
}

impl Settings {
    /// Weeks as in ISO 8601, beginning on Mondays.
    pub fn iso(currency: Option<Currency>, today: Date) -> Self {
        Self { currency, week_start: Weekday::Monday, today }
    }
}

/// Everything that figures follow from.
#[derive(Clone, Debug)]
pub struct Records {
    pub(super) settings: Settings,
    pub(super) members: BTreeMap<MemberId, Role>,
    pub(super) tasks: BTreeMap<RecordId, TaskFacts>,
    pub(super) projects: BTreeMap<RecordId, ProjectFacts>,
    pub(super) budgets: BTreeMap<RecordId, BudgetFacts>,
    pub(super) models: BTreeMap<RecordId, ModelFacts>,
    pub(super) rates: RateTable,
    pub(super) exchange: ExchangeTable,
    pub(super) entries: BTreeMap<RecordId, EntryFacts>,
    pub(super) expenses: BTreeMap<RecordId, ExpenseFacts>,
}

impl Records {
    /// An empty workspace.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            members: BTreeMap::new(),
            tasks: BTreeMap::new(),
            projects: BTreeMap::new(),
            budgets: BTreeMap::new(),
            models: BTreeMap::new(),
            rates: RateTable::default(),
            exchange: ExchangeTable::default(),
            entries: BTreeMap::new(),
            expenses: BTreeMap::new(),
        }
    }

    /// The project an entry counts for: its task's, or else its own.
    pub(super) fn project_of(&self, entry: &EntryFacts) -> Option<RecordId> {
        let task = entry.task.and_then(|task| self.tasks.get(&task));
        task.and_then(|task| task.project).or(entry.project)
    }

    /// The currency of a project's budget.
    pub(super) fn budget_currency(&self, budget: &BudgetFacts) -> Currency {
        budget.currency.or(self.settings.currency).unwrap_or(Currency::NONE)
    }

    /// The model of a project.
    pub(super) fn model_of(&self, project: RecordId) -> Option<(RecordId, &ModelFacts)> {
        let id = self.budgets.get(&project)?.model?;
        Some((id, self.models.get(&id)?))
    }
}

/// An entry that is not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryFacts {
    pub(super) member: MemberId,
    pub(super) task: Option<RecordId>,
    pub(super) project: Option<RecordId>,
    pub(super) date: Date,
    pub(super) hours: Hours,
    pub(super) billable: bool,
}

impl EntryFacts {
    pub(super) fn of(entry: &TimeEntry, hours: Hours) -> Self {
        Self {
            member: entry.member_id,
            task: entry.task_id,
            project: entry.project_id,
            date: entry.session_date,
            hours,
            billable: entry.billable,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskFacts {
    pub(super) project: Option<RecordId>,
    pub(super) status: TaskStatus,
    pub(super) estimate: Hours,
}

impl From<&Task> for TaskFacts {
    fn from(task: &Task) -> Self {
        let estimate = task.estimate_hours.map(Hours::from_decimal).unwrap_or_default();
        Self { project: task.project_id, status: task.status, estimate }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProjectFacts {
    pub(super) client: Option<RecordId>,
    pub(super) status: ProjectStatus,
    pub(super) start: Option<Date>,
    pub(super) target_end: Option<Date>,
    pub(super) actual_end: Option<Date>,
}

impl From<&Project> for ProjectFacts {
    fn from(project: &Project) -> Self {
        Self {
            client: project.client_id,
            status: project.status,
            start: project.start_date,
            target_end: project.target_end_date,
            actual_end: project.actual_end_date,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BudgetFacts {
    pub(super) billing: Billing,
    pub(super) budget: Option<Decimal>,
    pub(super) hours: Option<Hours>,
    pub(super) alert_at: Option<Decimal>,
    pub(super) currency: Option<Currency>,
    pub(super) model: Option<RecordId>,
}

impl From<&ProjectBudget> for BudgetFacts {
    fn from(budget: &ProjectBudget) -> Self {
        Self {
            billing: budget.billing,
            budget: budget.budget,
            hours: budget.budget_hours.map(Hours::from_decimal),
            alert_at: budget.alert_at,
            currency: budget.currency.as_deref().and_then(|code| code.parse().ok()),
            model: budget.economics_model,
        }
    }
}

impl BudgetFacts {
    /// The hours after which a fixed price is earned in full; none for other ways of billing.
    pub(super) fn fixed_estimate(&self) -> Option<Hours> {
        (self.billing == Billing::Fixed).then(|| self.hours.unwrap_or_default())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModelFacts {
    pub(super) base_rate: Decimal,
    pub(super) direct_expenses: Decimal,
    pub(super) margin_target: Decimal,
    pub(super) overhead_percent: Decimal,
    pub(super) currency: Currency,
}

impl From<&EconomicsModel> for ModelFacts {
    fn from(model: &EconomicsModel) -> Self {
        Self {
            base_rate: model.base_rate,
            direct_expenses: model.direct_expenses,
            margin_target: model.margin_target,
            overhead_percent: model.overhead_percent,
            currency: model.currency.parse().unwrap_or(Currency::NONE),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpenseFacts {
    pub(super) project: RecordId,
    pub(super) date: Date,
    pub(super) amount: Decimal,
    pub(super) currency: Currency,
    pub(super) billable: bool,
}

impl From<&Expense> for ExpenseFacts {
    fn from(expense: &Expense) -> Self {
        Self {
            project: expense.project_id,
            date: expense.spent_on,
            amount: expense.amount,
            currency: expense.currency.parse().unwrap_or(Currency::NONE),
            billable: expense.billable,
        }
    }
}
