//! The real program opens its window on a virtual display, shows its page, and ends when the window is closed.

#[cfg(target_os = "linux")]
mod support;

// WebKitWebDriver and Xvfb exist on Linux only. `cargo xtask test` runs this module apart from the unit tests.
#[cfg(target_os = "linux")]
#[cfg(test)]
mod e2e {
    use anyhow::{Result, ensure};
    use serde_json::json;

    use crate::support::desktop::Desktop;
    use crate::support::display::Display;
    use crate::support::{PATIENCE, wait_for};

    #[test]
    fn the_window_opens_shows_its_page_and_closes() -> Result<()> {
        let home = tempfile::tempdir()?;
        let display = Display::start("smoke")?;
        let desktop = Desktop::start("smoke", &display, home.path(), &[])?;

        desktop.wait_until_loaded()?;
        assert_eq!(desktop.title()?, "Cockpit", "the title of the page");
        assert!(
            desktop.url()?.starts_with("tauri://localhost"),
            "the embedded page is shown, not a development server"
        );
        assert!(display.window_titles()?.contains(&"Cockpit".to_owned()), "the title of the window");

        let picture = desktop.screenshot(&display, "smoke")?;
        ensure!(std::fs::metadata(&picture)?.len() > 0, "the screenshot is empty");
        desktop.close(&display)
    }

    #[test]
    fn the_page_may_load_nothing_from_elsewhere() -> Result<()> {
        let home = tempfile::tempdir()?;
        let display = Display::start("csp")?;
        let desktop = Desktop::start("csp", &display, home.path(), &[])?;
        desktop.wait_until_loaded()?;

        // The policy is asked itself: whether a request fails says little on a machine without a network.
        let script = "window.blocked = [];
            document.addEventListener('securitypolicyviolation', e => window.blocked.push(e.effectiveDirective));
            const add = (tag, set) => document.head.append(Object.assign(document.createElement(tag), set));
            add('script', { textContent: 'window.injected = true' });
            add('script', { src: 'https://example.invalid/x.js' });
            fetch('https://example.invalid/').catch(() => {});";
        desktop.execute(script, &[])?;
        let blocked = wait_for("three refusals", PATIENCE, || {
            let blocked: Vec<String> = serde_json::from_value(desktop.execute("return window.blocked", &[])?)?;
            Ok((blocked.len() >= 3).then_some(blocked))
        })?;
        assert!(blocked.contains(&"connect-src".to_owned()), "requests to other hosts are refused: {blocked:?}");
        assert_eq!(
            desktop.execute("return window.injected === undefined", &[])?,
            json!(true),
            "a script that is written into the page does not run"
        );
        desktop.close(&display)
    }

    #[test]
    fn a_second_process_on_the_same_profile_is_refused_in_one_sentence() -> Result<()> {
        let home = tempfile::tempdir()?;
        let display = Display::start("profile")?;
        let desktop = Desktop::start("profile", &display, home.path(), &[])?;
        let second = std::process::Command::new(env!("CARGO_BIN_EXE_cockpit"))
            .arg("--profile")
            .arg(home.path().join("profile"))
            .env("DISPLAY", display.name())
            .output()?;
        let said = String::from_utf8(second.stderr)?;
        assert_eq!(second.status.code(), Some(1), "{said}");
        let process = format!("(process {})", desktop.process_id()?);
        assert!(said.contains(&process) && said.contains("--profile"), "{said}");
        desktop.close(&display)
    }
}
