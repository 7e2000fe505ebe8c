//! The account kept up to date: a change touches the lines it concerns and the groups they are in, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use uuid::Uuid;

use super::{
    Amount, Change, Currency, GroupKey, Hours, Settings, Totals,
    full::Group,
    line::{Line, LineKey},
    project_time::ProjectTime,
    records::{EntryFacts, Records},
    work::Work,
};
use crate::{MemberId, RecordId, TimeEntry};

/// All figures of a workspace, for as long as it is open.
///
/// **Invariant.** After any changes in any order each group equals what [`Records::calculate`] finds from the same records; a property test holds it.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) records: Records,
    pub(super) running: BTreeMap<RecordId, TimeEntry>,
    pub(super) index: Index,
    pub(super) lines: BTreeMap<LineKey, Line>,
    pub(super) groups: BTreeMap<GroupKey, Group>,
}

/// Which lines follow from which record.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Where an entry is in the other indexes.
    pub(super) placed: BTreeMap<RecordId, (EntryFacts, Option<RecordId>)>,
    pub(super) by_project: BTreeMap<RecordId, ProjectTime>,
    pub(super) by_member: BTreeSet<(MemberId, Date, RecordId)>,
    pub(super) by_task: BTreeSet<(RecordId, RecordId)>,
    pub(super) expenses: BTreeSet<(RecordId, RecordId)>,
    /// Projects of each model.
    pub(super) models: BTreeSet<(RecordId, RecordId)>,
    /// Tasks of each project.
    pub(super) tasks: BTreeSet<(RecordId, RecordId)>,
    /// Lines that asked for a currency's rate of a day.
    pub(super) foreign: BTreeSet<(Currency, Date, LineKey)>,
}

impl Ledger {
    /// An empty workspace.
    pub fn new(settings: Settings) -> Self {
        Self {
            records: Records::new(settings),
            running: BTreeMap::new(),
            index: Index::default(),
            lines: BTreeMap::new(),
            groups: BTreeMap::new(),
        }
    }

    /// Takes a change in; the groups whose figures differ since. For an entry the work grows with the logarithm of all entries and with the entries by which
    /// a used-up estimate moves; for a rate with the entries of its subject in its days. A workspace is opened fastest with what lines follow from first: settings, members, models, rates, exchange
    /// rates, projects, budgets and tasks before entries and expenses; the result is the same in any order.
    pub fn apply(&mut self, change: Change) -> BTreeSet<GroupKey> {
        let mut work = Work::default();
        self.take(change.normal(), &mut work);
        self.carry_out(work)
    }

    /// What is known, to reckon everything anew.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Every group that has lines.
    pub fn groups(&self) -> &BTreeMap<GroupKey, Group> {
        &self.groups
    }

    /// The sums of a group without the timers that run.
    pub fn totals(&self, key: GroupKey) -> Totals {
        self.groups.get(&key).map(|group| group.totals.clone()).unwrap_or_default()
    }

    /// The sums of a group with the timers that run, up to `now`. The work grows with the timers, of which each person has one.
    pub fn totals_at(&self, key: GroupKey, now: Timestamp) -> Totals {
        let mut totals = self.totals(key);
        let mut left: BTreeMap<RecordId, Hours> = BTreeMap::new();
        for entry in self.running.values() {
            let facts = EntryFacts::of(entry, Hours::of(entry, Some(now)));
            let project = self.records.project_of(&facts);
            let budget =
                project.and_then(|project| Some((project, self.records.budgets.get(&project)?.fixed_estimate()?)));
            let counted = budget.map_or(facts.hours, |(project, estimate)| {
                let time = self.index.by_project.get(&project);
                let left = left.entry(project).or_insert_with(|| time.and_then(ProjectTime::left).unwrap_or(estimate));
                let counted = facts.hours.min(*left);
                *left = left.minus(counted);
                counted
            });
            let line = self.records.entry_line(&facts, counted);
            if line.place.groups(self.records.settings.week_start).any(|group| group == key) {
                totals.add(&line.totals);
            }
        }
        totals
    }

    fn carry_out(&mut self, mut work: Work) -> BTreeSet<GroupKey> {
        for id in std::mem::take(&mut work.entries) {
            self.place(id, &mut work);
            work.entries.insert(id);
        }
        for id in std::mem::take(&mut work.entries) {
            let line = self.index.placed.get(&id).map(|(entry, project)| {
                let time = project.and_then(|project| self.index.by_project.get(&project));
                self.records.entry_line(entry, time.map_or(entry.hours, |time| time.counted((entry.date, id))))
            });
            self.put_line(LineKey::Entry(id), line, &mut work);
        }
        for id in std::mem::take(&mut work.expenses) {
            let line = self.records.expenses.get(&id).map(|expense| self.records.expense_line(expense));
            self.put_line(LineKey::Expense(id), line, &mut work);
        }
        for id in std::mem::take(&mut work.own) {
            let time = self.index.by_project.get(&id);
            let days = time.and_then(ProjectTime::days);
            let counted = time.map(ProjectTime::counted_sum).unwrap_or_default();
            let shares = time.map(|time| time.shares).unwrap_or_default();
            let rest = self.records.rest_line(id, counted, shares, days.map(|(_, last)| last));
            let setup = self.records.setup_line(id, days.map(|(first, _)| first));
            self.put_line(LineKey::Rest(id), rest, &mut work);
            self.put_line(LineKey::Setup(id), setup, &mut work);
        }
        for id in std::mem::take(&mut work.retainers) {
            let all = LineKey::Retainer(id, Date::MIN)..=LineKey::Retainer(id, Date::MAX);
            let mut old: BTreeSet<LineKey> = self.lines.range(all).map(|(key, _)| *key).collect();
            for (key, line) in self.records.retainer_lines(id) {
                old.remove(&key);
                self.put_line(key, Some(line), &mut work);
            }
            old.into_iter().for_each(|key| self.put_line(key, None, &mut work));
        }
        work.changed
    }

    /// Brings the indexes up to date with an entry.
    fn place(&mut self, id: RecordId, work: &mut Work) {
        let new = self.records.entries.get(&id).map(|entry| (*entry, self.records.project_of(entry)));
        if self.index.placed.get(&id).copied() == new {
            return;
        }
        if let Some((entry, project)) = self.index.placed.remove(&id) {
            self.index.by_member.remove(&(entry.member, entry.date, id));
            entry.task.map(|task| self.index.by_task.remove(&(task, id)));
            if let Some((project, time)) = project.and_then(|id| Some((id, self.index.by_project.get_mut(&id)?))) {
                time.remove((entry.date, id), &mut work.entries);
                work.own.insert(project);
            }
        }
        if let Some((entry, project)) = new {
            self.index.placed.insert(id, (entry, project));
            self.index.by_member.insert((entry.member, entry.date, id));
            entry.task.map(|task| self.index.by_task.insert((task, id)));
            if let Some(project) = project {
                let estimate = self.records.budgets.get(&project).and_then(|budget| budget.fixed_estimate());
                let time = self.index.by_project.entry(project).or_insert_with(|| ProjectTime::new(estimate));
                time.insert((entry.date, id), entry.hours, &mut work.entries);
                work.own.insert(project);
            }
        }
    }

    /// Puts a line in place of the one with its key and moves the sums of their groups.
    fn put_line(&mut self, key: LineKey, line: Option<Line>, work: &mut Work) {
        if self.lines.get(&key) == line.as_ref() {
            return;
        }
        if let Some(old) = self.lines.remove(&key) {
            self.post(key, &old, false, work);
        }
        if let Some(new) = line {
            self.post(key, &new, true, work);
            self.lines.insert(key, new);
        }
    }

    fn post(&mut self, key: LineKey, line: &Line, into: bool, work: &mut Work) {
        for currency in &line.foreign {
            let asked = (*currency, line.place.date, key);
            if into {
                self.index.foreign.insert(asked)
            } else {
                self.index.foreign.remove(&asked)
            };
        }
        for group_key in line.place.groups(self.records.settings.week_start) {
            work.changed.insert(group_key);
            let group = self.groups.entry(group_key).or_default();
            if into {
                group.lines = group.lines.saturating_add(1);
                group.totals.add(&line.totals);
            } else {
                group.lines = group.lines.saturating_sub(1);
                group.totals.subtract(&line.totals);
                if group.lines == 0 {
                    self.groups.remove(&group_key);
                }
            }
        }
        if let (LineKey::Entry(_), Some(project)) = (key, line.place.project) {
            self.share(project, if into { line.share.cents() } else { -line.share.cents() });
            work.own.insert(project);
        }
    }

    fn share(&mut self, project: RecordId, cents: i128) {
        if let Some(time) = self.index.by_project.get_mut(&project) {
            time.shares = Amount::from_cents(time.shares.cents().saturating_add(cents));
        }
    }
}

/// All pairs of an index that begin with `first`, as their second parts.
pub(super) fn with(index: &BTreeSet<(RecordId, RecordId)>, first: RecordId) -> impl Iterator<Item = RecordId> {
    index.range((first, RecordId(Uuid::nil()))..=(first, RecordId(Uuid::max()))).map(|(_, second)| *second)
}
