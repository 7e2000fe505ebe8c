//! How sign-in is set up.

use crate::{AuthLimits, SmtpServer};

/// Sign-up, mails and limits of a hub.
#[derive(Clone, Debug)]
pub struct AuthOptions {
    /// Whether anybody who reaches the hub may sign up. Otherwise only who was invited.
    pub open: bool,
    /// Whether a new account in an open hub has to show by a mailed code that its address is its own. An invited address always has to:
    /// knowing it is not being it.
    pub mail_confirmation: bool,
    /// The address that links in mails begin with, such as `https://cockpit.example.com`; the one the hub serves on when not given.
    pub public_url: Option<String>,
    /// The mail server; without one mails are kept for `cockpit-hub mail`.
    pub smtp: Option<SmtpServer>,
    /// What one may try how often.
    pub limits: AuthLimits,
}

impl Default for AuthOptions {
    fn default() -> Self {
        Self { open: false, mail_confirmation: true, public_url: None, smtp: None, limits: AuthLimits::default() }
    }
}
