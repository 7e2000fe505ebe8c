//! The direction of dependencies between our own crates. `ARCHITECTURE.md` says why; this makes it true.

use std::collections::HashSet;

use super::{Graph, Package};

/// Each of our crates, and the ones of ours that it may use in what it ships. Tests may use more, except the bridge.
const ALLOWED: &[(&str, &[&str])] = &[
    ("cockpit-domain", &[]),
    ("cockpit-sync", &["cockpit-domain"]),
    ("cockpit-store", &["cockpit-domain", "cockpit-sync"]),
    ("cockpit-sim", &["cockpit-domain", "cockpit-sync", "cockpit-store"]),
    ("cockpit-supabase", &[]),
    ("cockpit-engine", &["cockpit-domain", "cockpit-sync", "cockpit-store", "cockpit-supabase"]),
    ("cockpit-hub", &["cockpit-domain"]),
    ("cockpit-bridge", &["cockpit-domain", "cockpit-engine"]),
    ("cockpit", &["cockpit-domain", "cockpit-engine"]),
    (
        "cockpit-bench",
        &["cockpit-domain", "cockpit-sync", "cockpit-store", "cockpit-supabase", "cockpit-engine", "cockpit-hub"],
    ),
    ("xtask", &[]),
];

/// The desktop application, which alone may know its window toolkit.
const SHELL: &str = "cockpit";

/// The engine in a browser: for development and tests, never in what a user installs.
const BRIDGE: &str = "cockpit-bridge";

/// Every crate of ours uses only those of ours that the table allows.
pub(super) fn between_crates(graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for package in graph.own() {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
            problems.push(format!(
                "{} is not in the table of crates/xtask/src/policy/direction.rs; say what it may use",
                package.name
            ));
            continue;
        };
        for edge in &package.dependencies {
            let Some(used) = graph.package(&edge.id).filter(|used| used.own) else { continue };
            if used.name == BRIDGE {
                problems.push(format!("{} uses {BRIDGE}, which nothing may use, not even in tests", package.name));
            } else if !edge.dev && !allowed.contains(&used.name.as_str()) {
                problems.push(format!("{} uses {}, against the direction of dependencies", package.name, used.name));
            }
        }
    }
    problems
}

/// Only the shell names Tauri or what it is made of, in whatever kind of dependency.
pub(super) fn shell_only(graph: &Graph) -> Vec<String> {
    let is_toolkit = |name: &str| name == "tauri" || name.starts_with("tauri-") || name == "wry" || name == "tao";
    let mut problems = Vec::new();
    for package in graph.own().filter(|package| package.name != SHELL) {
        for used in package.dependencies.iter().filter_map(|edge| graph.package(&edge.id)) {
            if is_toolkit(&used.name) {
                problems.push(format!("{} uses {}, which only {SHELL} may", package.name, used.name));
            }
        }
    }
    problems
}

/// What a user installs does not contain the bridge, on whatever path.
pub(super) fn release(graph: &Graph) -> Vec<String> {
    let Some(shell) = graph.own().find(|package| package.name == SHELL) else {
        return vec![format!("there is no package {SHELL}")];
    };
    let mut seen: HashSet<&str> = HashSet::new();
    let mut open: Vec<&Package> = vec![shell];
    while let Some(package) = open.pop() {
        if package.name == BRIDGE {
            return vec![format!("{SHELL} contains {BRIDGE}")];
        }
        if seen.insert(&package.id) {
            open.extend(
                package.dependencies.iter().filter(|edge| !edge.dev).filter_map(|edge| graph.package(&edge.id)),
            );
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{foreign, graph, own};
    use super::*;

    #[test]
    fn the_allowed_direction_passes() {
        let graph = graph(vec![
            own("cockpit-domain", &[]),
            own("cockpit-sync", &["cockpit-domain"]),
            own("cockpit-hub", &[]),
            own("cockpit-engine", &["cockpit-sync", "dev:cockpit-hub"]),
        ]);
        assert_eq!(between_crates(&graph), Vec::<String>::new());
    }

    #[test]
    fn the_other_direction_is_found() {
        let graph = graph(vec![own("cockpit-domain", &["cockpit-sync"]), own("cockpit-sync", &[])]);
        assert_eq!(between_crates(&graph).len(), 1);
    }

    #[test]
    fn a_crate_that_nobody_thought_about_is_found() {
        assert_eq!(between_crates(&graph(vec![own("cockpit-new", &[])])).len(), 1);
    }

    #[test]
    fn the_bridge_is_found_even_in_tests_and_behind_others() {
        let direct = graph(vec![own("cockpit-hub", &["dev:cockpit-bridge"]), own("cockpit-bridge", &[])]);
        assert_eq!(between_crates(&direct).len(), 1);
        let behind = graph(vec![
            own("cockpit", &["cockpit-engine"]),
            own("cockpit-engine", &["cockpit-bridge"]),
            own("cockpit-bridge", &[]),
        ]);
        assert_eq!(release(&behind).len(), 1);
    }

    #[test]
    fn the_window_toolkit_stays_in_the_shell() {
        let tauri = foreign("tauri", None, None);
        let good = graph(vec![own("cockpit", &["tauri"]), tauri.clone()]);
        assert_eq!(shell_only(&good), Vec::<String>::new());
        let bad = graph(vec![own("cockpit-engine", &["dev:tauri"]), tauri]);
        assert_eq!(shell_only(&bad).len(), 1);
    }
}
