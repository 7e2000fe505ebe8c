//! What commands ask of and say to the person at the terminal, or the program in their place.

use std::io::{IsTerminal, Read, Write};

use crate::{AccountError, HubError};

/// From the terminal without showing it, else one line of standard input.
pub(super) fn read_password(prompt: &str) -> Result<String, HubError> {
    let fail = |error: std::io::Error| HubError::Internal(format!("the password could not be read ({error})"));
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).map_err(fail);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(fail)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The same, asked twice at a terminal, where nobody sees what they type.
pub(super) fn read_password_twice() -> Result<String, HubError> {
    let password = read_password("Password: ")?;
    if std::io::stdin().is_terminal() && read_password("The same again: ")? != password {
        return Err(AccountError::PasswordsDiffer.into());
    }
    Ok(password)
}

/// A line from the terminal. Without one there is nobody to ask.
pub(super) fn ask(question: &str) -> Result<String, HubError> {
    if !std::io::stdin().is_terminal() {
        return Err(AccountError::Email(String::new()).into());
    }
    let fail = |error: std::io::Error| HubError::Internal(format!("the answer could not be read ({error})"));
    let mut out = std::io::stderr().lock();
    write!(out, "{question}").and_then(|()| out.flush()).map_err(fail)?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(fail)?;
    Ok(line.trim().to_owned())
}

/// A line of standard output, at once: other programs may wait for it.
pub(super) fn say(line: &str) -> Result<(), HubError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| HubError::Internal(error.to_string()))
}
