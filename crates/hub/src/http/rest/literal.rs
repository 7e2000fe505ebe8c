//! Text that PostgreSQL itself parses as whatever type the place asks for, like a quoted literal, but sent beside the statement.

use tokio_postgres::types::{Format, IsNull, ToSql, Type, private::BytesMut};

/// A parameter in PostgreSQL's text format.
#[derive(Debug)]
pub(super) struct Literal(pub(super) String);

impl ToSql for Literal {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

/// An SQL identifier, quoted so that it can be nothing else.
pub(super) fn identifier(name: &str) -> String {
    // A NUL cannot be sent to PostgreSQL at all; without it no such name exists, which is the right answer.
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn an_identifier_cannot_end_its_quotes() {
        assert_eq!(identifier("tasks"), r#""tasks""#);
        assert_eq!(identifier(r#"a" from auth.users --"#), r#""a"" from auth.users --""#);
    }
}
