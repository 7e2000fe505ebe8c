//! Rank: a position as text, so that moving one row writes one row.
//!
//! The form is that of D. Greenspan, "Implementing Fractional Indexing" (2020): a whole number of variable length, then a fraction, both in
//! base 62 with digits in ASCII order. The first character says how many digits the whole number has, so that text order is
//! number order. Putting rows at either end, again and again, makes a rank only logarithmically longer; only putting them
//! between the same two neighbours makes it grow, by one character for about five rows.

use std::cmp::Ordering;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A rank strictly between two others; `None` stands for the end of the list on that side.
///
/// Ranks are compared byte by byte (collation C). A neighbour that is not a rank of this form, or a pair that is not in
/// order, is treated as the end of the list on its side: a strange neighbour must never keep a person from adding a row.
pub fn between(before: Option<&str>, after: Option<&str>) -> String {
    let before = before.and_then(Rank::parse);
    let after = after
        .and_then(Rank::parse)
        .filter(|after| before.as_ref().is_none_or(|before| before.cmp(after) == Ordering::Less));
    match (before, after) {
        (None, None) => "a0".to_owned(),
        (Some(before), None) => match increment(&before.whole) {
            Some(whole) => whole,
            None => before.whole.clone() + &middle(&before.fraction, None),
        },
        (None, Some(after)) if !after.fraction.is_empty() => after.whole,
        (None, Some(after)) => match decrement(&after.whole) {
            Some(whole) => whole,
            // The smallest whole number there is, without a fraction: nothing lies before it, and 62^26 rows were put there to reach it.
            None => after.whole.clone() + &middle("", None),
        },
        (Some(before), Some(after)) if before.whole == after.whole => {
            before.whole + &middle(&before.fraction, Some(&after.fraction))
        }
        (Some(before), Some(after)) => match increment(&before.whole) {
            Some(whole) if whole < after.text() => whole,
            _ => before.whole.clone() + &middle(&before.fraction, None),
        },
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rank {
    whole: String,
    fraction: String,
}

impl Rank {
    fn parse(text: &str) -> Option<Self> {
        let length = whole_length(*text.as_bytes().first()?)?;
        let (whole, fraction) = text.split_at_checked(length)?;
        let is_digits = |part: &str| part.bytes().all(|byte| value(byte).is_some());
        // A fraction that ends in 0 has nothing before it that is not equal to it.
        (is_digits(whole) && is_digits(fraction) && !fraction.ends_with('0'))
            .then(|| Self { whole: whole.to_owned(), fraction: fraction.to_owned() })
    }

    fn text(&self) -> String {
        format!("{}{}", self.whole, self.fraction)
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.text().cmp(&other.text())
    }
}

/// `a` begins numbers with one digit, `b` with two; `Z` negative ones with one, `Y` with two, so that text order is number order.
fn whole_length(head: u8) -> Option<usize> {
    match head {
        b'a'..=b'z' => Some(usize::from(head - b'a') + 2),
        b'A'..=b'Z' => Some(usize::from(b'Z' - head) + 2),
        _ => None,
    }
}

fn value(digit: u8) -> Option<usize> {
    DIGITS.iter().position(|known| *known == digit)
}

fn digit(value: usize) -> char {
    char::from(DIGITS.get(value).copied().unwrap_or(b'z'))
}

/// The next whole number; none after the largest.
fn increment(whole: &str) -> Option<String> {
    step(
        whole,
        61,
        |value| value + 1,
        '0',
        |head| match head {
            b'Z' => Some((b'a', 1)),
            b'z' => None,
            head => Some((head + 1, whole_length(head + 1)? - 1)),
        },
    )
}

/// The whole number before; none before the smallest.
fn decrement(whole: &str) -> Option<String> {
    step(
        whole,
        0,
        |value| value - 1,
        'z',
        |head| match head {
            b'a' => Some((b'Z', 1)),
            b'A' => None,
            head => Some((head - 1, whole_length(head - 1)? - 1)),
        },
    )
}

/// Adds or subtracts one. `end` is the digit that carries, `fill` what it becomes; `turn` gives the head after a carry out of all digits, and
/// how many digits the number then has.
fn step(
    whole: &str,
    end: usize,
    next: impl Fn(usize) -> usize,
    fill: char,
    turn: impl Fn(u8) -> Option<(u8, usize)>,
) -> Option<String> {
    let (head, digits) = whole.split_at_checked(1)?;
    let mut values: Vec<usize> = digits.bytes().map(value).collect::<Option<_>>()?;
    let carried = values.iter().rev().take_while(|value| **value == end).count();
    if carried < values.len() {
        let at = values.len() - carried - 1;
        if let Some(value) = values.get_mut(at) {
            *value = next(*value);
        }
        let kept: String = values.iter().take(at + 1).map(|value| digit(*value)).collect();
        return Some(format!("{head}{kept}{}", String::from(fill).repeat(carried)));
    }
    let (head, length) = turn(*head.as_bytes().first()?)?;
    Some(format!("{}{}", char::from(head), String::from(fill).repeat(length)))
}

/// A fraction strictly between two; `after` none stands for one.
fn middle(before: &str, after: Option<&str>) -> String {
    let mut prefix = String::new();
    let mut before = before.bytes();
    let mut after = after.map(str::bytes);
    loop {
        let low = before.next().and_then(value).unwrap_or(0);
        let high = match &mut after {
            Some(after) => after.next().and_then(value).unwrap_or(62),
            None => 62,
        };
        if high > low + 1 {
            prefix.push(digit(low.midpoint(high)));
            return prefix;
        }
        if high == low + 1 {
            // The first digit of the larger one alone lies between, unless that is all of it.
            if after.as_ref().is_some_and(|after| after.len() > 0) {
                prefix.push(digit(high));
                return prefix;
            }
            after = None;
        }
        prefix.push(digit(low));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_keeps_its_order_under_any_insertions(places in prop::collection::vec(0usize..60, 1..300)) {
            let mut ranks: Vec<String> = Vec::new();
            for place in places {
                let at = place.min(ranks.len());
                let before = at.checked_sub(1).and_then(|i| ranks.get(i)).map(String::as_str);
                let rank = between(before, ranks.get(at).map(String::as_str));
                prop_assert!(Rank::parse(&rank).is_some(), "{rank} is no rank");
                ranks.insert(at, rank);
            }
            prop_assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{ranks:?}");
        }
    }

    #[test]
    fn a_hundred_thousand_rows_at_either_end_keep_ranks_short() {
        let (mut first, mut last) = (between(None, None), between(None, None));
        for _ in 0..100_000 {
            let before = between(None, Some(&first));
            assert!(before < first, "{before} is not before {first}");
            let after = between(Some(&last), None);
            assert!(after > last, "{after} is not after {last}");
            (first, last) = (before, after);
        }
        assert!(first.len() <= 6 && last.len() <= 6, "{first} {last}");
    }

    #[test]
    fn always_between_the_same_two_grows_slowly() {
        let (low, mut high) = (between(None, None), between(Some(&between(None, None)), None));
        for _ in 0..500 {
            high = between(Some(&low), Some(&high));
            assert!(low < high);
        }
        assert!(high.len() < 120, "{} characters", high.len());
    }

    #[test]
    fn a_strange_neighbour_is_the_end_of_the_list() {
        assert_eq!(between(Some("not a rank"), None), "a0");
        assert!(between(Some("a5"), Some("a1")).as_str() > "a5", "a pair that is not in order");
    }
}
