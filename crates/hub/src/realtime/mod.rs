//! Supabase Realtime's channels, broadcasts and presence, over Phoenix's socket protocol in versions 1.0.0 and 2.0.0.
//!
//! Delivery is at most once, as with the real server: nothing is kept for a socket that is away. Bounds: a socket whose peer
//! reads too slowly (see [`outbox`]) is closed with 1013, one that sends nothing for a minute with 1000, all sockets of a
//! stopping hub with 1012; what a hub takes at all is in [`Limits`]. Changes of tables are not offered, and who asks is told.
//! How it is known to answer as the real server does: `docs/hub-differences.md`.

mod authorise;
mod broadcast;
mod channel;
mod claims;
mod config;
mod connect;
mod database;
mod frame;
mod join;
mod joining;
mod limits;
mod messages;
mod outbox;
mod presence;
mod present;
mod prune;
mod rate;
mod renew;
mod replay;
mod reply;
mod rest;
mod room;
mod socket;
mod subscription;
mod topics;

pub(crate) use connect::connect;
pub use limits::{Limits, Timings};
pub(crate) use prune::prune;
pub(crate) use rest::{broadcast as rest_broadcast, broadcast_one as rest_broadcast_one};
pub use topics::RealtimeCounts;
pub(crate) use topics::Topics;
