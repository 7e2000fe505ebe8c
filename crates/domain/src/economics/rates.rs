//! Which rate holds on a day.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{
    Currency,
    records::{EntryFacts, Records},
};
use crate::{ExchangeRate, MemberId, Rate, RateKind, RecordId, Role};

/// Whose rate it is, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Person(MemberId),
    Role(Role),
    Project(RecordId),
    Model(RecordId),
}

impl Subject {
    /// The one subject of a rate; none when it has none or several, which the database refuses.
    pub(super) fn of(rate: &Rate) -> Option<Self> {
        let all = [
            rate.member_id.map(Self::Person),
            rate.role.map(Self::Role),
            rate.project_id.map(Self::Project),
            rate.economics_model.map(Self::Model),
        ];
        let mut given = all.into_iter().flatten();
        given.next().filter(|_| given.next().is_none())
    }
}

/// An amount for an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Price {
    pub(super) amount: Decimal,
    pub(super) currency: Currency,
}

/// Values that each hold from a day on until the next; of two from the same day, the one with the later id.
#[derive(Clone, Debug)]
pub(super) struct Dated<T>(BTreeMap<(Date, RecordId), T>);

impl<T> Default for Dated<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Dated<T> {
    fn on(&self, date: Date) -> Option<&T> {
        self.0.range(..=(date, RecordId(Uuid::max()))).next_back().map(|(_, value)| value)
    }

    /// The days, both included, on which a value that begins on `from` may hold.
    fn window(&self, from: Date) -> (Date, Date) {
        let next = self.0.range((from, RecordId(Uuid::max()))..).next();
        let last = next.and_then(|((next, _), _)| next.yesterday().ok()).unwrap_or(Date::MAX);
        (from, last)
    }
}

/// What changed of a dated table: whose, and on which days, both included.
pub(super) type Span<S> = (S, (Date, Date));

/// All rates.
#[derive(Clone, Debug, Default)]
pub(super) struct RateTable {
    known: BTreeMap<RecordId, (RateKind, Subject, Date)>,
    dated: BTreeMap<(Subject, RateKind), Dated<Price>>,
}

impl RateTable {
    /// Puts a rate in place of the one with its id, or takes it away; what that may change.
    pub(super) fn put(&mut self, id: RecordId, rate: Option<&Rate>) -> Vec<Span<Subject>> {
        let mut spans = Vec::new();
        if let Some((kind, subject, from)) = self.known.remove(&id)
            && let Some(dated) = self.dated.get_mut(&(subject, kind))
        {
            dated.0.remove(&(from, id));
            spans.push((subject, dated.window(from)));
        }
        if let Some((rate, subject)) = rate.and_then(|rate| Some((rate, Subject::of(rate)?))) {
            let price = Price { amount: rate.amount, currency: rate.currency.parse().unwrap_or(Currency::NONE) };
            self.known.insert(id, (rate.kind, subject, rate.valid_from));
            let dated = self.dated.entry((subject, rate.kind)).or_default();
            dated.0.insert((rate.valid_from, id), price);
            spans.push((subject, dated.window(rate.valid_from)));
        }
        spans
    }

    fn on(&self, subject: Subject, kind: RateKind, date: Date) -> Option<Price> {
        self.dated.get(&(subject, kind))?.on(date).copied()
    }
}

impl Records {
    /// The rate for an hour of an entry: the person's, the role's, the project's, the model's, the model's base rate; the first that holds on the day.
    pub(super) fn price(&self, kind: RateKind, entry: &EntryFacts, project: Option<RecordId>) -> Option<Price> {
        let model = project.and_then(|project| self.model_of(project));
        let subjects = [
            Some(Subject::Person(entry.member)),
            self.members.get(&entry.member).copied().map(Subject::Role),
            project.map(Subject::Project),
            model.map(|(id, _)| Subject::Model(id)),
        ];
        let dated = subjects.into_iter().flatten().find_map(|subject| self.rates.on(subject, kind, entry.date));
        let base = || model.filter(|(_, model)| !model.base_rate.is_zero());
        dated.or_else(|| base().map(|(_, model)| Price { amount: model.base_rate, currency: model.currency }))
    }
}

/// What other currencies are worth in the workspace's.
#[derive(Clone, Debug, Default)]
pub(super) struct ExchangeTable {
    known: BTreeMap<RecordId, (Currency, Date)>,
    dated: BTreeMap<Currency, Dated<Decimal>>,
}

impl ExchangeTable {
    /// Puts a rate in place of the one with its id, or takes it away; what that may change.
    pub(super) fn put(&mut self, id: RecordId, rate: Option<&ExchangeRate>) -> Vec<Span<Currency>> {
        let mut spans = Vec::new();
        if let Some((currency, from)) = self.known.remove(&id)
            && let Some(dated) = self.dated.get_mut(&currency)
        {
            dated.0.remove(&(from, id));
            spans.push((currency, dated.window(from)));
        }
        if let Some((rate, currency)) = rate.and_then(|rate| Some((rate, rate.currency.parse().ok()?))) {
            self.known.insert(id, (currency, rate.valid_from));
            let dated = self.dated.entry(currency).or_default();
            dated.0.insert((rate.valid_from, id), rate.rate);
            spans.push((currency, dated.window(rate.valid_from)));
        }
        spans
    }

    /// The rate of a day; one of zero or below says nothing.
    pub(super) fn on(&self, currency: Currency, date: Date) -> Option<Decimal> {
        self.dated.get(&currency)?.on(date).copied().filter(|rate| *rate > Decimal::ZERO)
    }
}
