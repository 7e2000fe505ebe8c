//! The core against a model of the server: one test per rule. Everything at once, by seed, is crates/sim.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the lints allow these in test functions; here the helpers beside them are tests too"
)]

mod bootstrap;
mod crash;
mod lock_races;
mod locks;
mod overlay;
mod pull;
mod queue;
mod rejection;
mod restore;
mod schedule;
mod session;
mod undo;
mod unsent;
mod waiting;
mod wire;

// What the tests stand on.
use cockpit_sim as support;
