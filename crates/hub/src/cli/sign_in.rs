//! How people get in: sign-up and mails.

use clap::Args;

use crate::{AuthOptions, HubError, SmtpServer};

/// Sign-up and mails of a hub that serves.
#[derive(Args)]
pub(super) struct SignInArgs {
    /// Let everybody who reaches the hub sign up, not only who was invited.
    #[arg(long)]
    open: bool,
    /// Do not ask new people of an open hub for a mailed code. Whoever signs up with an address has it then.
    #[arg(long, requires = "open")]
    no_mail_confirmation: bool,
    /// The mail server, such as smtps://user:password@mail.example.com or smtp://localhost:25 (add ?tls=required for STARTTLS).
    /// Without one mails are kept for `cockpit-hub mail`.
    #[arg(long, value_name = "URL", env = "COCKPIT_HUB_SMTP", hide_env_values = true)]
    smtp: Option<String>,
    /// Whom mails are from.
    #[arg(long, value_name = "ADDRESS", default_value = "Cockpit <cockpit@localhost>")]
    mail_from: String,
    /// The address that links in mails begin with, when it is not the one the hub serves on.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl SignInArgs {
    pub(super) fn options(&self) -> Result<AuthOptions, HubError> {
        if let Some(url) = &self.public_url
            && !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        {
            return Err(HubError::PublicUrl(url.clone()));
        }
        let smtp = self.smtp.as_deref().map(|url| SmtpServer::new(url, &self.mail_from)).transpose()?;
        Ok(AuthOptions {
            open: self.open,
            mail_confirmation: !self.no_mail_confirmation,
            public_url: self.public_url.clone(),
            smtp,
            ..AuthOptions::default()
        })
    }
}

/// Without the mail server, whose address may hold a password.
impl std::fmt::Debug for SignInArgs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SignInArgs").field("open", &self.open).finish_non_exhaustive()
    }
}
