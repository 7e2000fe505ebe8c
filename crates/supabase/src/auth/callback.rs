//! What comes back to the program after a browser was sent to the auth server.

use std::fmt;

use url::Url;
use url::form_urlencoded;

use crate::{Error, Secret};

/// More than any callback needs; a longer one is somebody's attempt.
const LONGEST_URL: usize = 16 * 1024;
/// What a page may make us show to a person.
const LONGEST_TEXT: usize = 500;

/// What a redirect to the program says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Callback {
    /// The code to exchange, with the verifier that was kept: [`Auth::exchange_code`](crate::Auth::exchange_code).
    Code(Secret),
    /// Something was done, but there is nothing to exchange yet: the first of two mails about a change of address was confirmed.
    Message(String),
}

impl Callback {
    /// Reads the address that the program was called with: a deep link (`myapp://auth?code=…`) or a loopback address.
    ///
    /// Tokens in the address (the implicit flow's `#access_token=…`) are **refused**. This crate always asks for the PKCE flow; a
    /// link with tokens is made by anybody for his own account, and taking it would sign the person in as somebody else. Links in
    /// mails that were sent without a challenge (invitations from the dashboard, for instance) are of that kind: let the person
    /// type the code of that mail, or let the mail's template link to the program with its `token_hash`.
    ///
    /// # Errors
    /// [`Error::Redirected`] when the server or the provider sent an error back, [`Error::Callback`] for an address that says
    /// nothing usable. Neither repeats the address.
    pub fn parse(address: &str) -> Result<Self, Error> {
        if address.len() > LONGEST_URL {
            return Err(CallbackProblem::Malformed.into());
        }
        let url = Url::parse(address).map_err(|_| CallbackProblem::Malformed)?;
        let query = url.query().unwrap_or_default();
        let fragment = url.fragment().unwrap_or_default();
        if find(query, "access_token").or_else(|| find(fragment, "access_token")).is_some() {
            return Err(CallbackProblem::ImplicitTokens.into());
        }
        // The PKCE flow puts errors into the query; into the fragment besides, and only there when no flow was found.
        for part in [query, fragment] {
            if let Some(error) = redirected(part) {
                return Err(error);
            }
        }
        if let Some(code) = find(query, "code") {
            return Ok(Self::Code(code.into()));
        }
        match find(query, "message").or_else(|| find(fragment, "message")) {
            Some(message) => Ok(Self::Message(shown(&message))),
            None => Err(CallbackProblem::NoCode.into()),
        }
    }
}

/// Why a callback cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallbackProblem {
    /// It is no address, or one of an unreasonable length.
    Malformed,
    /// It carries tokens instead of a code; see [`Callback::parse`].
    ImplicitTokens,
    /// It carries neither a code nor an error.
    NoCode,
    /// The text is not a verifier.
    BadVerifier,
    /// No browser came back in time.
    TimedOut,
    /// This machine gave no port to listen on.
    NotListening(String),
}

impl fmt::Display for CallbackProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => formatter.write_str("it is not a usable address"),
            Self::ImplicitTokens => formatter.write_str("it carries tokens instead of a code, which is not accepted"),
            Self::NoCode => formatter.write_str("it carries neither a code nor an error"),
            Self::BadVerifier => formatter.write_str("the kept verifier is not one"),
            Self::TimedOut => formatter.write_str("nobody came back in time"),
            Self::NotListening(cause) => write!(formatter, "this machine cannot receive it: {cause}"),
        }
    }
}

impl From<CallbackProblem> for Error {
    fn from(problem: CallbackProblem) -> Self {
        Self::Callback { problem }
    }
}

fn redirected(part: &str) -> Option<Error> {
    let (error, code) = (find(part, "error"), find(part, "error_code"));
    if error.is_none() && code.is_none() {
        return None;
    }
    let text = |value: Option<String>| value.map(|text| shown(&text)).unwrap_or_default();
    Some(Error::Redirected { error: text(error), code: text(code), description: text(find(part, "error_description")) })
}

fn find(part: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(part.as_bytes())
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.into_owned())
}

/// Anybody can make a link with any text in it: no control characters, and not a page of it.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::{Callback, CallbackProblem};
    use crate::Error;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::deep_link("cockpit://auth/callback?code=abc-1")]
    #[case::no_authority("cockpit:callback?code=abc-1")]
    #[case::loopback("http://127.0.0.1:4000/x?state=1&code=abc-1#")]
    #[case::chrome_adds_a_fragment("cockpit://auth?code=abc-1#_=_")]
    fn reads_a_code(#[case] address: &str) {
        let callback = Callback::parse(address).unwrap();
        assert_eq!(callback, Callback::Code("abc-1".into()));
        assert!(!format!("{callback:?}").contains("abc-1"));
    }

    #[rstest]
    #[case::query("cockpit://auth?error=access_denied&error_code=otp_expired&error_description=Email+link+is+invalid")]
    #[case::both(
        "cockpit://auth?error=access_denied&error_code=otp_expired&error_description=Email+link+is+invalid#error=access_denied&error_code=otp_expired&error_description=Email+link+is+invalid"
    )]
    #[case::fragment(
        "cockpit://auth#error=access_denied&error_code=otp_expired&error_description=Email%20link%20is%20invalid"
    )]
    #[case::an_error_beats_a_code(
        "cockpit://auth?code=x&error=access_denied&error_code=otp_expired&error_description=Email+link+is+invalid"
    )]
    fn reads_an_error(#[case] address: &str) {
        let expected = Error::Redirected {
            error: "access_denied".into(),
            code: "otp_expired".into(),
            description: "Email link is invalid".into(),
        };
        assert_eq!(Callback::parse(address), Err(expected));
    }

    #[rstest]
    #[case("cockpit://auth#access_token=SECRET&refresh_token=SECRET&type=magiclink")]
    #[case("cockpit://auth?access_token=SECRET&refresh_token=SECRET")]
    fn tokens_in_the_address_are_refused_because_anybody_can_make_such_a_link(#[case] address: &str) {
        let error = Callback::parse(address).unwrap_err();
        assert_eq!(error, CallbackProblem::ImplicitTokens.into());
        assert!(!format!("{error:?} {error}").contains("SECRET"));
    }

    #[rstest]
    #[case::nothing("cockpit://auth", CallbackProblem::NoCode)]
    #[case::empty_code("cockpit://auth?code=", CallbackProblem::NoCode)]
    #[case::no_address("code=SECRET", CallbackProblem::Malformed)]
    #[case::endless(&format!("cockpit://auth?code={}", "x".repeat(20_000)), CallbackProblem::Malformed)]
    fn says_what_is_wrong(#[case] address: &str, #[case] problem: CallbackProblem) {
        assert_eq!(Callback::parse(address), Err(problem.into()));
    }

    #[test]
    fn the_first_of_two_confirmations_is_a_message() {
        let callback = Callback::parse("cockpit://auth?message=Confirmation+link+accepted%1b[2J").unwrap();
        assert_eq!(callback, Callback::Message("Confirmation link accepted[2J".into()));
    }

    proptest! {
        #[test]
        fn no_address_makes_it_panic(tail in "\\PC{0,60}", raw in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Callback::parse(&format!("cockpit://auth?{tail}"));
            let _ = Callback::parse(&String::from_utf8_lossy(&raw));
        }
    }
}
