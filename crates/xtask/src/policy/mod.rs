//! What we depend on, and who may depend on whom.
//!
//! `deny.toml` is written for cargo-deny and is used with it where it is installed. The parts of it that matter most are
//! also checked here on the output of `cargo metadata`, so that they hold on every machine.

mod direction;
mod supply;

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{answer, run_logged};
use crate::workspace::Workspace;

/// What a check found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// How many rules held.
    pub(crate) passed: u64,
    /// One sentence for each place where one does not.
    pub(crate) problems: Vec<String>,
}

impl Findings {
    /// Takes the outcome of one rule.
    fn rule(&mut self, problems: Vec<String>) {
        if problems.is_empty() {
            self.passed += 1;
        }
        self.problems.extend(problems);
    }
}

/// Checks every rule.
pub(crate) fn check(workspace: &Workspace) -> Result<Findings> {
    let metadata = workspace.metadata()?;
    let graph = Graph::read(&metadata)?;
    let rules = supply::Rules::read(&workspace.path("deny.toml"))?;
    let mut findings = Findings::default();
    findings.rule(supply::licences(&graph, &rules));
    findings.rule(supply::sources(&graph, &rules));
    findings.rule(supply::bans(&graph, &rules));
    findings.rule(direction::between_crates(&graph));
    findings.rule(direction::shell_only(&graph));
    findings.rule(direction::release(&graph));
    findings.rule(supply::planted(&metadata));
    if answer(&mut workspace.cargo(&["deny", "--version"])).is_some() {
        let mut command = workspace.cargo(&["deny", "check", "bans", "licenses", "sources"]);
        let finished = run_logged("cargo deny", &mut command, &workspace.target("xtask/deny.log"))?;
        findings.rule(if finished.success { Vec::new() } else { vec![format!("cargo deny:\n{}", finished.tail())] });
    }
    Ok(findings)
}

/// Checks and prints.
pub(crate) fn print(workspace: &Workspace) -> Result<bool> {
    let findings = check(workspace)?;
    for problem in &findings.problems {
        println!("{problem}");
    }
    println!("{} rules hold, {} problems", findings.passed, findings.problems.len());
    Ok(findings.problems.is_empty())
}

/// The packages that `cargo metadata` resolved.
#[derive(Debug, Default)]
struct Graph {
    packages: Vec<Package>,
}

/// One package and what it depends on.
#[derive(Debug, Default, Clone)]
struct Package {
    id: String,
    name: String,
    version: String,
    licence: Option<String>,
    /// `None` for a package in this repository.
    source: Option<String>,
    own: bool,
    dependencies: Vec<Dependency>,
}

/// An edge of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dependency {
    id: String,
    /// Used by tests, benches and examples only.
    dev: bool,
}

impl Graph {
    fn read(metadata: &Value) -> Result<Self> {
        let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let nodes = list(metadata.get("resolve").context("cargo metadata resolved nothing")?, "nodes");
        let own = list(metadata, "workspace_members");
        let mut edges: HashMap<String, Vec<Dependency>> = HashMap::new();
        for node in &nodes {
            let mut found = Vec::new();
            for edge in list(node, "deps") {
                let kinds = list(&edge, "dep_kinds");
                let dev =
                    !kinds.is_empty() && kinds.iter().all(|kind| kind.get("kind").is_some_and(|kind| kind == "dev"));
                found.push(Dependency { id: text(&edge, "pkg").context("an edge without a package")?, dev });
            }
            edges.insert(text(node, "id").context("a node without an id")?, found);
        }
        let mut packages = Vec::new();
        for package in list(metadata, "packages") {
            let id = text(&package, "id").context("a package without an id")?;
            packages.push(Package {
                own: own.iter().any(|member| *member == id),
                dependencies: edges.remove(&id).unwrap_or_default(),
                name: text(&package, "name").unwrap_or_default(),
                version: text(&package, "version").unwrap_or_default(),
                licence: text(&package, "license"),
                source: text(&package, "source"),
                id,
            });
        }
        if packages.is_empty() {
            bail!("cargo metadata named no package");
        }
        Ok(Self { packages })
    }

    fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    fn own(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.own)
    }
}

/// Builds small graphs for the tests of the rules.
#[cfg(test)]
mod fixture {
    use super::{Dependency, Graph, Package};

    pub(super) fn own(name: &str, dependencies: &[&str]) -> Package {
        let edge = |name: &&str| match name.strip_prefix("dev:") {
            Some(name) => Dependency { id: name.to_owned(), dev: true },
            None => Dependency { id: (*name).to_owned(), dev: false },
        };
        let dependencies = dependencies.iter().map(edge).collect();
        Package { id: name.to_owned(), name: name.to_owned(), own: true, dependencies, ..Package::default() }
    }

    pub(super) fn foreign(name: &str, licence: Option<&str>, source: Option<&str>) -> Package {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
            source: source.map(str::to_owned),
            ..Package::default()
        }
    }

    pub(super) fn graph(packages: Vec<Package>) -> Graph {
        Graph { packages }
    }
}
