//! Plays what a client said to the real server, as it was recorded, against a hub, and compares the answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

pub(crate) mod compare;
pub(crate) mod connection;
pub(crate) mod differences;
pub(crate) mod item;
pub(crate) mod line;
pub(crate) mod notes;
pub(crate) mod player;
pub(crate) mod script;
pub(crate) mod token;
