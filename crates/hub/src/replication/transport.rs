//! Where the changes come from, as far as the rest needs to know. There is one implementation, over a young library that might have to
//! be exchanged, and the tests' own.

use bytes::Bytes;

use super::{pgoutput::Malformed, pgwire};

/// What a stream of changes says, in the order of the commits. Only what is committed is ever sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A message of pgoutput.
    Change(Bytes),
    /// Everything up to this place in PostgreSQL's log has been sent.
    Position(u64),
}

/// A stream of changes that is open.
pub(super) trait Transport: Send {
    /// The next event. May be dropped and called again without losing one.
    fn next(&mut self) -> impl Future<Output = Result<Event, ReplicationError>> + Send;

    /// Says that nothing before this place is needed any more, so that PostgreSQL can throw it away.
    fn confirm(&self, position: u64);

    /// Ends the stream and waits, but not for long, until the server has been told.
    fn end(self) -> impl Future<Output = ()> + Send;
}

/// Why there is no stream, or no longer one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplicationError {
    /// What the library or the server said.
    #[error("{0}")]
    Transport(#[from] pgwire::Error),
    #[error("PostgreSQL did not answer in time")]
    Timeout,
    #[error("PostgreSQL ended the stream")]
    Ended,
    #[error("the connection is not configured: it has no {0}")]
    Configuration(&'static str),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}
