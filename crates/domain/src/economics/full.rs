//! The whole account from the beginning: the plain form that the incremental ledger has to equal.

use std::collections::BTreeMap;

use super::{
    Amount, GroupKey, Hours, Totals,
    group::Place,
    line::Line,
    records::{EntryFacts, Records},
};
use crate::RecordId;

/// The sums of a group and how many lines are in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many lines belong to it; a group without any is absent.
    pub lines: usize,
    /// Their sums.
    pub totals: Totals,
}

impl Records {
    /// Every group with its sums, from all records. The work is that of sorting all entries.
    pub fn calculate(&self) -> BTreeMap<GroupKey, Group> {
        let mut groups = BTreeMap::new();
        let mut put = |line: &Line| self.post(&mut groups, line.place, &line.totals);
        let mut by_project: BTreeMap<Option<RecordId>, Vec<(RecordId, &EntryFacts)>> = BTreeMap::new();
        for (id, entry) in &self.entries {
            by_project.entry(self.project_of(entry)).or_default().push((*id, entry));
        }
        for (project, entries) in &mut by_project {
            entries.sort_by_key(|(id, entry)| (entry.date, *id));
            let estimate = project.and_then(|project| self.budgets.get(&project)?.fixed_estimate());
            let (mut before, mut shares) = (Hours::ZERO, Amount::default());
            for (_, entry) in entries.iter() {
                let after = before.plus(entry.hours);
                let counted = estimate.map_or(entry.hours, |most| after.min(most).minus(before.min(most)));
                let line = self.entry_line(entry, counted);
                shares = Amount::from_cents(shares.cents().saturating_add(line.share.cents()));
                put(&line);
                before = after;
            }
            if let Some(project) = *project {
                let days = || entries.iter().map(|(_, entry)| entry.date);
                let counted = estimate.map_or(before, |most| before.min(most));
                self.rest_line(project, counted, shares, days().max()).iter().for_each(&mut put);
                self.setup_line(project, days().min()).iter().for_each(&mut put);
            }
        }
        for project in self.projects.keys() {
            if !by_project.contains_key(&Some(*project)) {
                self.rest_line(*project, Hours::ZERO, Amount::default(), None).iter().for_each(&mut put);
                self.setup_line(*project, None).iter().for_each(&mut put);
            }
            self.retainer_lines(*project).iter().for_each(|(_, line)| put(line));
        }
        self.expenses.values().for_each(|expense| put(&self.expense_line(expense)));
        groups
    }

    fn post(&self, groups: &mut BTreeMap<GroupKey, Group>, place: Place, totals: &Totals) {
        for key in place.groups(self.settings.week_start) {
            let group: &mut Group = groups.entry(key).or_default();
            group.lines = group.lines.saturating_add(1);
            group.totals.add(totals);
        }
    }
}
