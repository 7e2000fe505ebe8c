//! Cursors, selections and typing: broadcasts that are shown and forgotten, within a budget of messages for the whole workspace.

use std::collections::BTreeMap;

use cockpit_domain::Pointer;

/// A pointer is gone this long after its last move.
const GONE_MS: i64 = 2_000;
/// The fastest anybody tells of theirs: ten a second.
const FASTEST_MS: i64 = 100;
/// Messages a second that all pointers of a workspace together may cause. Each of n people reaches n - 1 others, and a hosted project on its smallest
/// plan takes 100 messages a second.
const WORKSPACE_PER_SECOND: i64 = 60;
/// More than can be told apart on a screen; further ones are not shown.
const POINTERS_MAX: usize = 200;

/// The pointers of the others, by device.
#[derive(Debug, Default)]
pub struct Pointers {
    shown: BTreeMap<String, (Pointer, i64)>,
}

impl Pointers {
    /// A device told of its pointer.
    pub fn moved(&mut self, device: &str, pointer: Pointer, now_ms: i64) {
        if self.shown.len() < POINTERS_MAX || self.shown.contains_key(device) {
            self.shown.insert(device.to_owned(), (pointer, now_ms.saturating_add(GONE_MS)));
        }
    }

    /// Forgets pointers that have not moved for two seconds. Answers whether there were any.
    pub fn expire(&mut self, now_ms: i64) -> bool {
        let before = self.shown.len();
        self.shown.retain(|_, (_, gone_ms)| *gone_ms > now_ms);
        before != self.shown.len()
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub fn due_ms(&self) -> Option<i64> {
        self.shown.values().map(|(_, gone_ms)| *gone_ms).min()
    }

    /// The pointers, by device.
    pub fn iter(&self) -> impl Iterator<Item = &Pointer> {
        self.shown.values().map(|(pointer, _)| pointer)
    }
}

/// How often this device may tell of its own pointer.
#[derive(Debug, Default)]
pub struct PointerBudget {
    waiting: Option<Pointer>,
    sent_ms: Option<i64>,
}

impl PointerBudget {
    /// The pointer is now there; of what comes between two messages the last one counts.
    pub fn moved(&mut self, pointer: Pointer) {
        self.waiting = Some(pointer);
    }

    /// The pointer to tell of now, with `people` in the workspace, oneself among them.
    pub fn next(&mut self, people: usize, now_ms: i64) -> Option<Pointer> {
        let due = self.due_ms(people)?;
        if due > now_ms {
            return None;
        }
        self.sent_ms = Some(now_ms);
        self.waiting.take()
    }

    /// When [`next`](Self::next) has something to tell; none while there is nothing, nobody to tell it to, or too many people for it to be of use.
    pub fn due_ms(&self, people: usize) -> Option<i64> {
        self.waiting.as_ref()?;
        let pause = pause_ms(people)?;
        Some(self.sent_ms.map_or(i64::MIN, |sent| sent.saturating_add(pause)))
    }
}

/// The pause between two messages of one device; none when there should be no messages.
fn pause_ms(people: usize) -> Option<i64> {
    let people = i64::try_from(people).ok()?;
    if people < 2 {
        return None;
    }
    let deliveries = people.checked_mul(people - 1)?;
    let pause = deliveries.checked_mul(1_000)?.div_euclid(WORKSPACE_PER_SECOND).max(FASTEST_MS);
    // Told more seldom than that, a pointer would be gone before its next move.
    (pause < GONE_MS).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cockpit_domain::{MemberId, PlaceRecord, RecordId, Table};
    use rstest::rstest;
    use uuid::Uuid;

    fn pointer(from: u32) -> Pointer {
        let record = PlaceRecord { table: Table::Tasks, id: RecordId(Uuid::from_u128(1)) };
        Pointer { member: MemberId(Uuid::from_u128(2)), record, field: "notes".into(), from, to: from, typing: true }
    }

    #[rstest]
    #[case::alone(1, None)]
    #[case::two(2, Some(100))]
    #[case::five(5, Some(333))]
    #[case::ten(10, Some(1_500))]
    #[case::a_crowd(12, None)]
    #[case::absurd(usize::MAX, None)]
    fn the_budget_shrinks_with_the_square_of_the_people(#[case] people: usize, #[case] pause: Option<i64>) {
        assert_eq!(pause_ms(people), pause);
    }

    #[test]
    fn of_many_moves_the_last_is_told_and_ten_a_second_at_most() {
        let mut budget = PointerBudget::default();
        let mut told = Vec::new();
        for at in 0..1_000 {
            budget.moved(pointer(at));
            told.extend(budget.next(2, i64::from(at)).map(|one| one.from));
        }
        assert_eq!(told, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        assert_eq!(budget.next(2, 1_000).map(|one| one.from), Some(999), "the last move is told in the end");
        assert_eq!(budget.due_ms(2), None);
    }

    #[test]
    fn a_pointer_is_gone_two_seconds_after_its_last_move() {
        let mut pointers = Pointers::default();
        pointers.moved("a", pointer(1), 0);
        pointers.moved("a", pointer(2), 1_000);
        assert!(!pointers.expire(2_999));
        assert_eq!(pointers.iter().map(|one| one.from).collect::<Vec<_>>(), [2]);
        assert!(pointers.expire(3_000));
        assert_eq!(pointers.iter().count(), 0);
    }
}
