//! `tests/official/realtime.mjs` in a process of its own. It is killed when the test ends, however that happens.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::PATIENCE;

pub(crate) struct Official {
    _child: Child,
    commands: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    /// Heard and not yet asked for, oldest first.
    heard: Vec<Value>,
    /// What it wrote to standard error, to be told when something fails.
    complaints: Arc<Mutex<String>>,
    next: u64,
}

impl Official {
    /// Starts the library; without a version it takes its own.
    pub(crate) async fn open(url: &str, key: &str, version: Option<&str>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let installed = root.join("tools/node_modules/@supabase/supabase-js/package.json");
        let websocket = root.join("tools/node_modules/ws/package.json");
        assert!(
            installed.exists() && websocket.exists(),
            "the official client is not installed: run `cargo xtask setup`, or `npm ci` in the folder tools"
        );
        let script: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "official", "realtime.mjs"].iter().collect();
        let mut child = Command::new("node")
            .arg("--no-warnings")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js 20.19 or newer is on the PATH");
        let complaints = Arc::new(Mutex::new(String::new()));
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let written = complaints.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                *written.lock().unwrap() += &format!("{line}\n");
            }
        });
        let mut official = Self {
            commands: child.stdin.take().unwrap(),
            lines: BufReader::new(child.stdout.take().unwrap()).lines(),
            _child: child,
            heard: Vec::new(),
            complaints,
            next: 0,
        };
        let opened = official.ask("open", json!({ "url": url, "key": key, "vsn": version })).await;
        assert_eq!(opened["vsn"], version.unwrap_or("2.0.0"), "the version of the protocol, by default the newest");
        official
    }

    /// Gives a command and answers what came of it, which must be good.
    pub(crate) async fn ask(&mut self, name: &str, arguments: Value) -> Value {
        match self.try_ask(name, arguments).await {
            Ok(answer) => answer,
            Err(error) => panic!("the official client could not {name}: {error}\n{}", self.complaints.lock().unwrap()),
        }
    }

    pub(crate) async fn try_ask(&mut self, name: &str, mut arguments: Value) -> Result<Value, String> {
        self.next += 1;
        let id = self.next;
        arguments["id"] = json!(id);
        arguments["do"] = json!(name);
        self.commands.write_all(format!("{arguments}\n").as_bytes()).await.expect("the official client takes commands");
        loop {
            let line = self.line(&format!("the answer to {name}")).await;
            if line["id"] == id {
                return match line["error"].as_str() {
                    Some(error) => Err(error.to_owned()),
                    None => Ok(line["ok"].clone()),
                };
            }
            self.heard.push(line);
        }
    }

    /// Waits until something was or is heard for which `wanted` answers yes, and forgets what was heard before it.
    pub(crate) async fn hears(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.heard.iter().position(&wanted) {
            return self.heard.drain(..=at).next_back().unwrap();
        }
        loop {
            let line = self.line(what).await;
            if wanted(&line) {
                self.heard.clear();
                return line;
            }
            self.heard.push(line);
        }
    }

    /// The next broadcast of this event, whatever else is heard before.
    pub(crate) async fn hears_event(&mut self, event: &str) -> Value {
        self.hears(&format!("the broadcast {event}"), |line| line["heard"] == "broadcast" && line["event"] == event)
            .await
    }

    async fn line(&mut self, what: &str) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let trouble = |why: &str| -> ! {
            panic!(
                "while waiting for {what}: {why}; heard meanwhile: {:#?}; it wrote:\n{}",
                self.heard,
                self.complaints.lock().unwrap()
            )
        };
        match line {
            Err(_) => trouble("the official client said nothing for a minute"),
            Ok(Ok(Some(line))) => match serde_json::from_str(&line) {
                Ok(line) => line,
                Err(_) => trouble(&format!("it wrote something else than the protocol: {line}")),
            },
            Ok(Ok(None)) => trouble("the official client ended"),
            Ok(Err(error)) => trouble(&error.to_string()),
        }
    }
}
