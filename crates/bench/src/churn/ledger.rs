//! What was sent and what came: each message once, and in order, for every sender on every channel.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The ways that messages take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// From the partner, on a channel for everybody.
    ToSubjectPublic,
    /// From the partner, on a private one.
    ToSubjectPrivate,
    /// From the database, on a private one.
    Database,
    /// To the partner, on the channel for everybody.
    FromSubjectPublic,
    /// To the partner, on the private one.
    FromSubjectPrivate,
}

impl Lane {
    pub(super) const ALL: [Self; 5] = [
        Self::ToSubjectPublic,
        Self::ToSubjectPrivate,
        Self::Database,
        Self::FromSubjectPublic,
        Self::FromSubjectPrivate,
    ];

    /// What the subject hears.
    pub(super) const TO_SUBJECT: &[Self] = &[Self::ToSubjectPublic, Self::ToSubjectPrivate, Self::Database];
    /// What the partner hears.
    pub(super) const FROM_SUBJECT: &[Self] = &[Self::FromSubjectPublic, Self::FromSubjectPrivate];

    /// As it travels in the messages.
    pub(super) fn number(self) -> u64 {
        self as u64
    }

    /// The lane of a message.
    pub(super) fn of(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.number() == number)
    }
}

/// One lane's books.
#[derive(Debug, Default, Clone)]
struct Book {
    sent: u64,
    accepted: u64,
    received: u64,
    last: Option<u64>,
    /// Accepted while nothing disturbed the line, and not yet received.
    owed: BTreeSet<u64>,
    /// Received before the sender was told that it was accepted.
    early: BTreeSet<u64>,
}

/// All lanes' books.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    // A plain mutex: held for a few assignments and never over an await.
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    books: [Book; 5],
    /// Whether the line is undisturbed.
    calm: bool,
    violations: Vec<String>,
}

impl Ledger {
    /// The number of the next message, and whether it is owed when the server accepts it.
    pub(super) fn next(&self, lane: Lane) -> (u64, bool) {
        let mut inner = self.lock();
        let calm = inner.calm;
        let Some(book) = inner.books.get_mut(lane as usize) else { return (0, false) };
        book.sent += 1;
        (book.sent, calm)
    }

    /// The server has accepted a message, which was sent in calm or not.
    pub(super) fn accepted(&self, lane: Lane, number: u64, owed: bool) {
        let mut inner = self.lock();
        let owed = owed && inner.calm;
        let Some(book) = inner.books.get_mut(lane as usize) else { return };
        book.accepted += 1;
        if !book.early.remove(&number) && owed {
            book.owed.insert(number);
        }
        // What came before this one will not be accepted later: a lane has one sender, which waits for each answer.
        book.early.retain(|early| *early > number);
    }

    /// A message has arrived.
    pub(super) fn received(&self, lane: Lane, number: u64) {
        let mut inner = self.lock();
        let Some(book) = inner.books.get_mut(lane as usize) else { return };
        book.received += 1;
        let violation = book.last.filter(|last| number <= *last).map(|last| {
            let what = if number == last { "twice" } else { "out of order or twice" };
            format!("{lane:?}: message {number} arrived {what}, after {last}")
        });
        book.last = book.last.max(Some(number));
        if !book.owed.remove(&number) {
            book.early.insert(number);
        }
        inner.violations.extend(violation);
    }

    /// A refused message in calm is as bad as a lost one.
    pub(super) fn failed(&self, lane: Lane, number: u64, owed: bool, reason: &str) {
        let mut inner = self.lock();
        if owed && inner.calm {
            inner
                .violations
                .push(format!("{lane:?}: message {number} was not accepted though nothing disturbed it: {reason}"));
        }
    }

    /// Begins or ends a time in which everything that is accepted has to arrive.
    pub(super) fn calm(&self, calm: bool) {
        self.lock().calm = calm;
    }

    /// How many owed messages have not arrived.
    pub(super) fn outstanding(&self) -> usize {
        self.lock().books.iter().map(|book| book.owed.len()).sum()
    }

    /// Gives up on what is owed, which is a violation unless the calm was no calm.
    pub(super) fn settle(&self, disturbed: bool) {
        let mut inner = self.lock();
        let mut violations = Vec::new();
        for (lane, book) in Lane::ALL.into_iter().zip(&mut inner.books) {
            let owed = std::mem::take(&mut book.owed);
            if !owed.is_empty() && !disturbed {
                let first = owed.first().copied().unwrap_or_default();
                violations
                    .push(format!("{lane:?}: {} accepted messages never arrived, the first is {first}", owed.len()));
            }
        }
        inner.violations.extend(violations);
    }

    /// How far each lane has come.
    pub(super) fn progress(&self) -> [u64; 5] {
        self.lock().books.each_ref().map(|book| book.received)
    }

    /// Notes something else that must not be.
    pub(super) fn violation(&self, what: String) {
        self.lock().violations.push(what);
    }

    /// What must not be and was.
    pub(super) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// Sent, accepted and received.
    pub(super) fn totals(&self) -> (u64, u64, u64) {
        let inner = self.lock();
        let sum = |of: fn(&Book) -> u64| inner.books.iter().map(of).sum();
        (sum(|book| book.sent), sum(|book| book.accepted), sum(|book| book.received))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lane, Ledger};

    #[test]
    fn a_lost_a_repeated_and_an_overtaken_message_are_found() {
        let lane = Lane::Database;
        let send = |ledger: &Ledger| {
            let (number, owed) = ledger.next(lane);
            ledger.accepted(lane, number, owed);
            number
        };
        let ledger = Ledger::default();
        ledger.calm(true);
        for _ in 0..3 {
            let number = send(&ledger);
            ledger.received(lane, number);
        }
        ledger.settle(false);
        assert_eq!(ledger.violations(), Vec::<String>::new());

        ledger.received(lane, 3);
        assert_eq!(ledger.violations().len(), 1, "twice");
        ledger.received(lane, 1);
        assert_eq!(ledger.violations().len(), 2, "out of order");
        send(&ledger);
        assert_eq!(ledger.outstanding(), 1);
        ledger.settle(false);
        assert_eq!(ledger.violations().len(), 3, "lost");
    }

    #[test]
    fn what_is_lost_in_a_fault_is_not_owed() {
        let (lane, ledger) = (Lane::ToSubjectPublic, Ledger::default());
        let (number, owed) = ledger.next(lane);
        ledger.accepted(lane, number, owed);
        ledger.calm(true);
        // Sent before the calm, accepted in it; sent in it, accepted after it.
        let (number, owed) = ledger.next(lane);
        ledger.calm(false);
        ledger.accepted(lane, number, owed);
        ledger.settle(false);
        assert_eq!(ledger.violations(), Vec::<String>::new());
    }

    #[test]
    fn a_message_may_arrive_before_its_sender_knows_that_it_was_accepted() {
        let (lane, ledger) = (Lane::FromSubjectPublic, Ledger::default());
        ledger.calm(true);
        let (number, owed) = ledger.next(lane);
        ledger.received(lane, number);
        ledger.accepted(lane, number, owed);
        ledger.settle(false);
        assert_eq!((ledger.outstanding(), ledger.violations().len()), (0, 0));
    }
}
