//! Rank: a position as text, so that moving one row writes one row.

use fractional_index::FractionalIndex;

/// A rank strictly between two others; `None` stands for the end of the list on that side.
///
/// Ranks are compared byte by byte (collation C). A neighbour that is not a rank of this form, or a pair that is not in
/// order, is treated as the end of the list on its side: a strange neighbour must never keep a person from adding a row.
pub fn between(before: Option<&str>, after: Option<&str>) -> String {
    let before = before.and_then(|text| FractionalIndex::from_string(text).ok());
    let after = after.and_then(|text| FractionalIndex::from_string(text).ok());
    FractionalIndex::new(before.as_ref(), after.as_ref())
        .or_else(|| FractionalIndex::new(before.as_ref(), None))
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_keeps_its_order_under_any_insertions(places in prop::collection::vec(0usize..50, 1..200)) {
            let mut ranks: Vec<String> = Vec::new();
            for place in places {
                let at = place.min(ranks.len());
                let before = at.checked_sub(1).and_then(|i| ranks.get(i)).map(String::as_str);
                let rank = between(before, ranks.get(at).map(String::as_str));
                ranks.insert(at, rank);
            }
            prop_assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]), "{ranks:?}");
        }
    }

    #[test]
    fn a_strange_neighbour_is_the_end_of_the_list() {
        assert!(!between(Some("not a rank"), None).is_empty());
    }
}
