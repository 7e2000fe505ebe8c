//! What end-to-end tests are built from: a private X display, a private home, and the real program driven through
//! WebDriver on it.
//!
//! Every part is private to one test, so tests can run side by side and beside a person's own session, as root and
//! as an ordinary user. Everything ends when its value is dropped.

#![allow(dead_code, reason = "every end-to-end test compiles this module and uses its own part of it")]

pub(crate) mod desktop;
pub(crate) mod display;
pub(crate) mod hub;
pub(crate) mod process;
pub(crate) mod tasks;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a test waits for something that a person would expect within a second; generous, because two cores are
/// shared by two desktops, a hub and a compiler.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The folder `target/` of this build.
pub(crate) fn target_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().map(PathBuf::from).unwrap_or_default()
}

/// Asks again and again until `probe` answers `Some`. An error of the probe counts as "not yet", because elements come
/// and go while a page renders; the last one is told when the time is over.
pub(crate) fn wait_for<T>(what: &str, patience: Duration, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        let last = match probe() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => String::new(),
            Err(error) => format!("; last error: {error:#}"),
        };
        if Instant::now() >= deadline {
            bail!("waited {} s in vain for {what}{last}", patience.as_secs());
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}
