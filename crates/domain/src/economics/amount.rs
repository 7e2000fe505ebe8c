//! Money: whole cents of a currency, and the one place where it is rounded.

use std::{collections::BTreeMap, fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ts_rs::TS;

use super::EconomicsError;

/// ISO 4217 code of a currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TS)]
#[ts(export, type = "string")]
pub struct Currency([u8; 3]);

impl Currency {
    /// The code for “no currency” of ISO 4217: what amounts are in when neither a record nor the workspace names one.
    pub const NONE: Self = Self(*b"XXX");
}

impl FromStr for Currency {
    type Err = EconomicsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| EconomicsError::Currency)?;
        if code.iter().all(u8::is_ascii_uppercase) { Ok(Self(code)) } else { Err(EconomicsError::Currency) }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in whole hundredths of a currency's unit; as text with two places on the wire.
///
/// Sums are those of whole numbers, so that they are exact and do not depend on the order of the parts. A line is limited to
/// [`Amount::MAX_LINE`], so that 10^14 lines fit before a sum could pass the limits of the type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, TS)]
#[ts(export, type = "string")]
pub struct Amount(i128);

impl Amount {
    /// The largest line, either way: 10^22 units.
    pub const MAX_LINE: Self = Self(1_000_000_000_000_000_000_000_000);

    /// **The one place where money is rounded**: to the nearest hundredth, a tie away from zero.
    ///
    /// # Errors
    /// [`EconomicsError::TooLarge`] beyond [`Amount::MAX_LINE`].
    pub fn rounded(exact: Decimal) -> Result<Self, EconomicsError> {
        let rounded = exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        let cents = rounded.checked_mul(Decimal::ONE_HUNDRED).and_then(|cents| cents.to_i128());
        let amount = Self(cents.ok_or(EconomicsError::TooLarge)?);
        if (-Self::MAX_LINE.0..=Self::MAX_LINE.0).contains(&amount.0) {
            Ok(amount)
        } else {
            Err(EconomicsError::TooLarge)
        }
    }

    /// The hundredths.
    pub fn cents(self) -> i128 {
        self.0
    }

    /// An amount of that many hundredths.
    pub fn from_cents(cents: i128) -> Self {
        Self(cents)
    }

    /// The amount as a decimal number.
    ///
    /// # Errors
    /// [`EconomicsError::TooLarge`] when a sum has more digits than a decimal holds (28).
    pub fn decimal(self) -> Result<Decimal, EconomicsError> {
        Decimal::try_from_i128_with_scale(self.0, 2).map_err(|_| EconomicsError::TooLarge)
    }

    fn plus(self, other: Self) -> Self {
        // Never reached: see the type. A wrong extreme is better than a panic in a window.
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, cents) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let cents = text.parse::<Decimal>().ok().and_then(|value| value.checked_mul(Decimal::ONE_HUNDRED));
        let cents = cents.filter(Decimal::is_integer).and_then(|cents| cents.to_i128());
        cents.map(Self).ok_or_else(|| serde::de::Error::custom("an amount has two places"))
    }
}

/// Amounts side by side, one for each currency; a currency that sums up to nothing is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(transparent)]
#[ts(export)]
pub struct Amounts(BTreeMap<Currency, Amount>);

impl Amounts {
    /// One amount.
    pub fn of(currency: Currency, amount: Amount) -> Self {
        let mut amounts = Self::default();
        amounts.put(currency, amount);
        amounts
    }

    /// What there is in `currency`.
    pub fn get(&self, currency: Currency) -> Amount {
        self.0.get(&currency).copied().unwrap_or_default()
    }

    /// Whether there is nothing in any currency.
    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// Each currency with its amount, by code.
    pub fn iter(&self) -> impl Iterator<Item = (Currency, Amount)> {
        self.0.iter().map(|(currency, amount)| (*currency, *amount))
    }

    /// Adds amounts of each currency to those of the same.
    pub fn add(&mut self, other: &Self) {
        other.iter().for_each(|(currency, amount)| self.put(currency, amount));
    }

    /// Takes amounts of each currency from those of the same.
    pub fn subtract(&mut self, other: &Self) {
        other.iter().for_each(|(currency, Amount(cents))| self.put(currency, Amount(-cents)));
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.add(other);
        sum
    }

    /// The difference of both.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut difference = self.clone();
        difference.subtract(other);
        difference
    }

    /// The only amount, zero in `otherwise` when there is none.
    ///
    /// # Errors
    /// [`EconomicsError::SeveralCurrencies`] when there are several: they are never summed.
    pub fn single(&self, otherwise: Currency) -> Result<(Currency, Amount), EconomicsError> {
        let mut all = self.iter();
        match (all.next(), all.next()) {
            (None, _) => Ok((otherwise, Amount::default())),
            (Some(only), None) => Ok(only),
            _ => Err(EconomicsError::SeveralCurrencies),
        }
    }

    fn put(&mut self, currency: Currency, amount: Amount) {
        let sum = self.get(currency).plus(amount);
        if sum == Amount::default() {
            self.0.remove(&currency)
        } else {
            self.0.insert(currency, sum)
        };
    }
}
