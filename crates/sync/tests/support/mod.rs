//! What the tests stand on: a model of the server, and a client that performs the core's effects.

mod act;
pub(crate) mod client;
pub(crate) mod locks;
pub(crate) mod merge;
pub(crate) mod model_server;
mod operations;
mod reads;
mod watch;
pub(crate) mod world;

pub(crate) use client::{Client, Rig};
