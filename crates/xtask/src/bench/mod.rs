//! `cargo xtask bench`: builds the release profile, measures, and writes `docs/figures.md`. And `cargo xtask churn`, which torments
//! instead.

mod churn;
mod document;

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{answer, duration, run_logged};
use crate::setup::{self, Progress, Purpose};
use crate::workspace::Workspace;
pub(crate) use churn::{Arguments as ChurnArguments, run as churn};
use document::{CHURN, Origin, PARTS, Part, SIMULATION};

/// What a person can say to `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which parts to measure: server, engine, client, windows. Without any, all; the others' figures stay in the document as they are.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(measured().map(|part| part.name)))]
    parts: Vec<String>,
    /// Small numbers, to see that it works; the document is not written.
    #[arg(long)]
    smoke: bool,
}

/// What this command measures; the churn and the simulation have their own.
fn measured() -> impl Iterator<Item = &'static Part> {
    PARTS.iter().filter(|part| part.name != CHURN.name && part.name != SIMULATION.name)
}

/// Measures what was asked for and writes the figures.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    let wanted = |part: &&Part| arguments.parts.is_empty() || arguments.parts.iter().any(|name| name == part.name);
    let parts: Vec<&Part> = measured().filter(wanted).collect();
    let client = parts.iter().any(|part| part.name == "client");
    let alone = client && parts.len() == 1;
    let mut progress = Progress::new(setup::STEPS + 1 + usize::from(!alone) + usize::from(client) + parts.len());
    setup::prepare(workspace, Purpose::Test, &mut progress)?;
    if alone {
        // No window is measured, so that neither the interface nor the application is built.
        build(workspace, &mut progress, &["build", "--release", "--package", "cockpit-bench"])?;
    } else {
        let title = progress.start("the interface");
        println!("{title}: {}", setup::build_interface(workspace, &title)?);
        // Every package at once: building one alone would resolve other features and compile twice.
        build(workspace, &mut progress, &["build", "--release", "--workspace"])?;
    }
    if client {
        prepare_contest(workspace, &mut progress)?;
    }
    for part in parts {
        println!("{}:", progress.start(&format!("measuring the {}", part.name)));
        let options: &[&str] = if arguments.smoke { &["--smoke"] } else { &[] };
        let section = measure(workspace, part, options)?;
        // After each part, so that one that fails later does not take the others' figures with it.
        if !arguments.smoke {
            write(workspace, part, &section, format!("cargo xtask bench {}", part.name))?;
        }
    }
    Ok(true)
}

fn build(workspace: &Workspace, progress: &mut Progress, arguments: &[&str]) -> Result<()> {
    let title = progress.start("building the release profile");
    run_build(workspace, &title, &mut workspace.cargo(arguments))
}

/// What the client is measured beside: the official client with Node's packages, and the crate in a build of its own
/// (docs/decisions/0021-the-peer-is-no-member.md).
fn prepare_contest(workspace: &Workspace, progress: &mut Progress) -> Result<()> {
    let title = progress.start("the client's contestants");
    let tools = workspace.path("tools");
    if !tools.join("node_modules/@supabase/realtime-js").exists() {
        let mut install = workspace.command("npm", &["ci", "--no-audit", "--no-fund"]);
        run_build(workspace, &title, install.current_dir(&tools))?;
    }
    let manifest = workspace.path("crates/bench/peer/Cargo.toml").display().to_string();
    let target = workspace.target("peer").display().to_string();
    let arguments = ["build", "--release", "--locked", "--manifest-path", &manifest, "--target-dir", &target];
    run_build(workspace, &title, &mut workspace.cargo(&arguments))
}

fn run_build(workspace: &Workspace, title: &str, command: &mut Command) -> Result<()> {
    let built = run_logged(title, command, &workspace.target("xtask/bench-build.log"))?;
    if !built.success {
        bail!("The build failed:\n{}\nThe first error in that log is the one to look at.", built.tail());
    }
    println!("{title}: done ({})", duration(built.time));
    Ok(())
}

fn write(workspace: &Workspace, part: &Part, section: &Value, command: String) -> Result<()> {
    let path = workspace.path("docs/figures.md");
    let before = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
    fs::write(&path, document::with_section(&before, part, section, &origin(workspace, command)?)?)?;
    println!("  written to {}", path.display());
    Ok(())
}

fn measure(workspace: &Workspace, part: &Part, options: &[&str]) -> Result<Value> {
    let program = workspace.target("release/cockpit-bench").with_extension(std::env::consts::EXE_EXTENSION);
    let mut command = workspace.command(&program, &[part.name]);
    command.args(options);
    // What it says meanwhile goes straight to the person who waits.
    answered(&mut command, part)
}

/// Runs the simulation and writes what it met; a broken rule is an error.
pub(crate) fn simulation(workspace: &Workspace, command: &mut Command, told: String) -> Result<()> {
    let section = answered(command, &SIMULATION)?;
    write(workspace, &SIMULATION, &section, told)
}

fn answered(command: &mut Command, part: &Part) -> Result<Value> {
    let program = command.get_program().to_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("{} cannot be started", program.display()))?;
    if !output.status.success() {
        bail!("measuring the {} failed ({}); the reason is in the last line above", part.name, output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{} answered no tables", program.display()))
}

/// What stands beside every figure, so that it can be had again.
fn origin(workspace: &Workspace, command: String) -> Result<Origin> {
    let said = |program: &str, arguments: &[&str]| {
        answer(&mut workspace.command(program, arguments)).map(|text| text.trim().to_owned())
    };
    let commit = said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "none".to_owned());
    let changed =
        said("git", &["status", "--porcelain", "--", ".", ":!docs/figures.md"]).is_some_and(|text| !text.is_empty());
    let date = said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).context("the program `date` does not answer")?;
    let commit = if changed { format!("{commit} with uncommitted changes") } else { commit };
    Ok(Origin { command, commit, date, machine: machine() })
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
