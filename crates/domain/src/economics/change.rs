//! What may change, and how the records take it.

use crate::{
    EconomicsModel, ExchangeRate, Expense, Member, Project, ProjectBudget, Rate, RecordId, Table, Task, TimeEntry,
};

use super::Settings;

/// A record as it is now, or one that is gone.
///
/// A row that carries `deleted_at` is taken as gone; of tables whose row type has none, the caller says [`Change::Gone`].
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Currency, week or day of the workspace.
    Settings(Settings),
    /// A person; only the role matters.
    Member(Member),
    /// A task.
    Task(Box<Task>),
    /// A project.
    Project(Box<Project>),
    /// The money of a project.
    Budget(Box<ProjectBudget>),
    /// A model.
    Model(Box<EconomicsModel>),
    /// A rate.
    Rate(Box<Rate>),
    /// A line of the currency table.
    Exchange(Box<ExchangeRate>),
    /// An entry; a running one counts nothing until it is stopped.
    Entry(Box<TimeEntry>),
    /// An expense.
    Expense(Box<Expense>),
    /// A record of that table that is gone.
    Gone(Table, RecordId),
}

impl Change {
    /// The change as it is to be carried out: rows in the trash are gone.
    pub(super) fn normal(self) -> Self {
        let (table, id, deleted) = match &self {
            Self::Task(row) => (Table::Tasks, row.id, row.deleted_at),
            Self::Budget(row) => (Table::ProjectBudgets, row.id, row.deleted_at),
            Self::Model(row) => (Table::EconomicsModel, row.id, row.deleted_at),
            Self::Rate(row) => (Table::Rates, row.id, row.deleted_at),
            Self::Exchange(row) => (Table::ExchangeRates, row.id, row.deleted_at),
            Self::Entry(row) => (Table::TimeEntries, row.id, row.deleted_at),
            Self::Expense(row) => (Table::Expenses, row.id, row.deleted_at),
            Self::Settings(_) | Self::Member(_) | Self::Project(_) | Self::Gone(..) => return self,
        };
        if deleted.is_some() { Self::Gone(table, id) } else { self }
    }
}
