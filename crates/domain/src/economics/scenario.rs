//! What if: assumptions applied to actual figures, and the rate that a margin needs.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::{Amount, Amounts, Currency, EconomicsError, Figures, Hours, Totals};

/// What a scenario supposes; each is a number of percent as text from −100 to 1000, and nothing changes where none is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct Assumptions {
    /// Change of all hours.
    #[ts(type = "string")]
    pub hours_change: Decimal,
    /// Change of the cost rates.
    #[ts(type = "string")]
    pub cost_rate_change: Decimal,
    /// Change of the billable rates.
    #[ts(type = "string")]
    pub billable_rate_change: Decimal,
    /// Change of fixed prices and retainers.
    #[ts(type = "string")]
    pub contract_change: Decimal,
    /// Change of direct expenses, and of what clients pay back of them.
    #[ts(type = "string")]
    pub expenses_change: Decimal,
    /// Overhead in percent of labour, in place of the models'.
    #[ts(type = "string | null")]
    pub overhead_percent: Option<Decimal>,
    /// The margin aimed at, in percent of revenue, in place of the model's.
    #[ts(type = "string | null")]
    pub margin_target: Option<Decimal>,
}

/// Actual and supposed figures side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ScenarioFigures {
    /// What is.
    pub actual: Figures,
    /// What would be.
    pub supposed: Figures,
    /// The rates that what is would need.
    pub actual_rates: Option<TargetRates>,
    /// The rates that what would be would need.
    pub supposed_rates: Option<TargetRates>,
}

/// What an hour has to be charged at, to the nearest hundredth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TargetRates {
    /// The currency of both.
    pub currency: Currency,
    /// So that revenue equals cost.
    pub break_even: Amount,
    /// So that the margin is the one aimed at; null for a margin of a hundred percent or more.
    pub target: Option<Amount>,
}

impl Assumptions {
    /// The assumptions of a scenario's row.
    ///
    /// # Errors
    /// [`EconomicsError::Assumption`] when one has another form or is outside −100 to 1000.
    pub fn parse(json: &Value) -> Result<Self, EconomicsError> {
        let found: Self = match json {
            Value::Null => Self::default(),
            given => serde_json::from_value(given.clone()).map_err(|_| EconomicsError::Assumption)?,
        };
        let given = [
            Some(found.hours_change),
            Some(found.cost_rate_change),
            Some(found.billable_rate_change),
            Some(found.contract_change),
            Some(found.expenses_change),
            found.overhead_percent,
            found.margin_target,
        ];
        let limits = Decimal::from(-100)..=Decimal::ONE_THOUSAND;
        let fits = given.iter().flatten().all(|percent| limits.contains(percent));
        if fits { Ok(found) } else { Err(EconomicsError::Assumption) }
    }

    /// Actual sums beside what they would be. `margin_target` is the model's, in percent.
    ///
    /// # Errors
    /// [`EconomicsError::TooLarge`] when a sum is.
    pub fn apply(&self, actual: &Totals, margin_target: Decimal) -> Result<ScenarioFigures, EconomicsError> {
        let supposed = self.supposed(actual)?;
        let target = self.margin_target.unwrap_or(margin_target);
        Ok(ScenarioFigures {
            actual_rates: TargetRates::of(actual, target)?,
            supposed_rates: TargetRates::of(&supposed, target)?,
            actual: actual.clone().into(),
            supposed: supposed.into(),
        })
    }

    /// Each sum times its factors, rounded once.
    fn supposed(&self, actual: &Totals) -> Result<Totals, EconomicsError> {
        let (hours, cost) = (factor(self.hours_change), factor(self.cost_rate_change));
        let (overhead_of, overhead) = match self.overhead_percent {
            Some(percent) => (&actual.labour, percent / Decimal::ONE_HUNDRED),
            None => (&actual.overhead, Decimal::ONE),
        };
        let worked = |time: Hours| {
            let seconds = Decimal::from(time.seconds()).checked_mul(hours).map(|seconds| seconds / Decimal::from(3600));
            seconds.map(Hours::from_decimal).ok_or(EconomicsError::TooLarge)
        };
        let expenses = factor(self.expenses_change);
        Ok(Totals {
            hours: worked(actual.hours)?,
            billable_hours: worked(actual.billable_hours)?,
            unrated_hours: worked(actual.unrated_hours)?,
            unpriced_hours: worked(actual.unpriced_hours)?,
            labour: scaled(&actual.labour, &[hours, cost])?,
            overhead: scaled(overhead_of, &[hours, cost, overhead])?,
            direct_expenses: scaled(&actual.direct_expenses, &[expenses])?,
            time_revenue: scaled(&actual.time_revenue, &[hours, factor(self.billable_rate_change)])?,
            contract_revenue: scaled(&actual.contract_revenue, &[factor(self.contract_change)])?,
            expense_revenue: scaled(&actual.expense_revenue, &[expenses])?,
            left_out: actual.left_out,
        })
    }
}

impl TargetRates {
    /// The rates that the billable hours of these sums would need for a margin in percent; none without such hours, and with several currencies.
    ///
    /// # Errors
    /// [`EconomicsError::TooLarge`] when a rate is.
    pub fn of(totals: &Totals, margin_target: Decimal) -> Result<Option<Self>, EconomicsError> {
        let other = totals.contract_revenue.plus(&totals.expense_revenue);
        let cost = totals.cost();
        let (Ok((currency, cost)), Ok((other_in, other))) = (cost.single(Currency::NONE), other.single(Currency::NONE))
        else {
            return Ok(None);
        };
        let together = currency == other_in || cost == Amount::default() || other == Amount::default();
        if totals.billable_hours <= Hours::ZERO || !together {
            return Ok(None);
        }
        let currency = if cost == Amount::default() { other_in } else { currency };
        let seconds = Decimal::from(totals.billable_hours.seconds());
        // (cost ÷ (1 − margin) − other revenue) ÷ hours, multiplied out so that it is divided once.
        let rate = |margin: Decimal| {
            let kept = Decimal::ONE_HUNDRED.checked_sub(margin)?;
            let needed = cost.decimal().ok()?.checked_mul(Decimal::ONE_HUNDRED)?;
            let needed = needed.checked_sub(other.decimal().ok()?.checked_mul(kept)?)?.max(Decimal::ZERO);
            needed.checked_mul(Decimal::from(3600))?.checked_div(kept.checked_mul(seconds)?)
        };
        let rounded = |margin| Amount::rounded(rate(margin).ok_or(EconomicsError::TooLarge)?);
        let reachable = margin_target < Decimal::ONE_HUNDRED;
        let target = if reachable { Some(rounded(margin_target)?) } else { None };
        Ok(Some(Self { currency, break_even: rounded(Decimal::ZERO)?, target }))
    }
}

fn factor(percent: Decimal) -> Decimal {
    // Percentages are limited to 1000: this cannot overflow.
    Decimal::ONE + percent / Decimal::ONE_HUNDRED
}

fn scaled(amounts: &Amounts, factors: &[Decimal]) -> Result<Amounts, EconomicsError> {
    let mut all = Amounts::default();
    for (currency, amount) in amounts.iter() {
        let product = factors.iter().try_fold(amount.decimal()?, |product, factor| product.checked_mul(*factor));
        all.add(&Amounts::of(currency, Amount::rounded(product.ok_or(EconomicsError::TooLarge)?)?));
    }
    Ok(all)
}
