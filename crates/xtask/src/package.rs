//! `cargo xtask package`: what a user installs, made by Tauri's bundler for the system it runs on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::process::{duration, run_logged};
use crate::setup::{self, Progress, Purpose};
use crate::workspace::Workspace;

/// What a person can say to `cargo xtask package`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Package an unoptimised build, to look at the packages themselves.
    #[arg(long)]
    debug: bool,
}

/// Builds the packages and names them with their sizes.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    let mut progress = Progress::new(setup::STEPS + 1);
    setup::prepare(workspace, Purpose::Run, &mut progress)?;

    let title = progress.start("building the packages");
    let bundles = match std::env::consts::OS {
        "linux" => "deb,rpm",
        "macos" => "app,dmg",
        _ => "nsis",
    };
    let tauri = workspace.path("ui/node_modules/.bin").join(if cfg!(windows) { "tauri.cmd" } else { "tauri" });
    let mut command = workspace.command(tauri, &["build", "--ci", "--bundles", bundles]);
    if arguments.debug {
        command.arg("--debug");
    }
    let folder = workspace.target(if arguments.debug { "debug" } else { "release" }).join("bundle");
    if folder.exists() {
        // Packages of an earlier version would be named beside the new ones.
        fs::remove_dir_all(&folder)?;
    }
    let finished = run_logged(&title, &mut command, &workspace.target("xtask/package.log"))?;
    if !finished.success {
        bail!("The packages could not be built:\n{}", finished.tail());
    }
    println!("{title}: done in {}", duration(finished.time));
    let packages = packages_below(&folder)?;
    if packages.is_empty() {
        bail!("Tauri's bundler ended well but there is no package in {}", folder.display());
    }
    for package in packages {
        let size = fs::metadata(&package)?.len() as f64 / 1_048_576.0;
        println!("  {size:>6.1} MB  {}", package.display());
    }
    Ok(true)
}

fn packages_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_package =
            path.extension().is_some_and(|kind| ["deb", "rpm", "dmg", "app", "exe"].iter().any(|known| kind == *known));
        if is_package {
            found.push(path);
        } else if path.is_dir() {
            found.extend(packages_below(&path)?);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_found_and_working_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("deb/cockpit_0.1.0_amd64/data");
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join("cockpit"), "").unwrap();
        let package = folder.path().join("deb/cockpit_0.1.0_amd64.deb");
        fs::write(&package, "").unwrap();
        assert_eq!(packages_below(folder.path()).unwrap(), [package]);
    }
}
