//! `cargo xtask bench`: builds the release profile, measures, and writes `docs/figures.md`.

mod document;

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{answer, duration, run_logged};
use crate::setup::{self, Progress, Purpose};
use crate::workspace::Workspace;
use document::{Origin, PARTS, Part};

/// What a person can say to `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which parts to measure: server, engine, windows. Without any, all; the others' figures stay in the document as they are.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(PARTS.map(|part| part.name)))]
    parts: Vec<String>,
    /// Small numbers, to see that it works; the document is not written.
    #[arg(long)]
    smoke: bool,
}

/// Measures what was asked for and writes the figures.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    let wanted = |part: &&Part| arguments.parts.is_empty() || arguments.parts.iter().any(|name| name == part.name);
    let parts: Vec<&Part> = PARTS.iter().filter(wanted).collect();
    let mut progress = Progress::new(setup::STEPS + 2 + parts.len());
    setup::prepare(workspace, Purpose::Test, &mut progress)?;
    let title = progress.start("the interface");
    println!("{title}: {}", setup::build_interface(workspace, &title)?);

    let title = progress.start("building the release profile");
    // Every package at once: building one alone would resolve other features and compile twice.
    let mut build = workspace.cargo(&["build", "--release", "--workspace"]);
    let built = run_logged(&title, &mut build, &workspace.target("xtask/bench-build.log"))?;
    if !built.success {
        bail!("The build failed:\n{}\nThe first error in that log is the one to look at.", built.tail());
    }
    println!("{title}: built ({})", duration(built.time));

    for part in parts {
        println!("{}:", progress.start(&format!("measuring the {}", part.name)));
        let section = measure(workspace, part, arguments.smoke)?;
        if arguments.smoke {
            continue;
        }
        // After each part, so that one that fails later does not take the others' figures with it.
        let path = workspace.path("docs/figures.md");
        let before = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
        fs::write(&path, document::with_section(&before, part, &section, &origin(workspace)?)?)?;
        println!("  written to {}", path.display());
    }
    Ok(true)
}

fn measure(workspace: &Workspace, part: &Part, smoke: bool) -> Result<Value> {
    let program = workspace.target("release/cockpit-bench").with_extension(std::env::consts::EXE_EXTENSION);
    let mut command = workspace.command(&program, &[part.name]);
    if smoke {
        command.arg("--smoke");
    }
    // What it says meanwhile goes straight to the person who waits.
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("{} cannot be started", program.display()))?;
    if !output.status.success() {
        bail!("measuring the {} failed ({}); the reason is in the last line above", part.name, output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{} answered no tables", program.display()))
}

/// What stands beside every figure, so that it can be had again.
fn origin(workspace: &Workspace) -> Result<Origin> {
    let said = |program: &str, arguments: &[&str]| {
        answer(&mut workspace.command(program, arguments)).map(|text| text.trim().to_owned())
    };
    let commit = said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "none".to_owned());
    let changed =
        said("git", &["status", "--porcelain", "--", ".", ":!docs/figures.md"]).is_some_and(|text| !text.is_empty());
    let date = said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).context("the program `date` does not answer")?;
    let commit = if changed { format!("{commit} with uncommitted changes") } else { commit };
    Ok(Origin { commit, date, machine: machine() })
}

/// The machine in one line, as far as it tells.
fn machine() -> String {
    let field = |path: &str, name: &str, separator: char| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned)?;
        line.split_once(separator).map(|(_, value)| value.trim().trim_matches('"').to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal", ':')
        .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .map(|kilobytes| format!("{} GB of memory", (kilobytes + (1 << 19)) >> 20));
    let parts = [
        Some(format!("{cores} cores")),
        field("/proc/cpuinfo", "model name", ':'),
        memory,
        field("/etc/os-release", "PRETTY_NAME", '=').or_else(|| Some(std::env::consts::OS.to_owned())),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
