//! The proof machine: cores on real stores, a model of the server, and everything that can go wrong between them, by seed.
//!
//! - [`model_server`], [`reads`], [`operations`], [`merge`], [`locks`]: the server as docs/sync-protocol.md states it. It is the oracle, so it shares only the types of
//!   the wire with the code under test.
//! - [`client`], [`disk`]: a core that performs its effects, on memory or on a file of the real store; [`client::Rig`] is for tests of single rules.
//! - [`world`], [`act`], [`trouble`]: clients, network, people and faults in virtual time.
//! - [`watch`]: what must be true of a client after every commit. [`run`], [`batch`]: one seed from beginning to end, and many.
//! - [`planted`]: bugs put in on purpose, which must be found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::missing_panics_doc,
    reason = "this crate is a test: a panic is how it tells that a rule is broken, and the runner catches it with its seed"
)]

pub mod act;
pub mod batch;
pub mod client;
pub mod disk;
pub mod locks;
pub mod merge;
pub mod model_server;
pub mod operations;
pub mod planted;
pub mod reads;
pub mod run;
pub mod trouble;
pub mod watch;
pub mod world;

pub use client::{Client, Rig};
