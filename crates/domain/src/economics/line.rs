//! One line of the account: what an entry, an expense or a project by itself adds. Money is rounded here and nowhere after.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{
    Amount, Amounts, Currency, EconomicsError, Hours, Totals,
    group::Place,
    rates::Price,
    records::{BudgetFacts, EntryFacts, ExpenseFacts, Records},
};
use crate::{Billing, ProjectStatus, RateKind, RecordId};

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LineKey {
    /// A time entry.
    Entry(RecordId),
    /// An expense.
    Expense(RecordId),
    /// What a project costs once by its model.
    Setup(RecordId),
    /// What of a fixed price no entry earned.
    Rest(RecordId),
    /// A day of a retainer.
    Retainer(RecordId, Date),
}

/// A line with where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) place: Place,
    pub(super) totals: Totals,
    /// The currencies whose rate of the day it asked for.
    pub(super) foreign: Vec<Currency>,
    /// What an entry earned of a fixed price, in the budget's currency.
    pub(super) share: Amount,
}

impl Line {
    pub(super) fn new(place: Place) -> Self {
        Self { place, totals: Totals::default(), foreign: Vec::new(), share: Amount::default() }
    }

    /// The amount of a fraction, rounded once, in the workspace's currency when a rate of the day is known and in its own otherwise.
    ///
    /// All factors are multiplied before anything is divided, so that a tie is seen as one.
    fn amount(
        &mut self,
        records: &Records,
        currency: Currency,
        factors: &[Decimal],
        divisor: u32,
    ) -> Result<Amounts, EconomicsError> {
        let home = records.settings.currency.filter(|home| *home != currency);
        let exchange = home.and_then(|home| {
            if !self.foreign.contains(&currency) {
                self.foreign.push(currency);
            }
            Some((home, records.exchange.on(currency, self.place.date)?))
        });
        let (currency, rate) = exchange.unwrap_or((currency, Decimal::ONE));
        let product = factors.iter().try_fold(rate, |product, factor| product.checked_mul(*factor));
        let exact = product.and_then(|product| product.checked_div(Decimal::from(divisor)));
        Ok(Amounts::of(currency, Amount::rounded(exact.ok_or(EconomicsError::TooLarge)?)?))
    }

    /// The line, or when it is too large one that only says so.
    fn or_left_out(place: Place, made: Result<Self, EconomicsError>) -> Self {
        made.unwrap_or_else(|_| {
            let mut line = Self::new(place);
            line.totals.left_out = 1;
            line
        })
    }
}

const SECONDS: u32 = 3600;

impl Records {
    /// The line of an entry, of whose hours `counted` earn a part of a fixed price.
    pub(super) fn entry_line(&self, entry: &EntryFacts, counted: Hours) -> Line {
        let project = self.project_of(entry);
        let place = self.place(entry.date, project, entry);
        let mut line = Line::or_left_out(place, self.try_entry_line(place, entry, counted));
        // Whatever the money is, the hours were worked.
        line.totals.hours = entry.hours;
        line.totals.billable_hours = if entry.billable { entry.hours } else { Hours::ZERO };
        line
    }

    fn try_entry_line(&self, place: Place, entry: &EntryFacts, counted: Hours) -> Result<Line, EconomicsError> {
        let mut line = Line::new(place);
        let seconds = Decimal::from(entry.hours.seconds());
        match self.price(RateKind::Cost, entry, place.project) {
            None => line.totals.unrated_hours = entry.hours,
            Some(Price { amount, currency }) => {
                line.totals.labour = line.amount(self, currency, &[amount, seconds], SECONDS)?;
                if let Some((_, model)) = place.project.and_then(|project| self.model_of(project)) {
                    let factors = [amount, seconds, model.overhead_percent];
                    line.totals.overhead = line.amount(self, currency, &factors, SECONDS * 100)?;
                }
            }
        }
        let budget = place.project.and_then(|project| self.budgets.get(&project));
        match budget.map_or(Billing::Hourly, |budget| budget.billing) {
            Billing::Hourly if entry.billable => match self.price(RateKind::Billable, entry, place.project) {
                None => line.totals.unpriced_hours = entry.hours,
                Some(Price { amount, currency }) => {
                    line.totals.time_revenue = line.amount(self, currency, &[amount, seconds], SECONDS)?;
                }
            },
            Billing::Fixed => {
                if let Some(budget) = budget {
                    line.share = fixed_share(budget, counted)?;
                    let currency = self.budget_currency(budget);
                    line.totals.contract_revenue = line.amount(self, currency, &[line.share.decimal()?], 1)?;
                }
            }
            Billing::Hourly | Billing::Retainer => {}
        }
        Ok(line)
    }

    /// What an amount is worth on a day: in the workspace's currency when a rate is known, and in its own otherwise.
    pub(super) fn worth(&self, date: Date, currency: Currency, amount: Decimal) -> Result<Amounts, EconomicsError> {
        let nowhere = Place { date, task: None, project: None, client: None, member: None };
        Line::new(nowhere).amount(self, currency, &[amount], 1)
    }

    /// The line of an expense; a billable one is earned back at cost.
    pub(super) fn expense_line(&self, expense: &ExpenseFacts) -> Line {
        let place = self.own_place(expense.date, expense.project);
        let made = || {
            let mut line = Line::new(place);
            line.totals.direct_expenses = line.amount(self, expense.currency, &[expense.amount], 1)?;
            if expense.billable {
                line.totals.expense_revenue = line.totals.direct_expenses.clone();
            }
            Ok(line)
        };
        Line::or_left_out(place, made())
    }

    /// What a project costs once by its model, on its first day: `start_date`, or the day of its first entry. None before that day.
    pub(super) fn setup_line(&self, project: RecordId, first_entry: Option<Date>) -> Option<Line> {
        let facts = self.projects.get(&project)?;
        let (_, model) = self.model_of(project).filter(|(_, model)| !model.direct_expenses.is_zero())?;
        let date = facts.start.or(first_entry).filter(|date| *date <= self.settings.today)?;
        let place = self.own_place(date, project);
        let made = || {
            let mut line = Line::new(place);
            line.totals.direct_expenses = line.amount(self, model.currency, &[model.direct_expenses], 1)?;
            Ok(line)
        };
        Some(Line::or_left_out(place, made()))
    }

    /// What of a fixed price its entries did not earn, given the hours that count and the shares of all: the rest on completion, and until then the hundredths
    /// by which the rounded shares miss the whole.
    pub(super) fn rest_line(
        &self,
        project: RecordId,
        counted: Hours,
        shares: Amount,
        last_entry: Option<Date>,
    ) -> Option<Line> {
        let facts = self.projects.get(&project)?;
        let budget = self.budgets.get(&project).filter(|budget| budget.billing == Billing::Fixed)?;
        let done = facts.status == ProjectStatus::Done;
        let today = self.settings.today;
        let place = self.own_place(
            if done { facts.actual_end.or(last_entry).unwrap_or(today) } else { last_entry.unwrap_or(today) },
            project,
        );
        let made = || {
            let price = budget.budget.unwrap_or_default();
            let earned = if done { Amount::rounded(price)? } else { fixed_share(budget, counted)? };
            let rest = Amount::from_cents(earned.cents().saturating_sub(shares.cents()));
            let mut line = Line::new(place);
            let currency = self.budget_currency(budget);
            line.totals.contract_revenue = line.amount(self, currency, &[rest.decimal()?], 1)?;
            Ok((rest != Amount::default()).then_some(line))
        };
        made().unwrap_or_else(|error| Some(Line::or_left_out(place, Err(error))))
    }

    /// An amount in the budget's currency as a line of the project on a day.
    pub(super) fn contract_line(&self, project: RecordId, date: Date, amount: Result<Amount, EconomicsError>) -> Line {
        let place = self.own_place(date, project);
        let made = amount.and_then(|amount| {
            let mut line = Line::new(place);
            let currency = self.budgets.get(&project).map(|budget| self.budget_currency(budget));
            let currency = currency.unwrap_or(Currency::NONE);
            line.totals.contract_revenue = line.amount(self, currency, &[amount.decimal()?], 1)?;
            Ok(line)
        });
        Line::or_left_out(place, made)
    }

    fn place(&self, date: Date, project: Option<RecordId>, entry: &EntryFacts) -> Place {
        let client = project.and_then(|project| self.projects.get(&project)?.client);
        Place { date, task: entry.task, project, client, member: Some(entry.member) }
    }

    fn own_place(&self, date: Date, project: RecordId) -> Place {
        let client = self.projects.get(&project).and_then(|project| project.client);
        Place { date, task: None, project: Some(project), client, member: None }
    }
}

/// Budget × counted hours ÷ estimate in whole hundredths of the budget's currency: how a price is split among entries.
fn fixed_share(budget: &BudgetFacts, counted: Hours) -> Result<Amount, EconomicsError> {
    let estimate = budget.hours.unwrap_or_default();
    let (Some(price), true) = (budget.budget, estimate > Hours::ZERO) else { return Ok(Amount::default()) };
    let product = price.checked_mul(Decimal::from(counted.seconds()));
    let share = product.and_then(|product| product.checked_div(Decimal::from(estimate.seconds())));
    Amount::rounded(share.ok_or(EconomicsError::TooLarge)?)
}
