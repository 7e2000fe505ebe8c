//! Money and hours: what work costs, what it earns, and what follows from both. `docs/economics.md` states the rules with worked examples.
//!
//! [`Records`] is what is known, [`Ledger`] keeps every figure up to date as it changes. Lines are made by [`Records`] alone: an entry's, an
//! expense's, a project's own. Money is rounded in [`Amount::rounded`] and nowhere else, when a line is made; everything above is a sum of lines.

mod amount;
mod change;
mod error;
mod full;
mod group;
mod health;
mod hours;
mod ledger;
mod line;
mod project_figures;
mod project_time;
mod rates;
mod records;
pub mod retainer;
mod scenario;
mod totals;
mod work;

#[cfg(test)]
mod tests;

pub use amount::{Amount, Amounts, Currency};
pub use change::Change;
pub use error::EconomicsError;
pub use full::Group;
pub use group::{GroupKey, Place, first_of_week};
pub use health::{Health, HealthReason};
pub use hours::Hours;
pub use ledger::Ledger;
pub use project_figures::{Burn, ProjectFigures, TaskFigures};
pub use records::{Records, Settings};
pub use scenario::{Assumptions, ScenarioFigures, TargetRates};
pub use totals::{Figures, Totals};
