//! Filters: `eq.5`, `not.in.(a,"b,c")`, and trees of them, `(a.eq.5,not.or(b.is.null,c.cs.{x,y}))`.

use winnow::{
    ModalResult, Parser,
    ascii::space0,
    combinator::{alt, cut_err, delimited, eof, opt, peek, repeat, separated, terminated},
    token::{one_of, rest, take_till, take_while},
};

use super::{
    Comparison, Condition, DEEPEST_TREE, Join, Test, Tree, Truth,
    token::{Unparsable, expected, field, quoted},
};

type Value = fn(&mut &str) -> ModalResult<String>;

/// What stands after `column=`: whether it is negated, and the test. The value of an operator is all of the rest, quotes and all.
pub(in super::super) fn test(text: &str) -> Result<(bool, Test), Unparsable> {
    let whole: Value = |input| rest.map(str::to_owned).parse_next(input);
    (|input: &mut &str| negatable_test(input, whole)).parse(text).map_err(Unparsable::from)
}

/// What stands after `or=`, `and=`, `not.or=`, `not.and=`: the branches in their parentheses.
pub(in super::super) fn logic_tree(negated: bool, join: Join, text: &str) -> Result<Tree, Unparsable> {
    let mut branches = |input: &mut &str| branches(input, 1);
    branches.parse(text).map(|branches| Tree::Node { negated, join, branches }).map_err(Unparsable::from)
}

fn branches(input: &mut &str, depth: usize) -> ModalResult<Vec<Tree>> {
    if depth > DEEPEST_TREE {
        return winnow::combinator::fail.context(expected("a tree of at most 32 levels")).parse_next(input);
    }
    let branch = |input: &mut &str| tree(input, depth);
    let comma = (space0, ',', space0);
    let inner = separated(1.., branch, comma);
    let end = (space0, ')').context(expected("\",\"")).context(expected("\")\""));
    delimited(('(', space0), inner, end).context(expected("conditions in parentheses")).parse_next(input)
}

fn tree(input: &mut &str, depth: usize) -> ModalResult<Tree> {
    let node = |input: &mut &str| {
        let negated = opt("not.").parse_next(input)?.is_some();
        let join =
            terminated(alt(("and".value(Join::And), "or".value(Join::Or))), (space0, peek('('))).parse_next(input)?;
        let branches = cut_err(|input: &mut &str| branches(input, depth + 1)).parse_next(input)?;
        Ok(Tree::Node { negated, join, branches })
    };
    alt((node, condition.map(Tree::Leaf))).parse_next(input)
}

fn condition(input: &mut &str) -> ModalResult<Condition> {
    let column = terminated(field, '.'.context(expected("\".\""))).parse_next(input)?;
    let (negated, test) = cut_err(|input: &mut &str| negatable_test(input, value_in_tree)).parse_next(input)?;
    Ok(Condition { column, negated, test })
}

fn negatable_test(input: &mut &str, value: Value) -> ModalResult<(bool, Test)> {
    let negated = opt("not.").parse_next(input)?.is_some();
    let operator = terminated(take_while(1.., |c: char| c.is_ascii_alphabetic()), '.').verify_map(Operator::named);
    match operator.context(expected("operator (eq, gt, ...)")).parse_next(input)? {
        Operator::Compare(comparison) => Ok((negated, Test::Compare(comparison, value(input)?))),
        Operator::In => Ok((negated, Test::In(list(input)?))),
        Operator::Is => Ok((negated, Test::Is(truth(input)?))),
    }
}

enum Operator {
    Compare(Comparison),
    In,
    Is,
}

impl Operator {
    fn named(word: &str) -> Option<Self> {
        match word {
            "in" => Some(Self::In),
            "is" => Some(Self::Is),
            word => Comparison::named(word).map(Self::Compare),
        }
    }
}

fn truth(input: &mut &str) -> ModalResult<Truth> {
    let word = take_while(1.., |c: char| c.is_ascii_alphabetic() || c == '_');
    let truth = word.verify_map(Truth::named);
    truth.context(expected("null, not_null, true, false or unknown")).parse_next(input)
}

/// `(a,b)`. An empty pair of parentheses is an empty list; the empty text is written `("")`, or between commas.
fn list(input: &mut &str) -> ModalResult<Vec<String>> {
    let empty = ('(', space0, ')').map(|_| Vec::new());
    let items = delimited(('(', space0), separated(1.., item, (',', space0)), ')');
    alt((empty, items)).context(expected("a list in parentheses")).parse_next(input)
}

fn item(input: &mut &str) -> ModalResult<String> {
    alt((terminated(quoted, ends), plain)).parse_next(input)
}

/// Quoted, an array literal, or plain up to the next comma or parenthesis.
fn value_in_tree(input: &mut &str) -> ModalResult<String> {
    alt((terminated(quoted, ends), terminated(array, ends), plain)).parse_next(input)
}

/// `{a,b}` with its braces; arrays within arrays have to be quoted. Text in quotes may hold anything.
fn array(input: &mut &str) -> ModalResult<String> {
    let inner = alt((quoted.void(), take_till(1.., ['{', '}', '"']).void()));
    ('{', repeat::<_, _, (), _, _>(0.., inner), '}').take().map(str::to_owned).parse_next(input)
}

fn plain(input: &mut &str) -> ModalResult<String> {
    take_till(0.., [',', ')']).map(str::to_owned).parse_next(input)
}

/// What a quoted value is followed by; without it the quotes were part of a plain one.
fn ends(input: &mut &str) -> ModalResult<()> {
    peek(alt((one_of([',', ')']).void(), eof.void()))).parse_next(input)
}
