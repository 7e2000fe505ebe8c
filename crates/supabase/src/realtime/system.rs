//! What the server says about a channel outside of any answer.

use std::fmt;

use super::refusal::Verdict;

/// A system message of the server about a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SystemMessage {
    /// Changes of tables are delivered from now on.
    SubscribedToPostgres,
    /// Broadcasts from the database are delivered from now on.
    ReplicationEstablished,
    /// The bindings to changes of tables are not accepted; none of the channel's is in force.
    BindingsRefused(String),
    /// The server cannot reach its database for the bindings just now, and keeps trying.
    DatabaseTrouble(String),
    /// The project's rate of messages was exceeded, by whomever. The channel is closed next.
    TooManyMessages,
    /// Presence was tracked too often. The channel is closed next.
    PresenceRateLimit,
    /// The token's time is over. The channel is closed next.
    TokenExpired(String),
    /// The token that replaced the first one is not accepted. The channel is closed next.
    TokenRefused(String),
    /// The right to read was lost with the token that replaced the first one. The channel is closed next.
    Unauthorized(String),
    /// The server wants the client to go; it closes the socket next (a restart, a changed configuration).
    ServerRequestedDisconnect,
    /// A text that this version does not know.
    Other(String),
}

impl SystemMessage {
    /// Reads the server's message. Its texts are the only thing that tells one from another.
    pub(super) fn read(status: &str, text: String, extension: Option<&str>) -> Self {
        match text.as_str() {
            "Subscribed to PostgreSQL" if status == "ok" => Self::SubscribedToPostgres,
            "Replication connection established" if status == "ok" => Self::ReplicationEstablished,
            "Too many messages per second" => Self::TooManyMessages,
            "Client presence rate limit exceeded" => Self::PresenceRateLimit,
            "Server requested disconnect" => Self::ServerRequestedDisconnect,
            "The token provided is not a valid JWT" | ":signature_error" => Self::TokenRefused(text),
            _ if text.starts_with("Token has expired") => Self::TokenExpired(text),
            _ if text.starts_with("You do not have permissions") => Self::Unauthorized(text),
            _ if status == "error" && extension == Some("postgres_changes") => {
                // The server prints its own errors as they are in its language, and repeats them while it keeps trying.
                if text.starts_with("{:error") || text.starts_with('%') {
                    Self::DatabaseTrouble(text)
                } else {
                    Self::BindingsRefused(text)
                }
            }
            _ => Self::Other(text),
        }
    }

    /// The server's text.
    pub fn text(&self) -> &str {
        match self {
            Self::SubscribedToPostgres => "Subscribed to PostgreSQL",
            Self::ReplicationEstablished => "Replication connection established",
            Self::TooManyMessages => "Too many messages per second",
            Self::PresenceRateLimit => "Client presence rate limit exceeded",
            Self::ServerRequestedDisconnect => "Server requested disconnect",
            Self::BindingsRefused(text)
            | Self::DatabaseTrouble(text)
            | Self::TokenExpired(text)
            | Self::TokenRefused(text)
            | Self::Unauthorized(text)
            | Self::Other(text) => text,
        }
    }

    /// What it means for the next join, if the channel is closed after it. Lost rights are no lasting refusal yet: the join will tell.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::TokenExpired(_) | Self::TokenRefused(_) => Verdict::Token,
            _ => Verdict::Passing,
        }
    }
}

impl fmt::Display for SystemMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::SystemMessage;
    use rstest::rstest;

    const CHANGES: &str = "postgres_changes";

    #[rstest]
    #[case("ok", "Subscribed to PostgreSQL", CHANGES, SystemMessage::SubscribedToPostgres)]
    #[case("ok", "Replication connection established", "broadcast", SystemMessage::ReplicationEstablished)]
    #[case("error", "Too many messages per second", "system", SystemMessage::TooManyMessages)]
    #[case("error", "Client presence rate limit exceeded", "system", SystemMessage::PresenceRateLimit)]
    #[case("ok", "Server requested disconnect", "system", SystemMessage::ServerRequestedDisconnect)]
    fn what_the_server_says_in_fixed_words(
        #[case] status: &str,
        #[case] text: &str,
        #[case] extension: &str,
        #[case] expected: SystemMessage,
    ) {
        let read = SystemMessage::read(status, text.to_owned(), Some(extension));
        assert_eq!(read, expected);
        assert_eq!(read.text(), text);
    }

    #[rstest]
    #[case("Token has expired 0 seconds ago", "system", SystemMessage::TokenExpired)]
    #[case("The token provided is not a valid JWT", "system", SystemMessage::TokenRefused)]
    #[case(":signature_error", "system", SystemMessage::TokenRefused)]
    #[case("You do not have permissions to read from this Channel topic: t", "system", SystemMessage::Unauthorized)]
    #[case("Error parsing `filter` params: [\"undefined\"]", CHANGES, SystemMessage::BindingsRefused)]
    #[case("Unable to subscribe to changes with given parameters. Please", CHANGES, SystemMessage::BindingsRefused)]
    #[case("No subscription params provided. Please", CHANGES, SystemMessage::BindingsRefused)]
    #[case("Column selection is not supported for wildcard subscriptions.", CHANGES, SystemMessage::BindingsRefused)]
    #[case("{:error, \"Too many database timeouts\"}", CHANGES, SystemMessage::DatabaseTrouble)]
    #[case("%CaseClauseError{term: {:error}}", CHANGES, SystemMessage::DatabaseTrouble)]
    #[case("something new", "system", SystemMessage::Other)]
    #[case("Subscribed to PostgreSQL", "system", SystemMessage::Other)]
    fn what_the_server_says_in_words_of_the_moment(
        #[case] text: &str,
        #[case] extension: &str,
        #[case] variant: fn(String) -> SystemMessage,
    ) {
        assert_eq!(SystemMessage::read("error", text.to_owned(), Some(extension)), variant(text.to_owned()));
    }
}
