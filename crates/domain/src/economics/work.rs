//! Which lines a change concerns.

use std::collections::BTreeSet;

use jiff::civil::Date;
use uuid::Uuid;

use super::{
    Change, GroupKey, Hours, Ledger,
    ledger::with,
    line::LineKey,
    rates::{Span, Subject},
    records::EntryFacts,
};
use crate::{MemberId, RecordId, Table};

/// Lines to be made anew, and the groups that differ since.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) entries: BTreeSet<RecordId>,
    pub(super) expenses: BTreeSet<RecordId>,
    /// Projects whose lines of their own are to be made anew.
    pub(super) own: BTreeSet<RecordId>,
    /// Projects whose retainer is.
    pub(super) retainers: BTreeSet<RecordId>,
    pub(super) changed: BTreeSet<GroupKey>,
}

/// Puts a value in a map, or takes it away; whether that made a difference.
macro_rules! replaced {
    ($map:expr, $id:expr, $new:expr) => {{
        let (map, id, new) = (&mut $map, $id, $new);
        let differs = map.get(&id) != new.as_ref();
        match new {
            Some(value) => map.insert(id, value),
            None => map.remove(&id),
        };
        differs
    }};
}

impl Ledger {
    /// Takes a change into the records and notes what it concerns.
    pub(super) fn take(&mut self, change: Change, work: &mut Work) {
        match change {
            Change::Settings(settings) => self.take_settings(settings, work),
            Change::Member(row) => {
                if replaced!(self.records.members, row.id, Some(row.role)) {
                    self.note_member(row.id, (Date::MIN, Date::MAX), work);
                }
            }
            Change::Task(row) => self.take_task(row.id, Some(row.as_ref().into()), work),
            Change::Project(row) => self.take_project(row.id, Some(row.as_ref().into()), work),
            Change::Budget(row) => self.take_budget(row.id, Some(row.as_ref().into()), work),
            Change::Model(row) => self.take_model(row.id, Some(row.as_ref().into()), work),
            Change::Rate(row) => {
                let spans = self.records.rates.put(row.id, Some(&row));
                self.note_rates(spans, work);
            }
            Change::Exchange(row) => {
                let spans = self.records.exchange.put(row.id, Some(&row));
                self.note_exchange(spans, work);
            }
            Change::Entry(row) if row.is_running() => {
                self.take_entry(row.id, None, work);
                self.running.insert(row.id, *row);
            }
            Change::Entry(row) => self.take_entry(row.id, Some(EntryFacts::of(&row, Hours::of(&row, None))), work),
            Change::Expense(row) => self.take_expense(row.id, Some(row.as_ref().into()), work),
            Change::Gone(table, id) => self.take_gone(table, id, work),
        }
    }

    fn take_gone(&mut self, table: Table, id: RecordId, work: &mut Work) {
        match table {
            Table::TenantMembers => {
                let member = MemberId(id.0);
                if self.records.members.remove(&member).is_some() {
                    self.note_member(member, (Date::MIN, Date::MAX), work);
                }
            }
            Table::Tasks => self.take_task(id, None, work),
            Table::Projects => self.take_project(id, None, work),
            Table::ProjectBudgets => self.take_budget(id, None, work),
            Table::EconomicsModel => self.take_model(id, None, work),
            Table::Rates => {
                let spans = self.records.rates.put(id, None);
                self.note_rates(spans, work);
            }
            Table::ExchangeRates => {
                let spans = self.records.exchange.put(id, None);
                self.note_exchange(spans, work);
            }
            Table::TimeEntries => self.take_entry(id, None, work),
            Table::Expenses => self.take_expense(id, None, work),
            // No figure follows from any other table.
            _ => {}
        }
    }

    fn take_settings(&mut self, settings: super::Settings, work: &mut Work) {
        let old = self.records.settings;
        if (old.currency, old.week_start) != (settings.currency, settings.week_start) {
            // Every line is in another currency or week: the one change that concerns them all.
            work.changed.extend(self.groups.keys().copied());
            self.lines.clear();
            self.groups.clear();
            self.index.foreign.clear();
            self.index.by_project.values_mut().for_each(|time| time.shares = super::Amount::default());
            work.entries.extend(self.records.entries.keys().copied());
            work.expenses.extend(self.records.expenses.keys().copied());
        }
        if old != settings {
            work.own.extend(self.records.projects.keys().copied());
            work.retainers.extend(self.records.projects.keys().copied());
            // Health follows from the day.
            work.changed.extend(self.records.projects.keys().map(|id| GroupKey::Project { id: *id }));
        }
        self.records.settings = settings;
    }

    fn take_task(&mut self, id: RecordId, new: Option<super::records::TaskFacts>, work: &mut Work) {
        let (before, after) =
            (self.records.tasks.get(&id).and_then(|task| task.project), new.and_then(|new| new.project));
        replaced!(self.records.tasks, id, new);
        if before != after {
            before.map(|project| self.index.tasks.remove(&(project, id)));
            after.map(|project| self.index.tasks.insert((project, id)));
            work.entries.extend(with(&self.index.by_task, id));
        }
        // Health follows from the states and estimates of tasks, whether or not any line does.
        work.changed.extend([before, after].into_iter().flatten().map(|id| GroupKey::Project { id }));
    }

    fn take_project(&mut self, id: RecordId, new: Option<super::records::ProjectFacts>, work: &mut Work) {
        let old = self.records.projects.get(&id).copied();
        if !replaced!(self.records.projects, id, new) {
            return;
        }
        work.changed.insert(GroupKey::Project { id });
        work.own.insert(id);
        work.retainers.insert(id);
        if old.and_then(|old| old.client) != new.and_then(|new| new.client) {
            self.note_project(id, (Date::MIN, Date::MAX), work);
            work.expenses.extend(with(&self.index.expenses, id));
        }
    }

    fn take_budget(&mut self, id: RecordId, new: Option<super::records::BudgetFacts>, work: &mut Work) {
        let old = self.records.budgets.get(&id).copied();
        if !replaced!(self.records.budgets, id, new) {
            return;
        }
        old.and_then(|old| old.model).map(|model| self.index.models.remove(&(model, id)));
        new.and_then(|new| new.model).map(|model| self.index.models.insert((model, id)));
        if let Some(time) = self.index.by_project.get_mut(&id) {
            time.limit(new.and_then(|new| new.fixed_estimate()));
        }
        work.changed.insert(GroupKey::Project { id });
        work.own.insert(id);
        work.retainers.insert(id);
        self.note_project(id, (Date::MIN, Date::MAX), work);
    }

    fn take_model(&mut self, id: RecordId, new: Option<super::records::ModelFacts>, work: &mut Work) {
        if !replaced!(self.records.models, id, new) {
            return;
        }
        for project in with(&self.index.models, id) {
            work.changed.insert(GroupKey::Project { id: project });
            work.own.insert(project);
            self.note_project(project, (Date::MIN, Date::MAX), work);
        }
    }

    fn take_entry(&mut self, id: RecordId, new: Option<EntryFacts>, work: &mut Work) {
        self.running.remove(&id);
        if replaced!(self.records.entries, id, new) {
            work.entries.insert(id);
        }
    }

    fn take_expense(&mut self, id: RecordId, new: Option<super::records::ExpenseFacts>, work: &mut Work) {
        let old = self.records.expenses.get(&id).copied();
        old.map(|old| self.index.expenses.remove(&(old.project, id)));
        new.map(|new| self.index.expenses.insert((new.project, id)));
        if replaced!(self.records.expenses, id, new) {
            work.expenses.insert(id);
        }
    }

    fn note_member(&self, member: MemberId, (from, to): (Date, Date), work: &mut Work) {
        let days = (member, from, RecordId(Uuid::nil()))..=(member, to, RecordId(Uuid::max()));
        work.entries.extend(self.index.by_member.range(days).map(|(.., id)| *id));
    }

    fn note_project(&self, project: RecordId, (from, to): (Date, Date), work: &mut Work) {
        if let Some(time) = self.index.by_project.get(&project) {
            work.entries.extend(time.between(from, to));
        }
    }

    fn note_rates(&self, spans: Vec<Span<Subject>>, work: &mut Work) {
        for (subject, days) in spans {
            match subject {
                Subject::Person(member) => self.note_member(member, days, work),
                Subject::Role(role) => {
                    let members = self.records.members.iter().filter(|(_, of)| **of == role);
                    members.for_each(|(member, _)| self.note_member(*member, days, work));
                }
                Subject::Project(project) => self.note_project(project, days, work),
                Subject::Model(model) => {
                    with(&self.index.models, model).for_each(|project| self.note_project(project, days, work));
                }
            }
        }
    }

    fn note_exchange(&self, spans: Vec<Span<super::Currency>>, work: &mut Work) {
        for (currency, (from, to)) in spans {
            let lowest = LineKey::Entry(RecordId(Uuid::nil()));
            let highest = LineKey::Retainer(RecordId(Uuid::max()), Date::MAX);
            for (_, _, key) in self.index.foreign.range((currency, from, lowest)..=(currency, to, highest)) {
                match key {
                    LineKey::Entry(id) => work.entries.insert(*id),
                    LineKey::Expense(id) => work.expenses.insert(*id),
                    LineKey::Setup(id) | LineKey::Rest(id) => work.own.insert(*id),
                    LineKey::Retainer(id, _) => work.retainers.insert(*id),
                };
            }
        }
    }
}
