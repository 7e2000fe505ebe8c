//! A hub as a process of its own, so that it can be killed as a power cut would and started again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use ureq::Agent;

use super::process::{Process, is_alive, send_signal};
use super::{PATIENCE, target_folder, wait_for};

/// The password of everybody in the demo workspace.
pub(crate) const PASSWORD: &str = "cockpit-demo";

/// How long a hub may take to stop its PostgreSQL in good order.
const STOP: Duration = Duration::from_secs(20);

/// A hub with the demo workspace on a port of 127.0.0.1 that stays the same over restarts.
pub(crate) struct Hub {
    label: String,
    data: PathBuf,
    url: String,
    starts: u32,
    agent: Agent,
    /// None while it is killed.
    process: Option<Process>,
}

impl Hub {
    /// Starts a hub on a free port with `tasks` demo tasks and its data in `home/hub`.
    pub(crate) fn start(label: &str, home: &Path, tasks: usize) -> Result<Self> {
        let agent = Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).build().new_agent();
        let (label, data) = (label.to_owned(), home.join("hub"));
        let mut hub = Self { label, data, url: String::new(), starts: 0, agent, process: None };
        hub.url = hub.run(&["--port", "0", "--demo", "--tasks", &tasks.to_string()])?;
        Ok(hub)
    }

    /// Where it serves.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Kills the hub, and only the hub: its PostgreSQL is left behind, as after a real crash.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.take().context("the hub is not running")?.kill_alone()
    }

    /// Starts it again at the same place with the same data.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        let port = self.url.rsplit(':').next().unwrap_or_default().to_owned();
        let url = self.run(&["--port", &port])?;
        ensure!(url == self.url, "the hub serves at {url} and not at {} as before", self.url);
        Ok(())
    }

    /// Rows of a table as this person may see them; `query` is PostgREST's.
    pub(crate) fn rows(&self, email: &str, table: &str, query: &str) -> Result<Vec<Value>> {
        let session = self.sign_in(email)?;
        let address = format!("{}/rest/v1/{table}?{query}", self.url);
        let mut answer = session.apply(self.agent.get(address)).call()?;
        Ok(answer.body_mut().read_json()?)
    }

    /// Every change of the log that this person may see, from its beginning.
    pub(crate) fn log(&self, email: &str) -> Result<Vec<Value>> {
        let session = self.sign_in(email)?;
        let call = |function: &str, arguments: Value| -> Result<Value> {
            let address = format!("{}/rest/v1/rpc/{function}", self.url);
            Ok(session.apply(self.agent.post(address)).send_json(arguments)?.body_mut().read_json()?)
        };
        let member = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
        let mut log = Vec::new();
        for scope in list(&call("my_workspaces", json!({}))?, "/0/scopes")? {
            let (mut seq, mut mark) = (json!(0), Value::Null);
            loop {
                let cursor = json!({"scope": member(&scope, "scope"), "epoch": member(&scope, "epoch"), "seq": seq, "mark": mark});
                let answer = call("sync_pull", json!({"p_cursors": [cursor]}))?;
                let page = list(&answer, "/scopes/0/changes")?;
                if let Some(last) = page.last() {
                    (seq, mark) = (member(last, "seq"), member(last, "mark"));
                }
                log.extend(page);
                if answer.pointer("/scopes/0/more") != Some(&json!(true)) {
                    break;
                }
            }
        }
        Ok(log)
    }

    fn sign_in(&self, email: &str) -> Result<Session> {
        let mut info = self.agent.get(format!("{}/hub/v1/info", self.url)).call()?;
        let info: Value = info.body_mut().read_json()?;
        let key = info.get("anon_key").and_then(Value::as_str).context("the hub tells no key")?.to_owned();
        let address = format!("{}/auth/v1/token?grant_type=password", self.url);
        let mut answer =
            self.agent.post(address).header("apikey", &key).send_json(json!({"email": email, "password": PASSWORD}))?;
        let session: Value = answer.body_mut().read_json()?;
        let token = session.get("access_token").and_then(Value::as_str).context("the hub gives no token")?;
        Ok(Session { key, token: token.to_owned() })
    }

    /// Starts the program and answers the address that it says it serves at.
    fn run(&mut self, arguments: &[&str]) -> Result<String> {
        self.starts += 1;
        let program = Path::new(env!("CARGO_BIN_EXE_cockpit")).with_file_name("cockpit-hub");
        ensure!(program.exists(), "{} is missing: run `cargo build -p cockpit-hub` first", program.display());
        let log = target_folder().join("e2e").join(format!("{}-hub-{}.log", self.label, self.starts));
        let mut command = Command::new(program);
        command.arg("serve").arg("--data").arg(&self.data).args(arguments).stdout(Stdio::piped());
        let mut process = Process::start(&mut command, &log)?;
        let output = process.stdout().context("the hub has no standard output")?;
        self.process = Some(process);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let url = line.trim().strip_prefix("cockpit-hub serves at ").map(str::to_owned);
        url.with_context(|| format!("the hub did not start; see {}", log.display()))
    }

    fn postgres_id(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data.join("pg/data/postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.end(STOP);
        }
        // Left behind when the hub was killed and a failing test did not start it again.
        if let Some(id) = self.postgres_id()
            && send_signal(id, Signal::SIGQUIT).is_ok()
            && let Err(error) = wait_for("PostgreSQL to end", PATIENCE, || Ok((!is_alive(id)).then_some(())))
        {
            eprintln!("{error:#}");
        }
    }
}

/// What the hub asks for in every request of somebody who is signed in.
struct Session {
    key: String,
    token: String,
}

impl Session {
    fn apply<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        request.header("apikey", &self.key).header("Authorization", format!("Bearer {}", self.token))
    }
}

fn list(value: &Value, pointer: &str) -> Result<Vec<Value>> {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found.cloned().with_context(|| format!("{pointer} is no list in {value}"))
}
