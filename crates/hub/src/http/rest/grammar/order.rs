//! `order=name.desc.nullslast,id`.

use winnow::{
    ModalResult, Parser,
    combinator::{alt, opt, separated},
};

use super::token::{Unparsable, expected, field};

/// One term of an order.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct OrderTerm {
    pub(in super::super) column: String,
    pub(in super::super) direction: Option<Direction>,
    pub(in super::super) nulls: Option<Nulls>,
}

/// Which way a term orders; PostgreSQL's default is ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Direction {
    Ascending,
    Descending,
}

/// Where nulls stand; PostgreSQL's default is last when ascending and first when descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Nulls {
    First,
    Last,
}

/// The terms of an order, at least one.
pub(in super::super) fn order(text: &str) -> Result<Vec<OrderTerm>, Unparsable> {
    let mut terms = separated(1.., term, ',').context(expected("\",\""));
    terms.parse(text).map_err(Unparsable::from)
}

fn term(input: &mut &str) -> ModalResult<OrderTerm> {
    let direction = alt((".asc".value(Direction::Ascending), ".desc".value(Direction::Descending)));
    let nulls = alt((".nullsfirst".value(Nulls::First), ".nullslast".value(Nulls::Last)));
    let (column, direction, nulls) = (field, opt(direction), opt(nulls)).parse_next(input)?;
    Ok(OrderTerm { column, direction, nulls })
}
