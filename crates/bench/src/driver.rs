//! A real desktop process on a virtual display of its own, driven over WebDriver as far as measuring needs it.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::{Value, json};
use ureq::Agent;

/// Two cores have to start two displays and two windows.
const PATIENCE: Duration = Duration::from_secs(60);

/// A desktop process with its driver and display, all ended on drop.
pub(crate) struct Desktop {
    agent: Agent,
    session: String,
    // Dropped in this order: who shows before what is shown on.
    _driver: Process,
    _display: Process,
}

impl Desktop {
    /// Starts the program with everything it writes under `home`.
    pub(crate) fn start(program: &Path, home: &Path, arguments: &[&str]) -> Result<Self> {
        std::fs::create_dir_all(home)?;
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp", "-noreset"]);
        let mut display = Process::start(command.stdout(Stdio::piped()), &home.join("xvfb.log"))?;
        let mut number = String::new();
        let output = display.0.stdout.take().context("Xvfb has no standard output")?;
        BufReader::new(output).read_line(&mut number)?;

        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let driver = Process::start(&mut driver(home, number.trim(), port)?, &home.join("driver.log"))?;
        let agent =
            Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build().new_agent();
        let base = format!("http://127.0.0.1:{port}");
        wait_for("WebKitWebDriver", || Ok(agent.get(format!("{base}/status")).call().ok()))?;
        let options = json!({"binary": program, "args": arguments});
        let wanted = json!({"browserName": "wry", "webkitgtk:browserOptions": options});
        let body = json!({"capabilities": {"alwaysMatch": wanted}});
        let created =
            value_of(agent.post(format!("{base}/session")).send_json(&body)?).context("the window did not open")?;
        let id = created.get("sessionId").and_then(Value::as_str).context("WebDriver named no session")?;
        let session = format!("{base}/session/{id}");
        Ok(Self { agent, session, _driver: driver, _display: display })
    }

    /// Runs the body of a function in the page and answers what it returns.
    pub(crate) fn execute(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        let body = json!({"script": script, "args": arguments});
        value_of(self.agent.post(format!("{}/execute/sync", self.session)).send_json(&body)?)
    }

    /// Waits until the script returns true.
    pub(crate) fn wait_until(&self, what: &str, script: &str) -> Result<()> {
        wait_for(what, || Ok((self.execute(script, &[])? == json!(true)).then_some(())))
    }
}

/// Asks until there is an answer. An error counts as "not yet", because elements come and go while a page renders.
fn wait_for<T>(what: &str, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = match probe() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => String::new(),
            Err(error) => format!("; last error: {error:#}"),
        };
        if Instant::now() >= deadline {
            bail!("waited {} s in vain for {what}{last}", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn driver(home: &Path, display: &str, port: u16) -> Result<Command> {
    // A session as a person has one: a bus, and a keyring that was unlocked by signing in to the computer.
    let session = "printf 'keyring\\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$@\"";
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "sh", "-c", session, "sh", "WebKitWebDriver", &format!("--port={port}")]);
    let folders = [
        ("HOME", ""),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_RUNTIME_DIR", "run"),
    ];
    for (name, folder) in folders {
        let folder = home.join(folder);
        std::fs::create_dir_all(&folder)?;
        command.env(name, folder);
    }
    command
        .env("DISPLAY", format!(":{display}"))
        .env("GDK_BACKEND", "x11")
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stdout(Stdio::null());
    Ok(command)
}

fn value_of(mut answer: ureq::http::Response<ureq::Body>) -> Result<Value> {
    let success = answer.status().is_success();
    let mut body: Value = answer.body_mut().read_json()?;
    let value = body.get_mut("value").map(Value::take).unwrap_or_default();
    if !success {
        bail!("WebDriver: {value}");
    }
    Ok(value)
}

/// A process with all its descendants in one group.
struct Process(Child);

impl Process {
    fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let log = File::create(log)?;
        let child = command.stdin(Stdio::null()).stderr(log).process_group(0).spawn();
        Ok(Self(child.with_context(|| format!("{program} cannot be started; `cargo xtask setup` installs it"))?))
    }

    fn signal(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.0.id()) {
            // Fails only when the group is gone already, which is what we want.
            let _gone = killpg(Pid::from_raw(id), signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal(Signal::SIGKILL);
        if let Err(error) = self.0.wait() {
            eprintln!("a process could not be reaped: {error}");
        }
    }
}
