//! Why a figure cannot be given.

/// Why an amount or a number of hours cannot be reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EconomicsError {
    /// One line is worth more than [`Amount::MAX_LINE`](super::Amount::MAX_LINE) either way.
    #[error("an amount is too large to be reckoned with")]
    TooLarge,
    /// A currency is not three capitals.
    #[error("a currency's code is three capitals, such as EUR")]
    Currency,
    /// A retainer covers more days than [`MAX_RETAINER_DAYS`](super::retainer::MAX_RETAINER_DAYS).
    #[error("a retainer covers more days than can be reckoned with")]
    RetainerTooLong,
    /// Figures of two currencies meet where one number is asked for.
    #[error("the amounts are in several currencies and no exchange rate joins them")]
    SeveralCurrencies,
    /// An assumption of a scenario is missing its form or outside −100 to 1000 percent.
    #[error("an assumption is a number of percent from -100 to 1000")]
    Assumption,
}
