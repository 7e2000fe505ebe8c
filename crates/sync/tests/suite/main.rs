//! The core against a model of the server: one test per rule, and a seeded run of everything at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the lints allow these in test functions; here the helpers beside them are tests too"
)]

mod bootstrap;
mod crash;
mod overlay;
mod pull;
mod queue;
mod rejection;
mod restore;
mod schedule;
mod session;
mod simulation;
mod undo;
mod unsent;
mod waiting;
mod wire;

#[path = "../support/mod.rs"]
mod support;
