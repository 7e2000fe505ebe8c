//! Time is data: the driver passes it in, and the core only computes with it.

use jiff::Timestamp;

/// The moment of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, Unix milliseconds. It may jump.
    pub wall_ms: i64,
    /// A clock that never goes back, in milliseconds from any origin. All deadlines are of this clock.
    pub mono_ms: i64,
}

/// An instant as the wire writes it.
pub(crate) fn rfc3339(wall_ms: i64) -> String {
    Timestamp::from_millisecond(wall_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}
