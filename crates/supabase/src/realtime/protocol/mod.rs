//! The frames of Supabase Realtime, without any state: what the server says, decoded, and what a client says, encoded.
//!
//! Frames of both protocol versions are read (version 2.0.0 is an array, 1.0.0 an object), and written. Public, so
//! that tools and tests can read recordings with it.

mod config;
mod decode;
mod encode;

pub use config::{Binding, BindingEvent, BroadcastConfig, JoinConfig, PresenceConfig, Replay};
pub use decode::{Accepted, BroadcastPayload, DecodeError, ServerMessage, decode_binary, decode_text};
pub use encode::ProtocolVersion;
pub(crate) use encode::{Frame, Outgoing};

/// What every channel's topic begins with on the wire.
pub const TOPIC_PREFIX: &str = "realtime:";
/// The topic of the connection itself.
pub const PHOENIX: &str = "phoenix";
