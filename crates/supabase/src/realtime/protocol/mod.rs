//! The frames of Supabase Realtime, without any state: what the server says, decoded, and what a client says, encoded.
//!
//! Frames of both protocol versions are read (version 2.0.0 is an array, 1.0.0 an object); version 2.0.0 is written. Public, so
//! that tools and tests can read recordings with it.

mod decode;
mod encode;

pub use decode::{Accepted, BroadcastPayload, DecodeError, ServerMessage, decode_binary, decode_text};
pub(crate) use encode::Outgoing;

/// What every channel's topic begins with on the wire.
pub const TOPIC_PREFIX: &str = "realtime:";
/// The topic of the connection itself.
pub const PHOENIX: &str = "phoenix";
