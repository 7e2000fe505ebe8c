//! PostgREST's quoting: double quotes, and a backslash before quotes and backslashes inside them.

/// A text as an element of a list or of a group of conditions. Only what is plainly a word stays bare.
pub(super) fn quote(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !text.is_empty() && text.bytes().all(plain) { text.to_owned() } else { in_quotes(text) }
}

/// An element of PostgreSQL's array text, where a bare NULL would be none and an empty text would be a mistake.
pub(super) fn quote_array_element(text: &str) -> String {
    if text.eq_ignore_ascii_case("null") { in_quotes(text) } else { quote(text) }
}

/// The name of a column, table or key as PostgREST takes it when it has dots, commas, colons or parentheses in it.
pub fn quote_name(name: &str) -> String {
    quote(name)
}

/// A text as it is, for use inside a pattern of `like` and `ilike`: `%`, `_` and `\` lose their meaning.
///
/// PostgREST reads `*` as `%` everywhere in a pattern and knows no way to take that meaning from it, so a `*` becomes `_`, which
/// stands for any one character.
pub fn like_literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' | '_' | '\\' => pattern.extend(['\\', character]),
            '*' => pattern.push('_'),
            other => pattern.push(other),
        }
    }
    pattern
}

fn in_quotes(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{like_literal, quote, quote_array_element};
    use rstest::rstest;

    #[rstest]
    #[case("open", "open")]
    #[case("", r#""""#)]
    #[case("a,b", r#""a,b""#)]
    #[case("a)", r#""a)""#)]
    #[case(r#"say "hi""#, r#""say \"hi\"""#)]
    #[case(r"c:\x", r#""c:\\x""#)]
    #[case("not.eq.1", r#""not.eq.1""#)]
    #[case("Ärger", r#""Ärger""#)]
    fn quotes_what_is_not_plainly_a_word(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(quote(text), expected);
    }

    #[test]
    fn the_word_null_in_an_array_is_a_word() {
        assert_eq!(quote_array_element("Null"), r#""Null""#);
    }

    #[test]
    fn nothing_in_a_literal_is_a_wildcard_but_the_star() {
        assert_eq!(like_literal(r"50%_\*x"), r"50\%\_\\_x");
    }
}
