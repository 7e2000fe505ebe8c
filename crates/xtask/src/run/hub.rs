//! The hub that the demo runs on: the one of another `cargo xtask run`, or one of our own that ends with us.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace::Workspace;

/// What the hub prints before its address when it is ready.
const READY: &str = "cockpit-hub serves at ";
/// How long a hub may take to end in good order, its PostgreSQL included.
const END: Duration = Duration::from_secs(20);

/// A hub that answers.
#[derive(Debug)]
pub(crate) struct Hub {
    url: String,
    /// Only when it is ours to stop.
    process: Option<Child>,
}

impl Hub {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn told(&self) -> String {
        match self.process {
            Some(_) => format!("started at {}; it ends with this command", self.url),
            None => format!("already running at {}", self.url),
        }
    }

    /// Ends the hub if it is ours, in good order.
    pub(crate) fn stop(mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        ask_to_end(&mut process)?;
        let until = Instant::now() + END;
        while process.try_wait()?.is_none() {
            if Instant::now() > until {
                process.kill()?;
                bail!("the hub did not end within {} s and was killed; the next start takes over", END.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Hub {
    /// Reached with a process only when something else failed first.
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take()
            && let Err(error) = ask_to_end(&mut process)
        {
            eprintln!("the hub was left running: {error}");
        }
    }
}

/// The hub of this checkout, if one runs; otherwise a new one.
pub(crate) fn find_or_start(workspace: &Workspace, title: &str) -> Result<Hub> {
    let data = workspace.target("run/hub");
    if let Some(url) = running(&data) {
        return Ok(Hub { url, process: None });
    }
    println!("{title}: preparing; the first time takes half a minute");
    fs::create_dir_all(workspace.target("run"))?;
    let log = workspace.target("run/hub.log");
    let program = workspace.program("cockpit-hub");
    let mut process = Command::new(&program)
        .args(["serve", "--demo", "--port", "0", "--data"])
        .arg(&data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?)
        .spawn()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let output = process.stdout.take().context("the hub has no output")?;
    let mut lines = BufReader::new(output).lines();
    let url = lines.by_ref().map_while(Result::ok).find_map(|line| line.strip_prefix(READY).map(str::to_owned));
    match url {
        Some(url) => Ok(Hub { url, process: Some(process) }),
        None => {
            let status = process.wait()?;
            bail!("The hub did not start ({status}). It said:\n{}", fs::read_to_string(&log).unwrap_or_default())
        }
    }
}

/// The address of the hub that serves `data`, if it answers.
fn running(data: &Path) -> Option<String> {
    let told: Value = serde_json::from_str(&fs::read_to_string(data.join("hub.json")).ok()?).ok()?;
    let url = told.get("url")?.as_str()?.to_owned();
    let address = url.strip_prefix("http://")?.trim_end_matches('/').to_owned();
    let mut stream = TcpStream::connect(&address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = [0u8; 12];
    stream.read_exact(&mut answer).ok()?;
    (&answer == b"HTTP/1.1 200").then_some(url)
}

#[cfg(unix)]
fn ask_to_end(process: &mut Child) -> Result<()> {
    // The standard library can only kill; a hub that is asked stops its PostgreSQL first.
    let asked = Command::new("kill").arg(process.id().to_string()).status().context("kill cannot be started")?;
    if asked.success() { Ok(()) } else { process.kill().context("the hub cannot be stopped") }
}

#[cfg(not(unix))]
fn ask_to_end(process: &mut Child) -> Result<()> {
    // There is no gentle signal for a process without a console; the hub's next start takes its PostgreSQL over.
    process.kill().context("the hub cannot be stopped")
}
