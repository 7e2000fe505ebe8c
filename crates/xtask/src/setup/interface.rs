//! The interface: its npm packages and its build, each only when something has changed.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{Finished, run_logged};
use crate::workspace::Workspace;

/// What the placeholder page that the application's build script writes can be recognised by.
const PLACEHOLDER: &str = "cockpit-placeholder";

/// What the build reads, besides the packages.
const SOURCES: &[&str] =
    &["src", "public", "messages", "project.inlang", "index.html", "package.json", "package-lock.json"];

/// Installs the npm packages that the lock file of `folder` (`ui`, or `tools` for the tests alone) names.
pub(crate) fn packages(workspace: &Workspace, folder: &str, title: &str) -> Result<String> {
    let root = workspace.path(folder);
    if !root.join("package.json").exists() {
        return Ok(format!("there is no {folder}/package.json yet"));
    }
    let lock_file = root.join("package-lock.json");
    let lock = modified(&lock_file);
    let installed = modified(&root.join("node_modules/.package-lock.json"));
    if lock.is_some() && installed >= lock {
        return Ok("nothing has changed".to_owned());
    }
    if lock.is_none() {
        bail!(
            "{folder}/package-lock.json is missing; run `npm install` in {folder} and add the file to the repository"
        );
    }
    let npm = |arguments: &[&str]| {
        let mut command = workspace.npm(arguments);
        command.current_dir(&root);
        command
    };
    let log = workspace.target(format!("xtask/npm-{folder}.log"));
    let clean = run_logged(title, &mut npm(&["ci", "--no-audit", "--no-fund"]), &log)?;
    if clean.success {
        return Ok("installed".to_owned());
    }
    let lock: Value = serde_json::from_str(&fs::read_to_string(&lock_file)?)
        .with_context(|| format!("{} is not valid JSON", lock_file.display()))?;
    if !lacks_only_other_systems(&clean.output, &lock) {
        bail!("npm ci failed in {folder}:\n{}", npm_error(&clean));
    }
    // The lock file holds for everything it names; only the rest is resolved, and the file stays as it is.
    let installed = run_logged(title, &mut npm(&["install", "--no-save", "--no-audit", "--no-fund"]), &log)?;
    if !installed.success {
        bail!("npm install failed in {folder}:\n{}", npm_error(&installed));
    }
    Ok("installed; the lock file names no programs for other systems".to_owned())
}

/// Whether `npm ci` refused only because the lock file lacks optional packages of packages it has, such as a compiler for
/// another operating system. npm writes such a file wherever it could not look those packages up.
fn lacks_only_other_systems(output: &str, lock: &Value) -> bool {
    let optional: HashSet<&str> = lock
        .get("packages")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|packages| packages.values())
        .filter_map(|package| package.get("optionalDependencies")?.as_object())
        .flat_map(|names| names.keys().map(String::as_str))
        .collect();
    let mut missing = output
        .lines()
        .filter_map(|line| {
            line.trim_start_matches("npm error ").strip_prefix("Missing: ")?.strip_suffix(" from lock file")
        })
        // `@scope/name@version`, with nothing after the last @ when no version could be found.
        .filter_map(|package| package.rsplit_once('@').map(|(name, _)| name))
        .peekable();
    let otherwise = output.contains("npm error Invalid:");
    !otherwise && missing.peek().is_some() && missing.all(|name| optional.contains(name))
}

/// npm says first what is wrong and then, at length, how it can be used.
fn npm_error(finished: &Finished) -> String {
    let said = finished.output.lines().filter_map(|line| line.strip_prefix("npm error "));
    let mut text: String = said.take(12).map(|line| format!("    {line}\n")).collect();
    if text.is_empty() {
        return finished.tail();
    }
    text.push_str(&format!(
        "    (all of it: {})\nCheck the network and `npm config get registry`; then run it by hand there.",
        finished.log.display()
    ));
    text
}

/// Builds `ui/dist`, which the application embeds.
pub(crate) fn build(workspace: &Workspace, title: &str) -> Result<String> {
    if !workspace.has_npm_script("build")? {
        return Ok("no build script yet; the application shows a placeholder".to_owned());
    }
    if is_fresh(&workspace.path("ui"))? {
        return Ok("nothing has changed".to_owned());
    }
    let finished = run_logged(title, &mut workspace.npm(&["run", "build"]), &workspace.target("xtask/ui-build.log"))?;
    if !finished.success {
        bail!(
            "npm run build failed in ui:\n{}\nFix what it names, or delete ui/node_modules and try again.",
            finished.tail()
        );
    }
    Ok("built".to_owned())
}

/// Whether the built page is newer than everything it was built from.
fn is_fresh(ui: &Path) -> Result<bool> {
    let page = ui.join("dist/index.html");
    let Some(built) = modified(&page) else { return Ok(false) };
    if fs::read_to_string(&page)?.contains(PLACEHOLDER) {
        return Ok(false);
    }
    let mut newest = None;
    for source in SOURCES {
        newest = newest.max(newest_below(&ui.join(source))?);
    }
    for entry in fs::read_dir(ui)? {
        let path = entry?.path();
        // vite.config.ts, tsconfig.json and their like.
        if path.is_file() && path.to_string_lossy().contains("config") {
            newest = newest.max(modified(&path));
        }
    }
    Ok(newest <= Some(built))
}

fn newest_below(path: &Path) -> Result<Option<SystemTime>> {
    // The time of a folder changes when a file in it is removed.
    let mut newest = modified(path);
    // The message catalogue is compiled into a folder among the sources, by tests and checks too.
    if path.ends_with("generated") {
        return Ok(None);
    }
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(newest_below(&entry?.path())?);
        }
    }
    Ok(newest)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::Duration;

    use super::*;

    fn write(path: &Path, content: &str, seconds: u64) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    #[test]
    fn a_build_is_fresh_until_a_source_is_newer() {
        let ui = tempfile::tempdir().unwrap();
        // Folders made here are as new as now, so the build has to be newer still.
        write(&ui.path().join("src/deep/a.ts"), "", 10);
        write(&ui.path().join("dist/index.html"), "<html>", 5_000_000_000);
        assert!(is_fresh(ui.path()).unwrap());
        write(&ui.path().join("src/deep/a.ts"), "", 5_000_000_001);
        assert!(!is_fresh(ui.path()).unwrap());
        write(&ui.path().join("src/deep/a.ts"), "", 10);
        write(&ui.path().join("src/i18n/generated/messages.js"), "", 5_000_000_001);
        assert!(is_fresh(ui.path()).unwrap(), "what is generated is no source");
        write(&ui.path().join("vite.config.ts"), "", 5_000_000_001);
        assert!(!is_fresh(ui.path()).unwrap());
    }

    #[test]
    fn a_lock_file_without_programs_for_other_systems_is_told_from_one_that_is_out_of_date() {
        let lock = serde_json::json!({"packages": {"node_modules/@b/biome": {"optionalDependencies": {"@b/cli-win32": "2.0.0"}}}});
        let refusal =
            |missing: &str| format!("npm error code EUSAGE\nnpm error\nnpm error Missing: {missing} from lock file\n");
        assert!(lacks_only_other_systems(&refusal("@b/cli-win32@"), &lock));
        assert!(lacks_only_other_systems(&refusal("@b/cli-win32@2.0.0"), &lock));
        assert!(!lacks_only_other_systems(&refusal("react@19.0.0"), &lock));
        let both =
            refusal("@b/cli-win32@") + "npm error Invalid: lock file's react@18.0.0 does not satisfy react@19.0.0\n";
        assert!(!lacks_only_other_systems(&both, &lock));
        assert!(!lacks_only_other_systems("npm error network", &lock));
    }

    #[test]
    fn a_placeholder_is_never_fresh() {
        let ui = tempfile::tempdir().unwrap();
        write(&ui.path().join("dist/index.html"), "<meta name=\"cockpit-placeholder\">", 5_000_000_000);
        assert!(!is_fresh(ui.path()).unwrap());
    }
}
