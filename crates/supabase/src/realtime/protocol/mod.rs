//! The frames of Supabase Realtime, without any state: what the server says, decoded, and what a client says, encoded.
//!
//! Frames of both protocol versions are read and written: 2.0.0 is an array, 1.0.0 an object. All forms are as seen on Supabase Realtime
//! 2.129.8, whose recordings are among this crate's tests. Public, so that tools and tests can read recordings with it.
//!
//! Nothing is lost on the way: numbers are never put through a double unless their column is one, JSON stays the text that it came as
//! ([`Json`]), and what is not of the expected type comes as what it is. Nothing is trusted either: a frame that is none is a
//! [`DecodeError`], whatever its bytes, in time and memory that its length bounds.

mod config;
mod decode;
mod encode;
mod error;
mod filter;
mod json;
mod message;
mod scan;

pub use config::{Binding, BindingEvent, BroadcastConfig, JoinConfig, PresenceConfig, Replay};
pub use decode::{Decoder, decode_binary, decode_text};
pub(crate) use encode::ClientMessage as Outgoing;
pub use encode::{ClientMessage, Frame, ProtocolVersion};
pub use error::{DecodeError, EncodeError};
pub use filter::{Condition, Filter, FilterError, Is};
pub use json::Json;
pub use message::{Accepted, BroadcastPayload, ServerMessage};

/// What every channel's topic begins with on the wire.
pub const TOPIC_PREFIX: &str = "realtime:";
/// The topic of the connection itself.
pub const PHOENIX: &str = "phoenix";
