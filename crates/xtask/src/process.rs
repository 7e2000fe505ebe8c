//! Runs a program, keeps all it says in a log, and shows meanwhile that something is going on.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// No single step may take longer; something hangs then, and CI would end without a word.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// How often a log without a terminal says that a step still runs.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// How many lines of a failed program are shown.
pub(crate) const TAIL: usize = 30;

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Whether it ended with success.
    pub(crate) success: bool,
    /// Both its outputs, in the order in which they came.
    pub(crate) output: String,
    /// Where the output was kept.
    pub(crate) log: PathBuf,
    /// How long it ran.
    pub(crate) time: Duration,
}

impl Finished {
    /// The last lines of the output and where the rest is. What cargo says of crates that compiled well is left out,
    /// because it comes between the errors and hides them.
    pub(crate) fn tail(&self) -> String {
        let progress = ["Compiling ", "Checking ", "Downloaded ", "Downloading ", "Updating ", "Locking "];
        let tells = |line: &&str| !progress.iter().any(|word| line.trim_start().starts_with(word));
        let lines: Vec<&str> = self.output.lines().filter(tells).collect();
        let from = lines.len().saturating_sub(TAIL);
        let mut text: String = lines.iter().skip(from).map(|line| format!("    {line}\n")).collect();
        text.push_str(&format!("    (all of it: {})", self.log.display()));
        text
    }
}

/// Runs `command` to its end. `title` is shown while it runs, `log` is where its output goes.
pub(crate) fn run_logged(title: &str, command: &mut Command, log: &Path) -> Result<Finished> {
    let program = command.get_program().to_string_lossy().into_owned();
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let started = Instant::now();
    let (mut child, lines) = spawn(command).with_context(|| format!("{program} cannot be started"))?;

    let mut display = Display::new(title, started);
    let mut output = String::new();
    let mut ended: Option<Instant> = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => {
                writeln!(file, "{line}")?;
                display.show(&line);
                output.push_str(&line);
                output.push('\n');
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => display.tick(),
        }
        // A process that the program left behind may hold the pipe open; that must not hold us.
        if ended.is_none() && child.try_wait()?.is_some() {
            ended = Some(Instant::now());
        }
        if ended.is_some_and(|at| at.elapsed() > Duration::from_secs(3)) {
            break;
        }
        if started.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            bail!(
                "{title}: still running after {} minutes, so it was stopped; see {}",
                LIMIT.as_secs() / 60,
                log.display()
            );
        }
    }
    let status = child.wait()?;
    display.clear();
    Ok(Finished { success: status.success(), output, log: log.to_path_buf(), time: started.elapsed() })
}

/// Whether a program of this name is on the PATH.
pub(crate) fn is_installed(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| {
        folder.join(program).is_file() || folder.join(program).with_extension(std::env::consts::EXE_EXTENSION).is_file()
    })
}

/// Runs a short command for its answer; `None` when it cannot be run or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `83 s` as `1:23 min`, `8.25 s` as `8.2 s`.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs() {
        0..=59 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{}:{:02} min", seconds / 60, seconds % 60),
    }
}

fn spawn(command: &mut Command) -> Result<(Child, Receiver<String>)> {
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn()?;
    // The command keeps its copies of the writing end, and the reader would never see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            let line = without_escapes(String::from_utf8_lossy(&line).trim_end_matches('\r'));
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Ok((child, receiver))
}

/// Removes terminal escapes (`ESC [ … letter`), which some programs write whatever they are told.
pub(crate) fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            plain.push(character);
        } else if characters.next_if_eq(&'[').is_some() {
            while characters.next().is_some_and(|next| !next.is_ascii_alphabetic()) {}
        }
    }
    plain
}

/// One line that follows the output on a terminal; a sign of life now and then elsewhere.
struct Display<'a> {
    title: &'a str,
    started: Instant,
    spoken: Instant,
    last: String,
    terminal: bool,
}

impl<'a> Display<'a> {
    fn new(title: &'a str, started: Instant) -> Self {
        Self { title, started, spoken: started, last: String::new(), terminal: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, line: &str) {
        if !line.trim().is_empty() {
            self.last = line.trim().chars().take(60).collect();
        }
        if self.spoken.elapsed() > Duration::from_millis(100) {
            self.tick();
        }
    }

    fn tick(&mut self) {
        let line = format!("{} · {} · {}", self.title, duration(self.started.elapsed()), self.last);
        if self.terminal {
            eprint!("\r\u{1b}[2K{}", line.chars().take(100).collect::<String>());
            self.spoken = Instant::now();
        } else if self.spoken.elapsed() > HEARTBEAT {
            eprintln!("{line}");
            self.spoken = Instant::now();
        }
    }

    fn clear(&self) {
        if self.terminal {
            eprint!("\r\u{1b}[2K");
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn output_is_kept_in_order_and_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let finished = run_logged("a shell", &mut command, &folder.path().join("log")).unwrap();
        assert!(!finished.success);
        assert_eq!(finished.output, "one\ntwo\nthree\n");
        assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap(), finished.output);
    }

    #[test]
    fn a_process_left_behind_does_not_hold_us() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 20 & echo done"]);
        let finished = run_logged("a shell", &mut command, &folder.path().join("log")).unwrap();
        assert!(finished.success && finished.time < Duration::from_secs(10), "{finished:?}");
    }

    #[test]
    fn the_tail_is_the_end() {
        let mut output: String = (0..100).map(|line| format!("line {line}\n")).collect();
        output.push_str("    Checking syn v3.0.10\n");
        let finished = Finished { success: false, output, log: "x.log".into(), time: Duration::ZERO };
        assert!(finished.tail().contains("line 99") && finished.tail().contains("line 70"));
        assert!(!finished.tail().contains("syn"));
        assert!(!finished.tail().contains("line 69") && finished.tail().contains("x.log"));
    }

    #[test]
    fn escapes_are_removed() {
        assert_eq!(without_escapes("\u{1b}[1;32mok\u{1b}[0m done"), "ok done");
    }
}
