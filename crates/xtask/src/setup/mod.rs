//! `cargo xtask setup`, which `run` and `test` begin with: looks for what is missing, installs it where that is
//! allowed, and says exactly what to do where it is not. With nothing missing it takes about a second.

mod apt;
mod elsewhere;
mod interface;
mod needs;

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{answer, duration, is_installed};
use crate::workspace::Workspace;

/// How many steps [`prepare`] announces.
pub(crate) const STEPS: usize = 4;

/// The oldest Node that the interface's build tools run on: major and minor version.
const NODE: (u32, u32) = (20, 19);

/// What the machine is prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Building and running the application.
    Run,
    /// That, and every test: virtual displays, drivers, browsers.
    Test,
}

/// Numbered lines such as `[2/7] system packages`.
#[derive(Debug)]
pub(crate) struct Progress {
    total: usize,
    at: usize,
}

impl Progress {
    /// Begins before the first of `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, at: 0 }
    }

    /// Begins the next step and answers its title.
    pub(crate) fn start(&mut self, what: &str) -> String {
        self.at += 1;
        format!("[{}/{}] {what}", self.at, self.total)
    }
}

/// Prepares this machine for `purpose`.
pub(crate) fn prepare(workspace: &Workspace, purpose: Purpose, progress: &mut Progress) -> Result<()> {
    step(progress, "Rust tools", |_| rust_tools(workspace, purpose))?;
    step(progress, "Node.js", |_| node(workspace))?;
    step(progress, "system packages", |title| {
        if apt::is_here() { apt::install(workspace, purpose, title) } else { elsewhere::check(workspace, purpose) }
    })?;
    step(progress, "npm packages", |title| {
        let interface = interface::packages(workspace, "ui", title)?;
        if purpose == Purpose::Run {
            return Ok(interface);
        }
        // Tests need them: the Supabase CLI (60 MB), as does who pushes to hosted Supabase, and the official client.
        let tools = interface::packages(workspace, "tools", title)?;
        Ok(format!("interface: {interface}; tools: {tools}"))
    })?;
    Ok(())
}

/// Builds the interface, which the application embeds, unless it is newer than its sources. Answers what was done.
pub(crate) fn build_interface(workspace: &Workspace, title: &str) -> Result<String> {
    interface::build(workspace, title)
}

fn step(progress: &mut Progress, what: &str, action: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let title = progress.start(what);
    let started = Instant::now();
    let found = action(&title).with_context(|| format!("{title}: failed"))?;
    println!("{title}: {found} ({})", duration(started.elapsed()));
    Ok(())
}

fn rust_tools(workspace: &Workspace, purpose: Purpose) -> Result<String> {
    let version = answer(workspace.command("rustc", &["--version"]).arg("--verbose"))
        .context("rustc is not on the PATH; install Rust from https://rustup.rs")?;
    let version = version.lines().next().unwrap_or_default().to_owned();
    if purpose == Purpose::Test {
        for tool in ["fmt", "clippy"] {
            if answer(&mut workspace.cargo(&[tool, "--version"])).is_some() {
                continue;
            }
            let component = if tool == "fmt" { "rustfmt" } else { tool };
            let added = answer(&mut workspace.command("rustup", &["component", "add", component]));
            ensure!(
                added.is_some(),
                "`cargo {tool}` is missing and rustup could not add it; run: rustup component add {component}"
            );
        }
    }
    Ok(version)
}

fn node(workspace: &Workspace) -> Result<String> {
    let (major, minor) = NODE;
    let advice = format!("install Node.js {major}.{minor} or newer from https://nodejs.org (npm comes with it)");
    let answered = answer(&mut workspace.command("node", &["--version"]));
    let version = answered.with_context(|| format!("Node.js is missing; {advice}"))?.trim().to_owned();
    if parsed(&version).is_none_or(|found| found < NODE) {
        bail!("Node.js {version} is too old; {advice}");
    }
    ensure!(is_installed("npm") || is_installed("npm.cmd"), "npm is missing; {advice}");
    Ok(version)
}

/// `v20.19.1` as `(20, 19)`.
fn parsed(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parsed("v20.9.0").is_some_and(|found| found < NODE));
        assert!(parsed("v20.19.0").is_some_and(|found| found >= NODE));
        assert!(parsed("v100.0.0").is_some_and(|found| found >= NODE));
        assert_eq!(parsed("none"), None);
    }
}
