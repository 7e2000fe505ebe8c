//! Licences, sources and bans of what we take from others, read from `deny.toml`.

use serde_json::Value;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use spdx::{Expression, ParseMode};
use toml::Table;

use super::Graph;

/// The part of `deny.toml` that is checked without cargo-deny.
#[derive(Debug, Default)]
pub(super) struct Rules {
    licences: Vec<String>,
    registries: Vec<String>,
    repositories: Vec<String>,
    banned: Vec<String>,
}

impl Rules {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let table: Table = text.parse().with_context(|| format!("{} is not valid TOML", path.display()))?;
        let rules = Self {
            licences: strings(&table, "licenses", "allow"),
            registries: strings(&table, "sources", "allow-registry"),
            repositories: strings(&table, "sources", "allow-git"),
            banned: strings(&table, "bans", "deny"),
        };
        // An empty list would forbid everything or nothing, and is in either case a mistake in the file.
        ensure!(!rules.licences.is_empty(), "{} allows no licence", path.display());
        ensure!(!rules.registries.is_empty(), "{} allows no registry", path.display());
        ensure!(!rules.banned.is_empty(), "{} bans nothing", path.display());
        Ok(rules)
    }
}

/// Every package has a licence expression that the allowed licences satisfy.
pub(super) fn licences(graph: &Graph, rules: &Rules) -> Vec<String> {
    let mut problems = Vec::new();
    for package in graph.packages.iter().filter(|package| !package.own) {
        let name = format!("{} {}", package.name, package.version);
        let Some(licence) = &package.licence else {
            problems.push(format!("{name} names no licence"));
            continue;
        };
        match Expression::parse_mode(licence, ParseMode::LAX) {
            Ok(expression) if expression.evaluate(|one| rules.licences.contains(&one.to_string())) => {}
            Ok(_) => problems.push(format!("{name} has the licence {licence}, which deny.toml does not allow")),
            Err(error) => {
                problems.push(format!("{name} has a licence that is no SPDX expression: {licence} ({})", error.reason))
            }
        }
    }
    problems
}

/// Every package comes from an allowed registry or repository, or from this repository.
pub(super) fn sources(graph: &Graph, rules: &Rules) -> Vec<String> {
    let mut problems = Vec::new();
    for package in &graph.packages {
        let allowed = match &package.source {
            None => package.own,
            Some(source) => match source.split_once('+') {
                Some(("registry" | "sparse", address)) => rules.registries.iter().any(|registry| registry == address),
                Some(("git", address)) => rules.repositories.iter().any(|repository| address.starts_with(repository)),
                _ => false,
            },
        };
        if !allowed {
            let source = package.source.as_deref().unwrap_or("a folder outside the workspace");
            problems.push(format!(
                "{} {} comes from {source}, which deny.toml does not allow",
                package.name, package.version
            ));
        }
    }
    problems
}

/// No banned package is anywhere in the tree.
pub(super) fn bans(graph: &Graph, rules: &Rules) -> Vec<String> {
    let mut problems = Vec::new();
    for package in graph.packages.iter().filter(|package| rules.banned.contains(&package.name)) {
        let users: Vec<&str> = graph
            .packages
            .iter()
            .filter(|user| user.dependencies.iter().any(|edge| edge.id == package.id))
            .map(|user| user.name.as_str())
            .collect();
        problems.push(format!("{} is banned by deny.toml and used by {}", package.name, users.join(", ")));
    }
    problems
}

/// The entries of a list, which are strings or tables with the string under `crate` or `name`.
fn strings(table: &Table, section: &str, key: &str) -> Vec<String> {
    let list = table.get(section).and_then(|section| section.get(key)).and_then(|list| list.as_array());
    let entry = |value: &toml::Value| {
        let text = value.as_str().or_else(|| value.get("crate").or_else(|| value.get("name"))?.as_str())?;
        // cargo-deny allows `name@version`; a ban of ours is of every version.
        Some(text.split('@').next().unwrap_or(text).to_owned())
    };
    list.into_iter().flatten().filter_map(entry).collect()
}

/// The bugs that the simulation plants are in no build unless somebody asks for them: no default and no dependency turns the feature on.
pub(super) fn planted(metadata: &Value) -> Vec<String> {
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let plants = |feature: &Value| feature.as_str().is_some_and(|name| name == "planted" || name.ends_with("/planted"));
    let mut problems = Vec::new();
    for package in list(metadata, "packages") {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let features = package.get("features").cloned().unwrap_or_default();
        let mut on = list(&features, "default");
        // Features turn on features; every name is followed once.
        let mut at = 0;
        while let Some(feature) = on.get(at).cloned() {
            let more = feature.as_str().map(|feature| list(&features, feature)).unwrap_or_default();
            let more: Vec<Value> = more.into_iter().filter(|more| !on.contains(more)).collect();
            on.extend(more);
            at += 1;
        }
        on.extend(list(&package, "dependencies").iter().flat_map(|used| list(used, "features")));
        if on.iter().any(plants) {
            problems.push(format!("{name} turns planted bugs on"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    #[test]
    fn planted_bugs_in_an_ordinary_build_are_found() {
        let of = |default: &str, used: &str| {
            let features = serde_json::json!({ "default": [default], "all": ["cockpit-sync/planted"], "planted": [] });
            let package =
                serde_json::json!({ "name": "a", "features": features, "dependencies": [{ "features": [used] }] });
            super::planted(&serde_json::json!({ "packages": [package] })).len()
        };
        assert_eq!((of("std", "std"), of("planted", "std"), of("all", "std"), of("std", "planted")), (0, 1, 1, 1));
    }

    use super::super::fixture::{foreign, graph, own};
    use super::*;

    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn rules() -> Rules {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deny.toml");
        fs::write(
            &path,
            r#"
            [licenses]
            allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
            [bans]
            deny = [{ crate = "openssl-sys", reason = "x" }, "native-tls"]
            [sources]
            allow-registry = ["https://github.com/rust-lang/crates.io-index"]
            "#,
        )
        .unwrap();
        Rules::read(&path).unwrap()
    }

    #[test]
    fn a_licence_is_judged_as_an_expression() {
        let licence = |text| licences(&graph(vec![foreign("x", text, None)]), &rules()).is_empty();
        assert!(licence(Some("MIT")));
        assert!(licence(Some("GPL-3.0-only OR MIT")));
        assert!(licence(Some("MIT/Apache-2.0")), "the old way of writing OR");
        assert!(licence(Some("Apache-2.0 WITH LLVM-exception")));
        assert!(!licence(Some("MIT AND GPL-3.0-only")));
        assert!(!licence(Some("my own terms")));
        assert!(!licence(None));
    }

    #[test]
    fn a_source_has_to_be_allowed() {
        let source = |source| sources(&graph(vec![foreign("x", None, source)]), &rules()).is_empty();
        assert!(source(Some(REGISTRY)));
        assert!(!source(Some("git+https://github.com/someone/x?rev=1#1")));
        assert!(!source(Some("registry+https://example.invalid/index")));
        assert!(!source(None), "a path outside the workspace");
        assert!(sources(&graph(vec![own("cockpit", &[])]), &rules()).is_empty());
    }

    #[test]
    fn a_banned_package_is_found_with_who_uses_it() {
        let tree = graph(vec![own("cockpit", &["native-tls"]), foreign("native-tls", None, None)]);
        let problems = bans(&tree, &rules());
        assert!(matches!(problems.as_slice(), [problem] if problem.contains("cockpit")), "{problems:?}");
    }
}
