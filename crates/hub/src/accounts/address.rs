//! E-mail addresses, as far as the hub has to understand them.

use super::AccountError;

/// RFC 5321, 4.5.3.1: longer ones cannot be delivered to.
const MAX_BYTES: usize = 254;

/// The address as it is stored and compared: without blanks around it and in lower case.
///
/// # Errors
/// [`AccountError::Email`] when it has no form of an address.
pub(crate) fn normalised(email: &str) -> Result<String, AccountError> {
    let trimmed = email.trim().to_lowercase();
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || "<>,;:\\\"()[]".contains(letter);
    match trimmed.split_once('@') {
        Some((name, domain))
            if !name.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && trimmed.len() <= MAX_BYTES
                && !trimmed.contains(odd) =>
        {
            Ok(trimmed)
        }
        _ => Err(AccountError::Email(email.chars().take(MAX_BYTES).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn addresses_are_lower_case_and_have_two_parts() {
        assert_eq!(normalised(" Ada@Cockpit.Test ").unwrap(), "ada@cockpit.test");
        assert_eq!(normalised("Jürgen+x@Bücher.example").unwrap(), "jürgen+x@bücher.example");
        assert_eq!(normalised("o'brien@x").unwrap(), "o'brien@x");
        for bad in ["", "ada", "@x", "ada@", "a b@c", "a@b@c", "a@.b", "a@b.", "a\0@b", "a\n@b", "<a@b>", "a,b@c"] {
            normalised(bad).unwrap_err();
        }
        normalised(&format!("{}@x", "a".repeat(300))).unwrap_err();
    }
}
