//! Why a frame was not read, or could not be written.

/// A frame that is not of the protocol. The connection survives it: skip the frame.
///
/// No variant holds text of the frame, which can be somebody's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A text frame is not JSON, or not of the frame's shape.
    #[error("frame not understood: {expected} expected at byte {at}")]
    Syntax {
        /// Where, in bytes from the beginning of the text.
        at: usize,
        /// What should have been there.
        expected: &'static str,
    },
    /// A member that belongs to the protocol came twice. Nothing honest does that: a client's binary broadcast marked as JSON is put
    /// unchecked into the text frame of receivers that speak version 1.0.0, and can hold members of its own.
    #[error("frame not understood: {0} came twice")]
    Repeated(&'static str),
    /// A member that a frame of its kind always has was not there.
    #[error("frame not understood: no {0}")]
    Missing(&'static str),
    /// A value that this version of the protocol does not have.
    #[error("frame not understood: {0} is of an unknown kind")]
    Unknown(&'static str),
    /// A binary frame that ends before the lengths in its head.
    #[error("frame not understood: cut short after {0} bytes")]
    Cut(usize),
    /// A binary frame of another kind than a broadcast (4).
    #[error("frame not understood: binary frame of kind {0}")]
    Kind(u8),
    /// A binary frame whose payload is neither bytes (0) nor JSON (1).
    #[error("frame not understood: payload encoding {0}")]
    Encoding(u8),
    /// Text in a binary frame that is not UTF-8.
    #[error("frame not understood: {0} is not UTF-8")]
    NotUtf8(&'static str),
}

/// A frame that the protocol cannot express.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Bytes were to be sent with version 1.0.0, which has only text.
    #[error("bytes need protocol 2.0.0")]
    NeedsVersion2,
    /// A part of a binary frame is longer than the one byte of its length can say.
    #[error("the {part} has {length} bytes, 255 are the most in a binary frame")]
    TooLong {
        /// Which part: `topic` (as on the wire, with `realtime:`), `event`, `ref`, `join_ref`.
        part: &'static str,
        /// Its length in bytes.
        length: usize,
    },
}
