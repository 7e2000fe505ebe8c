//! Long text: merged by line, and only when the lines do not meet.

/// Joins two edits of one text, by line. `None` when both changed the same lines: then a person has to decide.
pub fn merge(base: &str, mine: &str, theirs: &str) -> Option<String> {
    diffy::merge(base, mine, theirs).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::different_lines("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", Some("A\nb\nC\n"))]
    #[case::same_change("a\nb\n", "a\nB\n", "a\nB\n", Some("a\nB\n"))]
    #[case::same_line("a\nb\n", "a\nmine\n", "a\ntheirs\n", None)]
    #[case::only_theirs("a\n", "a\n", "a\nb\n", Some("a\nb\n"))]
    fn merges(#[case] base: &str, #[case] mine: &str, #[case] theirs: &str, #[case] expected: Option<&str>) {
        assert_eq!(merge(base, mine, theirs).as_deref(), expected);
    }
}
