//! The list of steps. To add one, add it here.

use std::process::Command;

use anyhow::Result;

use super::counts::Counting;
use crate::policy;
use crate::setup;
use crate::workspace::{Workspace, test_targets};

/// Module and target names of tests that start the real desktop; they are a step of their own.
const END_TO_END: &str = "e2e";

/// One line of the table.
pub(crate) struct Step {
    /// What it is called.
    pub(crate) name: &'static str,
    /// A step without whose success this one says nothing.
    pub(crate) needs: Option<&'static str>,
    /// What is done.
    pub(crate) action: Action,
}

/// What a step does.
pub(crate) enum Action {
    /// Runs a program and counts what it reports.
    Run(Box<Command>, Counting),
    /// Looks at something itself; answers what is wrong and how much was looked at.
    Check(fn(&Workspace) -> Result<policy::Findings>),
}

/// The steps of a full or a quick run, in order.
pub(crate) fn steps(workspace: &Workspace, quick: bool) -> Result<Vec<Step>> {
    let mut steps = vec![
        run("rustfmt", None, workspace.cargo(&["fmt", "--all", "--check"]), Counting::One),
        Step { name: "interface: build", needs: None, action: Action::Check(interface) },
    ];
    for (name, script, counting) in
        [("interface: checks", "check", Counting::One), ("interface: tests", "test", Counting::JavaScript)]
    {
        if workspace.has_npm_script(script)? {
            steps.push(run(name, None, workspace.npm(&["run", script]), counting));
        }
    }
    steps.push(Step { name: "source policy", needs: None, action: Action::Check(policy::check) });
    if quick {
        steps.extend(quick_rust(workspace)?);
    } else {
        steps.extend(full_rust(workspace)?);
        if workspace.has_npm_script(END_TO_END)? {
            let command = workspace.npm(&["run", END_TO_END]);
            steps.push(run("end to end: browser", Some("build"), command, Counting::JavaScript));
        }
    }
    Ok(steps)
}

/// First among the slow steps, because the application embeds what it builds.
fn interface(workspace: &Workspace) -> Result<policy::Findings> {
    setup::build_interface(workspace, "building the interface")
        .map(|_| policy::Findings { passed: 1, problems: Vec::new() })
}

fn full_rust(workspace: &Workspace) -> Result<Vec<Step>> {
    let mut steps = vec![
        run("build", None, workspace.cargo(&["build", "--workspace", "--all-targets"]), Counting::One),
        run(
            "clippy",
            None,
            workspace.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
            Counting::One,
        ),
        // Documentation tests are part of this.
        run(
            "tests",
            Some("build"),
            workspace.cargo(&["test", "--workspace", "--no-fail-fast", "--", "--skip", "e2e::"]),
            Counting::Rust,
        ),
    ];
    let targets = test_targets(&workspace.metadata()?, "e2e_");
    if !targets.is_empty() {
        // The whole workspace is named so that features, and with them the compiled dependencies, stay the same.
        let mut command = workspace.cargo(&["test", "--workspace", "--no-fail-fast"]);
        for target in &targets {
            command.args(["--test", target]);
        }
        steps.push(run("end to end: desktop", Some("build"), command, Counting::Rust));
    }
    Ok(steps)
}

fn quick_rust(workspace: &Workspace) -> Result<Vec<Step>> {
    let mut command = workspace.cargo(&["test", "--workspace", "--no-fail-fast", "--lib"]);
    let metadata = workspace.metadata()?;
    for target in ["sql", "db"].iter().flat_map(|prefix| test_targets(&metadata, prefix)) {
        command.args(["--test", &target]);
    }
    Ok(vec![run("unit and SQL tests", None, command, Counting::Rust)])
}

fn run(name: &'static str, needs: Option<&'static str>, command: Command, counting: Counting) -> Step {
    Step { name, needs, action: Action::Run(Box::new(command), counting) }
}
