//! The clients of the tests with the official library: that library in a Node process, and ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

pub(crate) mod node;
pub(crate) mod ours;

use std::time::Duration;

/// Longer than anything here takes on a machine that is busy; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
