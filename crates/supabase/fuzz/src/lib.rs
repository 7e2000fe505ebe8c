//! The checks of the property tests, for libFuzzer to drive: `cargo +nightly fuzz run text` in the crate's folder.

#[path = "../../tests/it/frames.rs"]
pub mod frames;
