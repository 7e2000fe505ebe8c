//! One running Cockpit, driven through WebKitWebDriver.
//!
//! The protocol is plain HTTP with JSON (W3C WebDriver), so a general HTTP client is all it takes.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use ureq::Agent;

use super::display::Display;
use super::process::{Process, is_alive, send_signal};
use super::{PATIENCE, target_folder, wait_for};

/// The name WebDriver gives to the member that holds an element's reference.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A desktop process with its driver. Dropping it ends both, without ceremony: as a crash would.
pub(crate) struct Desktop {
    label: String,
    agent: Agent,
    session: String,
    profile: PathBuf,
    driver: Process,
}

impl Desktop {
    /// Starts the program on `display`, with everything it writes under `home`, and waits for its main window.
    ///
    /// The profile is `home/profile`: starting again with the same `home` is the same person coming back.
    pub(crate) fn start(label: &str, display: &Display, home: &Path, arguments: &[&str]) -> Result<Self> {
        let profile = home.join("profile");
        let port = free_port()?;
        let driver = start_driver(label, display, home, port)?;
        let agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut desktop = Self { label: label.to_owned(), agent, session: String::new(), profile, driver };
        let base = format!("http://127.0.0.1:{port}");
        wait_for("WebKitWebDriver", PATIENCE, || {
            ensure!(desktop.driver.is_running()?, "it has ended");
            Ok(desktop.agent.get(format!("{base}/status")).call().ok().map(drop))
        })?;

        let profile = desktop.profile.to_string_lossy().into_owned();
        let arguments: Vec<&str> = ["--profile", &profile].into_iter().chain(arguments.iter().copied()).collect();
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "wry",
            "webkitgtk:browserOptions": {"binary": env!("CARGO_BIN_EXE_cockpit"), "args": arguments},
        }}});
        let answer = desktop.agent.post(format!("{base}/session")).send_json(&capabilities)?;
        let created = value_of(answer).context("the window did not open")?;
        let id = created.get("sessionId").and_then(Value::as_str).context("WebDriver named no session")?;
        desktop.session = format!("{base}/session/{id}");
        Ok(desktop)
    }

    /// The name that tells this desktop from others in messages and logs.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The title of the page, which is not the title of the window: for that one ask the display.
    pub(crate) fn title(&self) -> Result<String> {
        text(self.get("title")?)
    }

    /// The address of the page.
    pub(crate) fn url(&self) -> Result<String> {
        text(self.get("url")?)
    }

    /// Runs the body of a function in the page and answers what it returns.
    pub(crate) fn execute(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        self.post("execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// Runs the body of an asynchronous function in the page and answers what it returns in the end.
    pub(crate) fn execute_async(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
            (async () => {{ {script} }})().then(value => done({{ value }}), error => done({{ error: String(error) }}))"
        );
        let mut answer = self.post("execute/async", &json!({"script": script, "args": arguments}))?;
        if let Some(error) = answer.get("error") {
            bail!("the script in the page failed: {error}");
        }
        Ok(answer.get_mut("value").map(Value::take).unwrap_or_default())
    }

    /// The windows of the process, which [`Desktop::switch_to`] takes.
    pub(crate) fn windows(&self) -> Result<Vec<String>> {
        Ok(serde_json::from_value(self.get("window/handles")?)?)
    }

    /// What follows is about that window.
    pub(crate) fn switch_to(&self, window: &str) -> Result<()> {
        self.post("window", &json!({"handle": window})).map(drop)
    }

    /// Loads the page of the window anew and waits until it shows something.
    pub(crate) fn reload(&self) -> Result<()> {
        self.post("refresh", &json!({}))?;
        self.wait_until_loaded()
    }

    /// Whether an element matches the CSS selector now.
    pub(crate) fn exists(&self, css: &str) -> Result<bool> {
        Ok(self.execute("return document.querySelector(arguments[0]) !== null", &[json!(css)])? == json!(true))
    }

    /// What is written in the first element that matches.
    pub(crate) fn text(&self, css: &str) -> Result<String> {
        text(self.get(&format!("element/{}/text", self.find(css)?))?)
    }

    /// What is written in every element that matches.
    pub(crate) fn texts(&self, css: &str) -> Result<Vec<String>> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())";
        Ok(serde_json::from_value(self.execute(script, &[json!(css)])?)?)
    }

    /// Clicks the element that matches, as soon as there is one that takes a click.
    pub(crate) fn click(&self, css: &str) -> Result<()> {
        wait_for(&format!("a click on {css} in {}", self.label), PATIENCE, || {
            self.post(&format!("element/{}/click", self.find(css)?), &json!({})).map(Some)
        })?;
        Ok(())
    }

    /// Types into the element that matches, as soon as there is one. Characters outside the basic plane are lost by
    /// the driver; [`Desktop::execute`] can set those.
    pub(crate) fn type_text(&self, css: &str, typed: &str) -> Result<()> {
        let element = wait_for(&format!("{css} in {}", self.label), PATIENCE, || self.find(css).map(Some))?;
        self.post(&format!("element/{element}/value"), &json!({"text": typed}))?;
        Ok(())
    }

    /// Presses and releases keys together on whatever has the focus, such as `&["\u{E009}", "z"]` for Ctrl+Z.
    pub(crate) fn press(&self, keys: &[&str]) -> Result<()> {
        let down = keys.iter().map(|key| json!({"type": "keyDown", "value": key}));
        let up = keys.iter().rev().map(|key| json!({"type": "keyUp", "value": key}));
        let actions: Vec<Value> = down.chain(up).collect();
        self.post("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}))?;
        Ok(())
    }

    /// Waits until the script returns something that is neither false nor null, and answers that.
    pub(crate) fn wait_until(&self, what: &str, script: &str, arguments: &[Value]) -> Result<Value> {
        wait_for(&format!("{what} in {}", self.label), PATIENCE, || {
            let value = self.execute(script, arguments)?;
            Ok((!value.is_null() && value != json!(false)).then_some(value))
        })
    }

    /// Waits until the page has rendered its first content.
    pub(crate) fn wait_until_loaded(&self) -> Result<()> {
        let script = "return document.readyState === 'complete'
            && (document.querySelector('#root')?.childElementCount > 0 || document.querySelector('#placeholder') !== null)";
        self.wait_until("the page", script, &[]).map(drop)
    }

    /// Waits until what the page has rendered so far is on the screen, then writes the whole display to
    /// `target/shots/<name>.png`.
    pub(crate) fn screenshot(&self, display: &Display, name: &str) -> Result<PathBuf> {
        // A frame that was asked for in a frame comes after the first one was presented.
        let script = "const painted = () => new Promise(requestAnimationFrame);
            for (let frame = 0; frame < 3; frame += 1) await painted();";
        self.execute_async(script, &[])?;
        display.screenshot(name)
    }

    /// The number of the process, as it wrote it beside the lock of its profile.
    pub(crate) fn process_id(&self) -> Result<u32> {
        Ok(fs::read_to_string(self.profile.join("profile.lock"))?.trim().parse()?)
    }

    /// Kills the process as a crash or a power cut would, and waits until it is gone.
    pub(crate) fn kill(self) -> Result<()> {
        let id = self.process_id()?;
        send_signal(id, Signal::SIGKILL)?;
        wait_for("the killed process to end", PATIENCE, || Ok((!is_alive(id)).then_some(())))
    }

    /// Closes the main window as a person does, and waits until the process has ended by itself.
    pub(crate) fn close(self, display: &Display) -> Result<()> {
        let id = self.process_id()?;
        ensure!(is_alive(id), "the process {id} has ended before its window was closed");
        display.close_window("Cockpit")?;
        wait_for("the process to end", PATIENCE, || Ok((!is_alive(id)).then_some(())))
    }

    fn find(&self, css: &str) -> Result<String> {
        let found = self.post("element", &json!({"using": "css selector", "value": css}))?;
        found.get(ELEMENT).and_then(Value::as_str).map(str::to_owned).context("WebDriver named no element")
    }

    fn get(&self, path: &str) -> Result<Value> {
        value_of(self.agent.get(format!("{}/{path}", self.session)).call()?)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        value_of(self.agent.post(format!("{}/{path}", self.session)).send_json(body)?)
    }
}

fn start_driver(label: &str, display: &Display, home: &Path, port: u16) -> Result<Process> {
    // A session as a person has one: a bus, and a keyring that was unlocked by signing in to the computer.
    let session = "printf 'keyring\\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec \"$@\"";
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "sh", "-c", session, "sh", "WebKitWebDriver", &format!("--port={port}")]);
    for (name, folder) in [
        ("HOME", ""),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_RUNTIME_DIR", "run"),
    ] {
        let folder = home.join(folder);
        fs::create_dir_all(&folder)?;
        command.env(name, folder);
    }
    command
        .env("DISPLAY", display.name())
        .env("GDK_BACKEND", "x11")
        .env("TAURI_WEBVIEW_AUTOMATION", "true")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stdout(Stdio::null());
    Process::start(&mut command, &target_folder().join("e2e").join(format!("{label}.log")))
}

/// A port nobody listens on now. The driver takes no port 0, so there is a small gap in which another may take it;
/// then the driver ends and the test says so.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn value_of(mut answer: ureq::http::Response<ureq::Body>) -> Result<Value> {
    let status = answer.status();
    let mut body: Value = answer.body_mut().read_json()?;
    let value = body.get_mut("value").map(Value::take).unwrap_or_default();
    if !status.is_success() {
        let member = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        bail!("WebDriver: {} {}", member("error"), member("message"));
    }
    Ok(value)
}

fn text(value: Value) -> Result<String> {
    value.as_str().map(str::to_owned).context("WebDriver answered no text")
}
