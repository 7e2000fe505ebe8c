//! Retainers: an amount for each month, earned day by day.

use jiff::{ToSpan, civil::Date};
use rust_decimal::Decimal;

use super::{
    Amount, EconomicsError,
    line::{Line, LineKey},
    records::Records,
};
use crate::{Billing, RecordId};

/// The most days of one retainer, a hundred years: a year mistyped as 0226 must not fill the memory.
pub const MAX_RETAINER_DAYS: i64 = 36_525;

impl Records {
    /// A line for every day that a retainer has run: from `start_date` to the day it ended, its last planned day, or today, whichever is first.
    pub(super) fn retainer_lines(&self, project: RecordId) -> Vec<(LineKey, Line)> {
        let line = |date, amount| (LineKey::Retainer(project, date), self.contract_line(project, date, amount));
        let Some((first, last)) = self.retainer_days(project) else { return Vec::new() };
        let Some(monthly) = self.budgets.get(&project).and_then(|budget| budget.budget) else { return Vec::new() };
        let days = first.until(last).map_or(i64::MAX, |span| i64::from(span.get_days()));
        if days >= MAX_RETAINER_DAYS {
            return vec![line(first, Err(EconomicsError::RetainerTooLong))];
        }
        first
            .series(1.day())
            .take_while(|date| *date <= last)
            .map(|date| line(date, day_share(monthly, date)))
            .collect()
    }

    fn retainer_days(&self, project: RecordId) -> Option<(Date, Date)> {
        let facts = self.projects.get(&project)?;
        self.budgets.get(&project).filter(|budget| budget.billing == Billing::Retainer)?;
        let last =
            facts.actual_end.or(facts.target_end).map_or(self.settings.today, |end| end.min(self.settings.today));
        facts.start.filter(|start| *start <= last).map(|start| (start, last))
    }
}

/// What of a month's amount is earned by the end of a day, less what was by the end of the day before: so a whole month is the amount to the hundredth.
fn day_share(monthly: Decimal, date: Date) -> Result<Amount, EconomicsError> {
    let earned = |days: i8| {
        let product = monthly.checked_mul(Decimal::from(days));
        let amount = product.and_then(|product| product.checked_div(Decimal::from(date.days_in_month())));
        Amount::rounded(amount.ok_or(EconomicsError::TooLarge)?)
    };
    let (until, before) = (earned(date.day())?, earned(date.day().saturating_sub(1))?);
    Ok(Amount::from_cents(until.cents().saturating_sub(before.cents())))
}
