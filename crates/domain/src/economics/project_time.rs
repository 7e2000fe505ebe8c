//! The entries of one project by day, and which of them a fixed price counts.

use std::collections::BTreeMap;

use jiff::civil::Date;
use uuid::Uuid;

use super::{Amount, Hours};
use crate::RecordId;

/// An entry's place in the order in which a fixed price is earned: by day, then by id.
pub(super) type Slot = (Date, RecordId);

/// The entries of a project, parted where the estimate is used up.
///
/// **Invariant.** The entries of `within` come before those of `beyond`, all but the last of them count whole, and `beyond` has entries only when `within` has
/// the hours of the estimate. So a change moves the parting by about its own hours, and no entry elsewhere has to be looked at.
#[derive(Clone, Debug)]
pub(super) struct ProjectTime {
    most: Option<Hours>,
    within: BTreeMap<Slot, Hours>,
    beyond: BTreeMap<Slot, Hours>,
    sum: Hours,
    /// Σ of what the entries earned of a fixed price, in the budget's currency.
    pub(super) shares: Amount,
}

impl ProjectTime {
    pub(super) fn new(most: Option<Hours>) -> Self {
        Self { most, within: BTreeMap::new(), beyond: BTreeMap::new(), sum: Hours::ZERO, shares: Amount::default() }
    }

    /// Puts an entry in; the entries whose counted hours may differ now are added to `touched`.
    pub(super) fn insert(&mut self, slot: Slot, hours: Hours, touched: &mut impl Extend<RecordId>) {
        touched.extend(self.last());
        if self.beyond.first_key_value().is_some_and(|(first, _)| slot > *first) {
            self.beyond.insert(slot, hours);
        } else {
            self.within.insert(slot, hours);
            self.sum = self.sum.plus(hours);
        }
        self.part(touched);
    }

    /// Takes an entry out, like [`ProjectTime::insert`].
    pub(super) fn remove(&mut self, slot: Slot, touched: &mut impl Extend<RecordId>) {
        touched.extend(self.last());
        if let Some(hours) = self.within.remove(&slot) {
            self.sum = self.sum.minus(hours);
        } else {
            self.beyond.remove(&slot);
        }
        self.part(touched);
    }

    /// Sets the hours that count at most; without any, all do.
    pub(super) fn limit(&mut self, most: Option<Hours>) {
        self.most = most;
        self.part(&mut Vec::new());
    }

    /// The hours of an entry that count.
    pub(super) fn counted(&self, slot: Slot) -> Hours {
        let Some(hours) = self.within.get(&slot).copied() else { return Hours::ZERO };
        match self.most {
            Some(most) if self.last() == Some(slot.1) => hours.minus(self.sum.minus(most).max(Hours::ZERO)),
            _ => hours,
        }
    }

    /// All hours that count.
    pub(super) fn counted_sum(&self) -> Hours {
        self.most.map_or(self.sum, |most| self.sum.min(most))
    }

    /// What is left of the estimate.
    pub(super) fn left(&self) -> Option<Hours> {
        self.most.map(|most| most.minus(self.counted_sum()))
    }

    /// The days of the first and the last entry.
    pub(super) fn days(&self) -> Option<(Date, Date)> {
        let first = self.within.first_key_value().or(self.beyond.first_key_value())?;
        let last = self.beyond.last_key_value().or(self.within.last_key_value())?;
        Some((first.0.0, last.0.0))
    }

    /// The entries of some days, both included.
    pub(super) fn between(&self, from: Date, to: Date) -> impl Iterator<Item = RecordId> {
        let days = (from, RecordId(Uuid::nil()))..=(to, RecordId(Uuid::max()));
        self.within.range(days.clone()).chain(self.beyond.range(days)).map(|(slot, _)| slot.1)
    }

    fn last(&self) -> Option<RecordId> {
        self.within.last_key_value().map(|(slot, _)| slot.1)
    }

    /// Restores the invariant.
    fn part(&mut self, touched: &mut impl Extend<RecordId>) {
        let most = self.most.unwrap_or(Hours::from_seconds(i64::MAX));
        while let Some((slot, hours)) = self.within.last_key_value().map(|(slot, hours)| (*slot, *hours)) {
            if self.most.is_none() || self.sum.minus(hours) < most {
                break;
            }
            self.within.remove(&slot);
            self.sum = self.sum.minus(hours);
            self.beyond.insert(slot, hours);
            touched.extend(Some(slot.1));
        }
        while self.most.is_none() || self.sum < most {
            let Some((slot, hours)) = self.beyond.pop_first() else { break };
            self.within.insert(slot, hours);
            self.sum = self.sum.plus(hours);
            touched.extend(Some(slot.1));
        }
        touched.extend(self.last());
    }
}
