//! A child process that never outlives its owner.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// A process with all its descendants in one process group, which is ended on drop.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`. What it writes to its standard error is kept in the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let log = File::create(log)?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child =
            command.stdin(Stdio::null()).stderr(log).process_group(0).spawn().with_context(|| {
                format!("{program} cannot be started; `cargo xtask setup` installs what tests need")
            })?;
        Ok(Self { child })
    }

    /// The standard output, when the command was given a pipe for it.
    pub(crate) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Kills this process and not its descendants, as a crash would, and waits until it is gone.
    pub(crate) fn kill_alone(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end and gives it so much time to do it in good order.
    pub(crate) fn end(mut self, patience: Duration) {
        self.ask_to_end(patience);
    }

    fn ask_to_end(&mut self, patience: Duration) {
        self.signal_group(Signal::SIGTERM);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal_group(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // ESRCH only: the group is gone already, which is what we want.
            let _gone = killpg(Pid::from_raw(id), signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ask_to_end(Duration::from_secs(3));
        // Grandchildren that ignored the polite signal are in the same group.
        self.signal_group(Signal::SIGKILL);
        if let Err(error) = self.child.wait() {
            eprintln!("a test process could not be reaped: {error}");
        }
    }
}

/// Sends a signal to a process that is not our child.
pub(crate) fn send_signal(id: u32, signal: Signal) -> Result<()> {
    Ok(kill(Pid::from_raw(i32::try_from(id)?), signal)?)
}

/// Whether a process that is not our child still runs. A zombie has ended.
pub(crate) fn is_alive(id: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{id}/stat")) {
        // The state follows the name, which is in parentheses and may itself contain any character.
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z')),
        Err(_) => false,
    }
}
