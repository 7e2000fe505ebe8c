//! Where things are in the repository, and what cargo knows of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The checkout this program was built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace of this crate, found by the manifest cargo names when it runs us.
    pub(crate) fn find() -> Result<Self> {
        // At run time rather than at compile time: a checkout that was moved keeps working.
        let manifest =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.ancestors().find(|folder| folder.join("tauri.conf.json").exists());
        let root =
            root.context("no tauri.conf.json above crates/xtask; start this as `cargo xtask` in the checkout")?;
        Ok(Self { root: root.to_path_buf() })
    }

    /// A path inside the checkout.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// A path inside cargo's target folder.
    pub(crate) fn target(&self, relative: impl AsRef<Path>) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.path("target"), PathBuf::from);
        target.join(relative)
    }

    /// A program the debug build makes.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target("debug").join(name).with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// A cargo command in the checkout.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(cargo, arguments);
        // What cargo told *us* about our own package is wrong for the packages of the command.
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// An npm command in the interface's folder.
    pub(crate) fn npm(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(if cfg!(windows) { "npm.cmd" } else { "npm" }, arguments);
        command.current_dir(self.path("ui"));
        command
    }

    /// Any program in the checkout, told not to colour its output, because we read it.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root).env("CARGO_TERM_COLOR", "never").env("NO_COLOR", "1");
        command.env_remove("FORCE_COLOR");
        command
    }

    /// What `cargo metadata` says, with the resolved dependencies of every target.
    pub(crate) fn metadata(&self) -> Result<Value> {
        let output = self.cargo(&["metadata", "--format-version", "1", "--all-features"]).output()?;
        ensure!(output.status.success(), "cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Whether `ui/package.json` exists and has this script.
    pub(crate) fn has_npm_script(&self, script: &str) -> Result<bool> {
        let path = self.path("ui/package.json");
        if !path.exists() {
            return Ok(false);
        }
        let package: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)
            .with_context(|| format!("{} is not valid JSON", path.display()))?;
        Ok(package.pointer(&format!("/scripts/{script}")).is_some())
    }
}

/// The names of the integration tests of all members whose name begins with `prefix`.
pub(crate) fn test_targets(metadata: &Value, prefix: &str) -> Vec<String> {
    let members = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let own = members(metadata, "workspace_members");
    let mut names: Vec<String> = members(metadata, "packages")
        .iter()
        .filter(|package| package.get("id").is_some_and(|id| own.contains(id)))
        .flat_map(|package| members(package, "targets"))
        .filter(|target| members(target, "kind").iter().any(|kind| kind == "test"))
        .filter_map(|target| target.get("name").and_then(Value::as_str).map(str::to_owned))
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    names.dedup();
    names
}
