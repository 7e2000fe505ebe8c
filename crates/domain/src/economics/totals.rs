//! What lines add up to.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Amount, Amounts, Hours};

/// Sums of rounded lines: nothing here is ever rounded again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Totals {
    /// Hours worked.
    pub hours: Hours,
    /// Of these, the ones that are charged.
    pub billable_hours: Hours,
    /// Hours for which no cost rate holds; they cost nothing here.
    pub unrated_hours: Hours,
    /// Billable hours of hourly work for which no price holds; they earn nothing here.
    pub unpriced_hours: Hours,
    /// Σ hours × cost rate of the day.
    pub labour: Amounts,
    /// Labour × the model's overhead.
    pub overhead: Amounts,
    /// Expenses, and what a project costs once by its model.
    pub direct_expenses: Amounts,
    /// Σ billable hours × billable rate of the day, of hourly work.
    pub time_revenue: Amounts,
    /// What fixed prices and retainers earned.
    pub contract_revenue: Amounts,
    /// Billable expenses, at cost.
    pub expense_revenue: Amounts,
    /// Lines that are too large to be reckoned and are in none of the sums.
    pub left_out: u32,
}

impl Totals {
    /// Everything earned.
    pub fn revenue(&self) -> Amounts {
        self.time_revenue.plus(&self.contract_revenue).plus(&self.expense_revenue)
    }

    /// Labour, overhead and direct expenses.
    pub fn cost(&self) -> Amounts {
        self.labour.plus(&self.overhead).plus(&self.direct_expenses)
    }

    /// Adds the figures of another.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, Hours::plus, Amounts::add);
        self.left_out = self.left_out.saturating_add(other.left_out);
    }

    /// Takes away the figures of another.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, Hours::minus, Amounts::subtract);
        self.left_out = self.left_out.saturating_sub(other.left_out);
    }

    fn combine(&mut self, other: &Self, hours: fn(Hours, Hours) -> Hours, amounts: fn(&mut Amounts, &Amounts)) {
        self.hours = hours(self.hours, other.hours);
        self.billable_hours = hours(self.billable_hours, other.billable_hours);
        self.unrated_hours = hours(self.unrated_hours, other.unrated_hours);
        self.unpriced_hours = hours(self.unpriced_hours, other.unpriced_hours);
        amounts(&mut self.labour, &other.labour);
        amounts(&mut self.overhead, &other.overhead);
        amounts(&mut self.direct_expenses, &other.direct_expenses);
        amounts(&mut self.time_revenue, &other.time_revenue);
        amounts(&mut self.contract_revenue, &other.contract_revenue);
        amounts(&mut self.expense_revenue, &other.expense_revenue);
    }
}

/// Figures of a group as a window shows them: the sums and what follows from them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Figures {
    /// The sums.
    pub totals: Totals,
    /// Everything earned.
    pub revenue: Amounts,
    /// Everything it cost.
    pub cost: Amounts,
    /// Revenue less cost; below zero for a loss.
    pub contribution: Amounts,
    /// Contribution in percent of revenue with two places, of the exact sums; null without revenue or with several currencies.
    pub margin_percent: Option<Amount>,
}

impl From<Totals> for Figures {
    fn from(totals: Totals) -> Self {
        let (revenue, cost) = (totals.revenue(), totals.cost());
        let contribution = revenue.minus(&cost);
        let margin_percent = margin(&revenue, &contribution);
        Self { totals, revenue, cost, contribution, margin_percent }
    }
}

/// One amount in percent of another with two places, a tie away from zero; none when it is zero or more digits are needed than there are.
pub(super) fn percent(part: Amount, whole: Amount) -> Option<Amount> {
    let scaled = part.cents().checked_mul(10_000)?;
    let (quotient, rest) = (scaled.checked_div(whole.cents())?, scaled.checked_rem(whole.cents())?);
    let up = rest.unsigned_abs() >= whole.cents().unsigned_abs().div_ceil(2);
    let step = if up { part.cents().signum().checked_mul(whole.cents().signum())? } else { 0 };
    quotient.checked_add(step).map(Amount::from_cents)
}

fn margin(revenue: &Amounts, contribution: &Amounts) -> Option<Amount> {
    let mut earned = revenue.iter();
    let (currency, whole) = earned.next()?;
    // With a second currency on either side one number would leave a part out.
    let alone = earned.next().is_none() && contribution.iter().all(|(other, _)| other == currency);
    alone.then(|| percent(contribution.get(currency), whole)).flatten()
}
