//! The program itself: its life cycle, what it leaves behind, and what it says when it cannot start.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use http_support::http_client;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A hub that serves in a process of its own; killed when the test fails.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(data: &Path) -> Self {
        Self::spawn(command(data, "0"))
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url =
            line.trim().strip_prefix("cockpit-hub serves at ").expect("the line that says it is ready").to_owned();
        Self { child, url }
    }

    fn signal(&mut self, signal: Signal) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
        self.child.wait().unwrap().code()
    }

    async fn sign_in(&self, data: &Path, email: &str) -> (StatusCode, Value) {
        let request = http_client().post(format!("{}/auth/v1/token?grant_type=password", self.url));
        let request = request.header("apikey", hub_file(data)["anon_key"].as_str().unwrap());
        let sent = request.json(&json!({ "email": email, "password": "longer than six" })).send().await.unwrap();
        http_support::answer(sent).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when the process has ended already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(data: &Path, port: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cockpit-hub"));
    command.args(["serve", "--port", port, "--data"]).arg(data).env("RUST_LOG", "warn");
    command
}

fn hub_file(data: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(data.join("hub.json")).unwrap()).unwrap()
}

fn add_user(data: &Path, email: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cockpit-hub"))
        .args(["user", "add", email, "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"longer than six\n").unwrap();
    child.wait_with_output().unwrap()
}

fn postmaster(data: &Path) -> PathBuf {
    let file = std::fs::read_to_string(data.join("pg/data/postmaster.pid")).expect("PostgreSQL runs");
    Path::new("/proc").join(file.lines().next().unwrap().trim())
}

fn gone(process: &Path) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while process.exists() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

fn says(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "one clear sentence: {text}");
    text
}

#[tokio::test]
async fn a_killed_hub_is_taken_over_with_its_data_and_a_stopped_one_stops_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("hub");
    let mut first = Process::start(&data);
    let mode = std::fs::metadata(data.join("hub.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(hub_file(&data)["url"], first.url.as_str());

    // A person is added while the hub runs, and can sign in.
    let added = add_user(&data, "eva@cockpit.test");
    assert!(added.status.success(), "{added:?}");
    assert_eq!(first.sign_in(&data, "eva@cockpit.test").await.0, StatusCode::OK);
    assert!(says(&add_user(&data, "eva@cockpit.test")).contains("already an account"));

    let second = command(&data, "0").output().unwrap();
    assert!(says(&second).contains("Another hub already serves"), "{second:?}");

    let key = hub_file(&data)["anon_key"].clone();
    first.signal(Signal::SIGKILL);
    let mut next = Process::start(&data);
    assert_eq!(hub_file(&data)["anon_key"], key, "clients keep their key");
    assert_eq!(next.sign_in(&data, "eva@cockpit.test").await.0, StatusCode::OK);

    let postgres = postmaster(&data);
    assert!(postgres.exists());
    assert_eq!(next.signal(Signal::SIGTERM), Some(0));
    assert!(gone(&postgres), "PostgreSQL stopped with the hub");
    assert!(!data.join("hub.json").exists());

    // And a person can be added while no hub runs.
    assert!(add_user(&data, "mia@cockpit.test").status.success());
    let mut last = Process::start(&data);
    assert_eq!(last.sign_in(&data, "mia@cockpit.test").await.0, StatusCode::OK);
    assert_eq!(last.signal(Signal::SIGINT), Some(0));
}

#[tokio::test]
async fn the_most_talkative_log_holds_no_password_key_or_token() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("hub");
    assert!(add_user(&data, "eva@cockpit.test").status.success());
    let log = folder.path().join("log");
    let mut command = command(&data, "0");
    command.args(["--log", "json"]).env("RUST_LOG", "trace").stderr(std::fs::File::create(&log).unwrap());
    let mut hub = Process::spawn(command);
    let (_, session) = hub.sign_in(&data, "eva@cockpit.test").await;
    let secret = |name: &str| session[name].as_str().unwrap().to_owned();
    let (token, refresh) = (secret("access_token"), secret("refresh_token"));
    let key = hub_file(&data)["anon_key"].as_str().unwrap().to_owned();
    let rpc = http_client().post(format!("{}/rest/v1/rpc/my_workspaces?apikey={key}", hub.url)).bearer_auth(&token);
    assert_eq!(rpc.send().await.unwrap().status(), StatusCode::OK);
    let mut socket = http_support::socket::Socket::open(&hub.url, &key, "2.0.0").await;
    assert_eq!(socket.join("room", false, json!({}), Some(&token)).await["status"], "ok");
    let next = http_client().post(format!("{}/auth/v1/token?grant_type=refresh_token", hub.url)).header("apikey", &key);
    assert_eq!(next.json(&json!({ "refresh_token": refresh })).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(hub.signal(Signal::SIGTERM), Some(0));

    let log = std::fs::read_to_string(&log).unwrap();
    assert!(
        log.contains("signed in or refreshed") && log.contains("a channel was joined"),
        "the log was written: {log}"
    );
    for secret in ["longer than six", &token, &refresh, &key, "$2b$"] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[test]
fn a_hub_whose_postgres_dies_ends_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("hub");
    let mut command = command(&data, "0");
    command.env("RUST_LOG", "off").stderr(Stdio::piped());
    let mut hub = Process::spawn(command);
    let postgres = postmaster(&data);
    let pid = postgres.file_name().unwrap().to_str().unwrap().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    assert_eq!(hub.child.wait().unwrap().code(), Some(1));
    let mut said = String::new();
    hub.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("its PostgreSQL ended. Start it again"), "{said}");
    // Which works.
    let mut next = Process::start(&data);
    assert_eq!(next.signal(Signal::SIGTERM), Some(0));
}

#[test]
fn a_port_in_use_is_named_with_what_to_do_and_nothing_is_left_running() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let data = folder.path().join("hub");
    let refused = command(&data, &port).output().unwrap();
    let text = says(&refused);
    assert!(text.contains(&format!("Port {port} on 127.0.0.1 is already in use")) && text.contains("--port"), "{text}");
    assert!(!data.join("pg/data/postmaster.pid").exists());
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let text = says(&command(&file.join("hub"), "0").output().unwrap());
    assert!(text.contains(&file.join("hub").display().to_string()) && text.contains("--data"), "{text}");
}
