//! `select=id,label:name,amount::text`. Embedded tables and aggregates are recognised, so that they can be refused by name.

use winnow::{
    ModalResult, Parser,
    combinator::{alt, not, opt, peek, preceded, separated, terminated},
    token::{one_of, rest, take_while},
};

use super::token::{Unparsable, expected, field};

/// One item of a selection.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum SelectItem {
    /// `*`
    All,
    /// A column, perhaps under another name or as another type.
    Column {
        column: String,
        alias: Option<String>,
        /// One of the names in [`CASTS`], as SQL writes it.
        cast: Option<&'static str>,
    },
    /// Rows of another table; what follows was not looked at.
    Embedded(String),
    /// `count()` and its like; what follows was not looked at.
    Aggregate,
}

/// Types a column can be cast to. A closed list, so that nothing a caller writes becomes SQL.
const CASTS: [&str; 26] = [
    "text",
    "varchar",
    "int2",
    "int4",
    "int8",
    "smallint",
    "integer",
    "int",
    "bigint",
    "numeric",
    "decimal",
    "float4",
    "float8",
    "real",
    "double precision",
    "bool",
    "boolean",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "json",
    "jsonb",
    "bytea",
];

/// The items of a selection, at least one.
pub(in super::super) fn select(text: &str) -> Result<Vec<SelectItem>, Unparsable> {
    let mut items = separated(1.., item, ',').context(expected("\",\""));
    items.parse(text).map_err(Unparsable::from)
}

fn item(input: &mut &str) -> ModalResult<SelectItem> {
    alt(('*'.value(SelectItem::All), spread, column)).parse_next(input)
}

fn spread(input: &mut &str) -> ModalResult<SelectItem> {
    let name = preceded("...", field).parse_next(input)?;
    rest.parse_next(input)?;
    Ok(SelectItem::Embedded(name))
}

fn column(input: &mut &str) -> ModalResult<SelectItem> {
    let alias = opt(terminated(field, (':', not(':')))).parse_next(input)?;
    let column = field.parse_next(input)?;
    if opt("()").parse_next(input)?.is_some() || opt(peek('.')).parse_next(input)?.is_some() {
        rest.parse_next(input)?;
        return Ok(SelectItem::Aggregate);
    }
    if opt(peek(one_of(['(', '!']))).parse_next(input)?.is_some() {
        rest.parse_next(input)?;
        return Ok(SelectItem::Embedded(column));
    }
    let name = take_while(1.., |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ' '));
    let known =
        name.verify_map(|name: &str| CASTS.iter().copied().find(|known| known.eq_ignore_ascii_case(name.trim())));
    let cast = opt(preceded("::", winnow::combinator::cut_err(known.context(expected("the name of a plain type")))))
        .parse_next(input)?;
    Ok(SelectItem::Column { column, alias, cast })
}
