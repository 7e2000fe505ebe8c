//! What the mails say.

/// Why a mail is sent. The words are GoTrue's types of verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailKind {
    /// To confirm a new account.
    Signup,
    /// Somebody who runs the hub asked the person in.
    Invite,
    /// To sign in without a password.
    MagicLink,
    /// To set a new password.
    Recovery,
    /// To show that the new address is the person's.
    EmailChangeNew,
    /// To show that the holder of the present address agrees.
    EmailChangeCurrent,
    /// To change the password in an old session.
    Reauthentication,
}

/// A mail with a code, and usually a link that does the same.
pub(crate) struct Letter<'a> {
    pub(crate) kind: MailKind,
    pub(crate) to: &'a str,
    pub(crate) code: &'a str,
    pub(crate) link: Option<&'a str>,
}

impl MailKind {
    /// The word that a client sends along with the code.
    pub(crate) fn verify_type(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Invite => "invite",
            Self::MagicLink => "magiclink",
            Self::Recovery => "recovery",
            Self::EmailChangeNew | Self::EmailChangeCurrent => "email_change",
            Self::Reauthentication => "reauthentication",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Self::Signup => "Confirm your address for Cockpit",
            Self::Invite => "You are invited to Cockpit",
            Self::MagicLink => "Your code to sign in to Cockpit",
            Self::Recovery => "Set a new password for Cockpit",
            Self::EmailChangeNew => "Confirm your new address for Cockpit",
            Self::EmailChangeCurrent => "Confirm the change of your address for Cockpit",
            Self::Reauthentication => "Your code to change your password in Cockpit",
        }
    }

    fn opening(self) -> &'static str {
        match self {
            Self::Signup => "welcome to Cockpit. This code shows that the address is yours:",
            Self::Invite => "you are invited to work in Cockpit. This code lets you in:",
            Self::MagicLink => "this code signs you in to Cockpit:",
            Self::Recovery => "this code lets you set a new password for Cockpit:",
            Self::EmailChangeNew => "this code makes this the address you sign in to Cockpit with:",
            Self::EmailChangeCurrent => {
                "somebody wants to sign in to your Cockpit account with another address from now on. If that is you, this code agrees:"
            }
            Self::Reauthentication => "this code lets you change your password in Cockpit:",
        }
    }
}

impl Letter<'_> {
    pub(super) fn subject(&self) -> &'static str {
        self.kind.subject()
    }

    pub(super) fn body(&self) -> String {
        let link = self.link.map(|link| format!("\nOr open this link:\n\n{link}\n")).unwrap_or_default();
        let later = match self.kind {
            MailKind::Invite => " Later, enter this address in Cockpit and ask for a new one.",
            _ => "",
        };
        format!(
            "Hello,\n\n{}\n\n    {}\n{link}\nIt is good for one hour and for one use.{later} If you did not ask for it, there is nothing to do: without \
             the code nothing happens. Nobody from Cockpit will ever ask you for it.\n",
            self.kind.opening(),
            self.code,
        )
    }
}
