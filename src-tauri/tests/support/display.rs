//! A virtual X display with a window manager of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::process::Process;
use super::{PATIENCE, target_folder, wait_for};

/// A private display of 1440 × 900 pixels.
pub(crate) struct Display {
    name: String,
    // Dropped in this order: the window manager before the display it is on.
    _window_manager: Process,
    _server: Process,
}

impl Display {
    /// Starts a display under a number that the X server itself finds free. `label` names its logs.
    pub(crate) fn start(label: &str) -> Result<Self> {
        let logs = target_folder().join("e2e");
        let mut server = Process::start(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp", "-noreset"])
                .stdout(Stdio::piped()),
            &logs.join(format!("{label}-xvfb.log")),
        )?;
        let mut number = String::new();
        let output = server.stdout().context("Xvfb has no standard output")?;
        BufReader::new(output).read_line(&mut number)?;
        ensure!(!number.trim().is_empty(), "Xvfb ended before it had a display; see {}", logs.display());
        let name = format!(":{}", number.trim());
        let window_manager = Process::start(
            Command::new("openbox").arg("--sm-disable").env("DISPLAY", &name).stdout(Stdio::null()),
            &logs.join(format!("{label}-openbox.log")),
        )?;
        let display = Self { name, _window_manager: window_manager, _server: server };
        // A window that is mapped before the manager runs is never managed, and then cannot be closed as by a person.
        wait_for("the window manager", PATIENCE, || {
            let root = display.run(Command::new("xprop").args(["-root", "_NET_SUPPORTING_WM_CHECK"]))?;
            Ok(root.contains("window id").then_some(()))
        })?;
        Ok(display)
    }

    /// The value for `DISPLAY`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The titles of the windows that are open, in the order of their creation.
    pub(crate) fn window_titles(&self) -> Result<Vec<String>> {
        let list = self.run(Command::new("wmctrl").arg("-l"))?;
        // Columns: window, desktop, host, title.
        Ok(list.lines().map(|line| line.split_whitespace().skip(3).collect::<Vec<_>>().join(" ")).collect())
    }

    /// Asks the window of this exact title to close, as the button in its frame does.
    pub(crate) fn close_window(&self, title: &str) -> Result<()> {
        self.run(Command::new("wmctrl").args(["-F", "-c", title])).map(drop)
    }

    /// Writes what a person would see to `target/shots/<name>.png`.
    pub(crate) fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let path = target_folder().join("shots").join(format!("{name}.png"));
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        self.run(Command::new("import").args(["-window", "root"]).arg(&path))?;
        Ok(path)
    }

    fn run(&self, command: &mut Command) -> Result<String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = command.env("DISPLAY", &self.name).output().with_context(|| format!("{program} cannot be run"))?;
        ensure!(output.status.success(), "{program} failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
