//! The contract between a page and the engine, in two windows of the real program. The same suite runs in a browser through the bridge:
//! `ui/e2e/contract.test.ts`.

#[cfg(target_os = "linux")]
mod support;

#[cfg(target_os = "linux")]
#[cfg(test)]
mod e2e {
    use std::path::Path;
    use std::process::Command;

    use anyhow::{Context, Result, bail, ensure};
    use serde::Deserialize;
    use serde_json::{Value, json};

    use crate::support::desktop::Desktop;
    use crate::support::display::Display;
    use crate::support::hub::{Hub, PASSWORD};
    use crate::support::{PATIENCE, wait_for};

    /// One step of the suite, as it tells it.
    #[derive(Deserialize)]
    struct Step {
        window: usize,
        reload: bool,
    }

    /// What came of a step.
    #[derive(Deserialize)]
    struct Outcome {
        name: String,
        ok: bool,
        detail: String,
        memory: Value,
    }

    #[test]
    fn two_windows_of_the_desktop_keep_the_contract() -> Result<()> {
        let suite = build_suite()?;
        let home = tempfile::tempdir()?;
        let hub = Hub::start("contract", home.path(), 80)?;
        let display = Display::start("contract")?;
        let password = home.path().join("password");
        std::fs::write(&password, PASSWORD)?;
        let password = password.to_string_lossy();
        let arguments =
            ["--windows", "2", "--server", hub.url(), "--email", "ada@cockpit.test", "--password-file", &password];
        let desktop = Desktop::start("contract", &display, home.path(), &arguments)?;
        let windows = wait_for("two windows", PATIENCE, || {
            let windows = desktop.windows()?;
            Ok((windows.len() == 2).then_some(windows))
        })?;
        for window in &windows {
            desktop.switch_to(window)?;
            load(&desktop, &suite)?;
        }

        let plan: Vec<Step> = serde_json::from_value(desktop.execute("return cockpitContract.plan", &[])?)?;
        let mut memory = desktop.execute("return cockpitContract.begin()", &[])?;
        let (mut failed, mut passed) = (Vec::new(), 0);
        for (index, step) in plan.iter().enumerate() {
            let window = step.window.checked_sub(1).and_then(|at| windows.get(at)).context("there are two windows")?;
            desktop.switch_to(window)?;
            if step.reload {
                load(&desktop, &suite)?;
            }
            let script = "return await cockpitContract.run(arguments[0], arguments[1])";
            let outcome: Outcome = serde_json::from_value(desktop.execute_async(script, &[json!(index), memory])?)?;
            memory = outcome.memory;
            if outcome.ok { passed += 1 } else { failed.push(format!("{}: {}", outcome.name, outcome.detail)) }
        }
        ensure!(failed.is_empty(), "{}", failed.join("\n"));
        assert!(passed == plan.len() && passed > 20, "{passed} of {} checks passed", plan.len());
        // The browser's driver tells the same; a person can compare the two.
        eprintln!("{passed} contract checks passed in two windows");
        Ok(())
    }

    /// A page without screens of its own, which would attach too, with the suite in it.
    fn load(desktop: &Desktop, suite: &str) -> Result<()> {
        desktop.execute("location.hash = '#/gallery'", &[])?;
        desktop.reload()?;
        desktop.execute(&format!("{suite}\nwindow.cockpitContract = cockpitContract"), &[]).map(drop)
    }

    /// The suite as one script. It is built here, so that it is never older than its source.
    fn build_suite() -> Result<String> {
        let interface = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
        let built = Command::new("node")
            .args(["node_modules/vite/bin/vite.js", "build", "--config", "e2e/contract.vite.ts"])
            .current_dir(&interface)
            .output()
            .context("node cannot be run; `cargo xtask setup` says what tests need")?;
        if !built.status.success() {
            bail!("the contract suite could not be built: {}", String::from_utf8_lossy(&built.stderr));
        }
        Ok(std::fs::read_to_string(interface.join("../target/contract/contract.js"))?)
    }
}
