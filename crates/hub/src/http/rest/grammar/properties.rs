//! Any tree survives being written and read; any text is read or refused, and never more than that.

use proptest::{collection::vec, prelude::*};

use super::{Comparison, Condition, Join, Test, Tree, Truth, field_of_key, logic_tree, order, select, test};

fn a_test() -> impl Strategy<Value = Test> {
    let comparison = proptest::sample::select(Comparison::ALL.map(|(comparison, ..)| comparison).to_vec());
    prop_oneof![
        (comparison, any::<String>()).prop_map(|(comparison, value)| Test::Compare(comparison, value)),
        vec(any::<String>(), 0..4).prop_map(Test::In),
        proptest::sample::select(Truth::ALL.map(|(truth, _)| truth).to_vec()).prop_map(Test::Is),
    ]
}

fn a_tree() -> impl Strategy<Value = Tree> {
    let condition = (".+", any::<bool>(), a_test())
        .prop_map(|(column, negated, test)| Tree::Leaf(Condition { column, negated, test }));
    condition.prop_recursive(5, 40, 4, |inner| {
        let join = prop_oneof![Just(Join::And), Just(Join::Or)];
        (any::<bool>(), join, vec(inner, 1..4)).prop_map(|(negated, join, branches)| Tree::Node {
            negated,
            join,
            branches,
        })
    })
}

fn read(key: &str, value: &str) -> Tree {
    let (negated, bare) = key.strip_prefix("not.").map_or((false, key), |bare| (true, bare));
    match bare {
        "and" => logic_tree(negated, Join::And, value).unwrap(),
        "or" => logic_tree(negated, Join::Or, value).unwrap(),
        _ => {
            let (column, further) = field_of_key(key).unwrap();
            assert!(!further);
            let (negated, test) = test(value).unwrap();
            Tree::Leaf(Condition { column, negated, test })
        }
    }
}

proptest! {
    #[test]
    fn a_tree_is_read_back_as_it_was_written(tree in a_tree()) {
        let (key, value) = tree.pair();
        prop_assert_eq!(read(&key, &value), tree, "{}={}", key, value);
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place_inside_it(text in any::<String>(), like in "[a-c().,:{}\"\\\\*! notrdeqi-]{0,60}") {
        for text in [text, like] {
            let ends = text.chars().count() + 1;
            let refused = [
                test(&text).err(),
                logic_tree(false, Join::Or, &text).err(),
                order(&text).err(),
                select(&text).err(),
                field_of_key(&text).err(),
            ];
            for refusal in refused.into_iter().flatten() {
                prop_assert!((1..=ends).contains(&refusal.column), "{refusal:?} of {text:?}");
            }
        }
    }
}

#[test]
fn a_tree_of_any_depth_is_refused_and_does_not_exhaust_the_stack() {
    for depth in [33, 10_000] {
        let text = format!("({}a.eq.1{}", "or(".repeat(depth), ")".repeat(depth + 1));
        logic_tree(false, Join::And, &text).unwrap_err();
    }
    let text = format!("({}a.eq.1{}", "or(".repeat(31), ")".repeat(32));
    logic_tree(false, Join::And, &text).unwrap();
}
