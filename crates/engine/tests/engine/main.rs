//! The engine against the real hub: real PostgreSQL, real sockets, real files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the whole crate is tests; clippy's own exemption covers only functions marked as such"
)]

mod convergence;
mod entrance;
mod model;
mod offline;
mod presence;
mod support;
mod trust;
mod windows;
