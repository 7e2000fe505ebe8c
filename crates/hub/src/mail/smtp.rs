//! The mail server and how to talk to it.

use std::{str::FromStr, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use url::Url;

/// How long a mail server gets for each of its answers.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A mail server and the sender that mails carry. `Debug` shows neither user nor password.
#[derive(Clone)]
pub struct SmtpServer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    host: String,
    from: Mailbox,
}

/// Why a mail server's address or a sender does not do. Says what is wrong without repeating the address, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// No such URL.
    #[error(
        "The mail server's address is not understood. Write it as smtps://user:password@host, smtp://user:password@host?tls=required \
         (STARTTLS), or smtp://host:25 for a server that wants neither."
    )]
    Url,
    /// A password would cross the network in the open.
    #[error(
        "The mail server's password would be sent unencrypted. Add ?tls=required to its address (STARTTLS), or write smtps:// in front."
    )]
    PasswordInTheOpen,
    /// No such sender.
    #[error(
        "The sender of mails is not understood. Write it as --mail-from cockpit@example.com or 'Cockpit <cockpit@example.com>'."
    )]
    From,
}

/// Why a mail was not taken, in words that hold nothing of the mail: a server's own text may repeat what it was sent.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// Whether trying again is of no use.
    pub(super) permanent: bool,
    pub(super) reason: String,
}

impl SmtpServer {
    /// A mail server by its URL: `smtps://` (TLS from the start), `smtp://…?tls=required` (STARTTLS), `smtp://…?tls=opportunistic`, or
    /// `smtp://` (no encryption). Nothing is connected yet.
    ///
    /// # Errors
    /// See [`SmtpError`].
    pub fn new(url: &str, from: &str) -> Result<Self, SmtpError> {
        let parsed = Url::parse(url).map_err(|_| SmtpError::Url)?;
        if !matches!(parsed.scheme(), "smtp" | "smtps") {
            return Err(SmtpError::Url);
        }
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or(SmtpError::Url)?.to_owned();
        let tls = parsed.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let encrypted = parsed.scheme() == "smtps" || tls.as_deref() == Some("required");
        let local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
        if parsed.password().is_some() && !encrypted && !local {
            return Err(SmtpError::PasswordInTheOpen);
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| SmtpError::Url)?;
        let from = Mailbox::from_str(from).map_err(|_| SmtpError::From)?;
        Ok(Self { transport: transport.timeout(Some(TIMEOUT)).build(), host, from })
    }

    pub(super) async fn send(&self, to: &str, subject: &str, body: String) -> Result<(), Failure> {
        let unwritable = |_: lettre::error::Error| Failure {
            permanent: true,
            reason: "the address or the text cannot be written as a mail".into(),
        };
        let to =
            to.parse().map_err(|_| Failure { permanent: true, reason: "the address cannot be mailed to".into() })?;
        let mail = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(None)
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(unwritable)?;
        match self.transport.send(mail).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure { permanent: error.is_permanent(), reason: describe(&error) }),
        }
    }
}

fn describe(error: &lettre::transport::smtp::Error) -> String {
    if let Some(code) = error.status() {
        format!("the mail server answered {code}")
    } else if error.is_timeout() {
        "the mail server did not answer in time".to_owned()
    } else if error.is_tls() {
        "the connection to the mail server could not be encrypted".to_owned()
    } else if error.is_response() {
        "the mail server's answer is not understood".to_owned()
    } else if error.is_client() {
        "the mail server does not offer what its address asks for".to_owned()
    } else {
        "the mail server cannot be reached, or broke off".to_owned()
    }
}

impl std::fmt::Debug for SmtpServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SmtpServer").field("host", &self.host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{SmtpError, SmtpServer};

    #[tokio::test]
    async fn urls_say_whether_and_how_the_connection_is_encrypted() {
        let from = "Cockpit <cockpit@example.com>";
        for good in [
            "smtps://ada:secret@mail.example.com",
            "smtp://ada:secret@mail.example.com?tls=required",
            "smtp://mail.example.com:25",
            "smtp://ada:secret@localhost:1025",
        ] {
            let server = SmtpServer::new(good, from).unwrap();
            assert!(!format!("{server:?}").contains("secret"));
        }
        for bad in ["", "mail.example.com", "http://mail.example.com", "smtp://", "smtp://x?tls=perhaps"] {
            assert_eq!(SmtpServer::new(bad, from).unwrap_err(), SmtpError::Url, "{bad}");
        }
        let open = SmtpServer::new("smtp://ada:secret@mail.example.com", from);
        assert_eq!(open.unwrap_err(), SmtpError::PasswordInTheOpen);
        assert_eq!(SmtpServer::new("smtp://localhost", "nobody").unwrap_err(), SmtpError::From);
    }
}
