//! The program: the first account, the people, the invitations, the mails.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::http_support::{answer, http_client};

pub(crate) const PASSWORD: &str = "longer than six";

/// A command of the program, over a folder.
pub(crate) fn hub_command(data: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cockpit-hub"))
        .args(arguments)
        .arg("--data")
        .arg(data)
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn says(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refuses(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "one clear sentence: {text}");
    text
}

/// A hub that serves in a process of its own; killed when the test fails.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
    pub(crate) key: String,
}

impl Process {
    pub(crate) fn serve(data: &Path, arguments: &[&str], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cockpit-hub"))
            .args(["serve", "--port", "0", "--data"])
            .arg(data)
            .args(arguments)
            .env("RUST_LOG", "debug")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url =
            line.trim().strip_prefix("cockpit-hub serves at ").expect("the line that says it is ready").to_owned();
        let file: Value = serde_json::from_slice(&std::fs::read(data.join("hub.json")).unwrap()).unwrap();
        Self { child, url, key: file["anon_key"].as_str().unwrap().to_owned() }
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: Value) -> (StatusCode, Value) {
        let request = http_client().post(format!("{}{path}", self.url)).header("apikey", &self.key);
        answer(request.bearer_auth(token.unwrap_or(&self.key)).json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> (StatusCode, Value) {
        self.post("/auth/v1/token?grant_type=password", None, json!({ "email": email, "password": password })).await
    }

    pub(crate) fn stop(&mut self) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGTERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when the process has ended already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn init_makes_the_first_account_and_its_workspace_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/hub");
    let weak = hub_command(&data, &["init", "ada@cockpit.test"], "short\n");
    assert!(refuses(&weak).contains("at least 6 characters"));
    let bad = hub_command(&data, &["init", "ada@cockpit.test", "--workspace", " "], "longer than six\n");
    assert!(refuses(&bad).contains("workspace"), "a refused workspace leaves no half of it");
    let line = format!("{PASSWORD}\n");
    let made =
        says(&hub_command(&data, &["init", "ada@cockpit.test", "--workspace", "Studio Öst", "--name", "Ada"], &line));
    assert!(made.contains("ada@cockpit.test can sign in now") && made.contains("Next: start the hub with"), "{made}");
    let again = hub_command(&data, &["init", "eve@cockpit.test"], &line);
    assert!(refuses(&again).contains("has an account already"));

    let mut hub = Process::serve(&data, &[], Stdio::null());
    let (status, session) = hub.sign_in("ada@cockpit.test", PASSWORD).await;
    assert_eq!(status, StatusCode::OK);
    let token = session["access_token"].as_str();
    let (_, workspaces) = hub.post("/rest/v1/rpc/my_workspaces", token, json!({})).await;
    assert_eq!((&workspaces[0]["name"], &workspaces[0]["role"]), (&json!("Studio Öst"), &json!("owner")));

    // A person is invited into the running hub, and finds the mail.
    assert!(says(&hub_command(&data, &["mail"], "")).contains("no mails"));
    assert!(refuses(&hub_command(&data, &["invite", "ada@cockpit.test"], "")).contains("already an account"));
    says(&hub_command(&data, &["invite", "Ben@Cockpit.test"], ""));
    let list = says(&hub_command(&data, &["user", "list"], ""));
    assert!(list.contains("ben@cockpit.test\tinvited\tnever"), "{list}");
    let shown = says(&hub_command(&data, &["mail", "--last"], ""));
    let mail: Value =
        serde_json::from_str(&says(&hub_command(&data, &["mail", "--json", "--to", "ben@cockpit.test"], ""))).unwrap();
    assert_eq!((&mail["type"], &mail["state"]), (&json!("invite"), &json!("kept")));
    let code = mail["code"].as_str().unwrap();
    assert!(shown.contains(code) && shown.contains(&format!("{}/auth/v1/verify?token=", hub.url)), "{shown}");
    let verify = json!({ "type": "invite", "email": "ben@cockpit.test", "token": code });
    let (status, session) = hub.post("/auth/v1/verify", None, verify).await;
    assert_eq!(status, StatusCode::OK, "{session}");
    assert!(session["user"]["invited_at"].is_string());
    hub.stop();
}

#[tokio::test]
async fn people_are_listed_disabled_given_passwords_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("hub");
    let line = format!("{PASSWORD}\n");
    says(&hub_command(&data, &["init", "ada@cockpit.test", "--workspace", "Studio"], &line));
    let mut hub = Process::serve(&data, &["--open"], Stdio::null());
    says(&hub_command(&data, &["user", "add", "ben@cockpit.test"], &line));
    let (_, session) = hub.sign_in("ben@cockpit.test", PASSWORD).await;
    let refresh = json!({ "refresh_token": session["refresh_token"] });

    says(&hub_command(&data, &["user", "disable", "ben@cockpit.test"], ""));
    let list = says(&hub_command(&data, &["user", "list"], ""));
    assert!(
        list.contains("ada@cockpit.test\tactive\tnever") && list.contains("ben@cockpit.test\tdisabled\t2"),
        "{list}"
    );
    let (status, body) = hub.sign_in("ben@cockpit.test", PASSWORD).await;
    assert_eq!((status, &body["error_code"]), (StatusCode::BAD_REQUEST, &json!("user_banned")));
    let (_, body) = hub.post("/auth/v1/token?grant_type=refresh_token", None, refresh.clone()).await;
    assert_eq!(body["error_code"], "user_banned");
    says(&hub_command(&data, &["user", "enable", "ben@cockpit.test"], ""));
    let (status, session) = hub.post("/auth/v1/token?grant_type=refresh_token", None, refresh).await;
    assert_eq!(status, StatusCode::OK, "{session}");

    says(&hub_command(&data, &["user", "reset-password", "ben@cockpit.test"], "a new password\n"));
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let (_, body) = hub.post("/auth/v1/token?grant_type=refresh_token", None, refresh).await;
    assert_eq!(body["error_code"], "refresh_token_not_found", "all sessions have ended");
    assert_eq!(hub.sign_in("ben@cockpit.test", "a new password").await.0, StatusCode::OK);

    let sole = refuses(&hub_command(&data, &["user", "remove", "ada@cockpit.test"], ""));
    assert!(sole.contains("only owner"), "{sole}");
    says(&hub_command(&data, &["user", "remove", "ben@cockpit.test"], ""));
    assert_eq!(hub.sign_in("ben@cockpit.test", "a new password").await.0, StatusCode::BAD_REQUEST);
    for action in ["remove", "disable", "enable"] {
        assert!(refuses(&hub_command(&data, &["user", action, "ben@cockpit.test"], "")).contains("no account for"));
    }
    hub.stop();
}

#[test]
fn a_mail_server_that_makes_no_sense_keeps_the_hub_from_starting_without_showing_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, says) in [
        (["serve", "--smtp", "smtp://ada:hunter2hunter2@mail.example.com"], "would be sent unencrypted"),
        (["serve", "--smtp", "http://ada:hunter2hunter2@mail.example.com"], "is not understood"),
        (["serve", "--public-url", "cockpit"], "--public-url"),
    ] {
        let text = refuses(&hub_command(folder.path(), &arguments, ""));
        assert!(text.contains(says) && !text.contains("hunter2"), "{text}");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_cockpit-hub")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("development, tests and a team in one room") && help.contains("Supabase"), "{help}");
}
