//! What each contestant of the client benchmark does with a frame, and the language in which it is told to. The peer crate in
//! `crates/bench/peer` compiles these files too, so that both Rust contestants do the same work with the same types.

pub(crate) mod canon;
pub(crate) mod commands;
pub(crate) mod message;
pub(crate) mod record;
