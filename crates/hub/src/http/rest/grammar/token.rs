//! Names and quoted texts, and what is said about a text that does not parse.

use winnow::{
    ModalResult, Parser,
    combinator::{alt, delimited, not, opt, preceded, repeat, separated, terminated},
    error::{ContextError, ParseError, StrContext, StrContextValue},
    token::{any, none_of, rest, take_while},
};

/// Where and why a text does not parse, as PostgREST words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Unparsable {
    /// The first character that does not fit, counted from 1.
    pub(in super::super) column: usize,
    /// What stands there and what could.
    pub(in super::super) details: String,
}

/// A name as it is, or anything in double quotes.
pub(super) fn field(input: &mut &str) -> ModalResult<String> {
    alt((quoted, identifier)).context(expected("a column name")).parse_next(input)
}

/// Text in double quotes, with `\"` and `\\`.
pub(super) fn quoted(input: &mut &str) -> ModalResult<String> {
    let character = alt((none_of(['"', '\\']), preceded('\\', any)));
    let text = repeat(0.., character).fold(String::new, |mut text, character| {
        text.push(character);
        text
    });
    delimited('"', text, '"').parse_next(input)
}

/// Letters, digits, `_`, `$`, spaces inside, and dashes that do not begin the arrow of a JSON path.
fn identifier(input: &mut &str) -> ModalResult<String> {
    let plain = take_while(1.., |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | ' '));
    let dash = terminated('-', not('>'));
    let name = separated::<_, _, (), _, _, _, _>(1.., plain, dash).take().map(str::trim);
    name.verify(|name: &str| !name.is_empty()).map(str::to_owned).parse_next(input)
}

/// The column that a filter's key names, with what follows it: a dot and more where it names an embedded table's.
pub(in super::super) fn field_of_key(key: &str) -> Result<(String, bool), Unparsable> {
    let further = opt(preceded('.', rest)).map(|rest: Option<&str>| rest.is_some());
    (field, further).parse(key).map_err(Unparsable::from)
}

pub(super) fn expected(what: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(what))
}

impl From<ParseError<&str, ContextError>> for Unparsable {
    fn from(error: ParseError<&str, ContextError>) -> Self {
        let (text, at) = (*error.input(), error.offset());
        let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
        let found = after.chars().next().map_or("unexpected end of input".to_owned(), |c| format!("unexpected {c:?}"));
        let wanted: Vec<String> = error
            .inner()
            .context()
            .filter_map(|context| match context {
                StrContext::Expected(value) => Some(value.to_string()),
                _ => None,
            })
            .collect();
        let details = if wanted.is_empty() { found } else { format!("{found} expecting {}", wanted.join(" or ")) };
        Self { column: before.chars().count() + 1, details }
    }
}
