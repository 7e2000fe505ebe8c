//! Plays one recording, line by line.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    compare::compare,
    connection::{Connection, Opening, open},
    differences::Table,
    item::{Item, cut_length, uuids},
    line::{Content, Direction, Line, lines},
    script::{ONE_JOIN_TICK, Script},
    token::{Mint, now},
};

/// The hub that is played against.
pub(crate) struct Stage {
    pub(crate) url: String,
    pub(crate) started: Instant,
    pub(crate) mint: Mint,
    pub(crate) owner: tokio_postgres::Client,
    pub(crate) http: reqwest::Client,
}

/// What came of a recording.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Items that came from both servers.
    pub(crate) equal: usize,
    pub(crate) listed: usize,
    pub(crate) unlisted: Vec<String>,
}

pub(crate) struct Player<'a> {
    pub(super) stage: &'a Stage,
    pub(super) script: Script<'a>,
    table: &'a Table,
    kept: Arc<Vec<String>>,
    openings: HashMap<String, (Opening, u8)>,
    connections: HashMap<String, Connection>,
    /// Connections that the client ended.
    left: Vec<String>,
    real: HashMap<String, Vec<Item>>,
    hub: HashMap<String, Vec<Item>>,
}

/// Plays the recording and compares.
pub(crate) async fn play(stage: &Stage, recording: &str, table: &Table) -> Outcome {
    let lines = lines(recording);
    let said = lines.iter().filter(|line| line.dir == Direction::Send).flat_map(|line| uuids(line.text())).collect();
    let mut player = Player {
        stage,
        script: Script(recording),
        table,
        kept: Arc::new(said),
        openings: HashMap::new(),
        connections: HashMap::new(),
        left: Vec::new(),
        real: HashMap::new(),
        hub: HashMap::new(),
    };
    let started = Instant::now();
    for line in &lines {
        if let Some(pace) = player.script.pace() {
            tokio::time::sleep_until((started + line.at().div_f64(pace)).into()).await;
        }
        match line.dir {
            Direction::Send => player.send(line).await,
            Direction::Recv if line.conn == "rest" => player.rest_answered(line).await,
            Direction::Recv => player.received(line).await,
            Direction::Note if line.conn == "-" => player.noted(line.text()).await,
            Direction::Note => player.happened(&line.conn, line.text()).await,
        }
    }
    player.finish().await
}

impl Player<'_> {
    async fn send(&mut self, line: &Line) {
        if !self.connections.contains_key(&line.conn) {
            // Through the recorder's proxy, which told nothing of the handshake.
            let key = self.stage.mint.sign(&json!({ "role": "anon", "exp": now() + 3_600 }));
            self.connect(&line.conn, &format!("/socket/websocket?apikey={key}&vsn=1.0.0"));
            self.opened(&line.conn).await;
        }
        let message = match line.content() {
            Content::Binary(bytes) => Message::binary(bytes),
            Content::Text(text) => {
                let text = self.stage.mint.fill(&rebuilt(&since_now(&text)), &self.script, &line.conn, false);
                Message::text(text)
            }
        };
        if let Some(connection) = self.connections.get_mut(&line.conn) {
            connection.send(message).await;
        }
    }

    async fn received(&mut self, line: &Line) {
        if self.script.letter() == "l2" && line.text().contains("\"ref\":\"2\"") && line.conn == "A" {
            self.send_400_each().await;
        }
        let item = Item::frame(&line.content(), &self.kept);
        self.expect(&line.conn, item).await;
    }

    /// Waits for what the real server did, unless the hub is known not to.
    async fn expect(&mut self, name: &str, item: Item) {
        let known = self.table.expects_missing(self.script.0, name, &item.kind);
        if let Some(connection) = self.connections.get_mut(name).filter(|_| !known) {
            connection.wait_for(&item).await;
        }
        self.real.entry(name.to_owned()).or_default().push(item);
    }

    /// A note about one connection.
    async fn happened(&mut self, name: &str, note: &str) {
        let (word, rest) = note.split_once(' ').unwrap_or((note, ""));
        match word {
            "CONNECT" => {
                let target = rest.split(' ').next().unwrap();
                self.connect(name, target);
            }
            "OPEN" => self.opened(name).await,
            "HTTP" => self.refused(name, rest).await,
            "WS" => self.connections.get_mut(name).unwrap().ping().await,
            "CLOSE" if self.connections.contains_key(name) && !self.left.iter().any(|left| left == name) => {
                let code = rest.trim_start_matches("code=").split(' ').next().unwrap().parse().unwrap();
                match code {
                    1005 => self.close(name, None).await,
                    code => self.expect(name, Item::closed(code)).await,
                }
            }
            _ => {}
        }
    }

    fn connect(&mut self, name: &str, target: &str) {
        let key = match self.script.key_length(name) {
            Some(length) => self.stage.mint.long(length),
            None => self.stage.mint.sign(&json!({ "role": "anon", "exp": now() + 3_600 })),
        };
        let target = target.replace("<long", "JWT-LONG").replace("JWT-LONG", &key);
        let target = self.stage.mint.fill(&target, &self.script, name, true);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        // The real server's own path is the hub's hosted one; the other way about where the recorder tried the wrong one.
        let path = match path {
            "/realtime/v1/websocket" => "/socket/websocket",
            _ => "/realtime/v1/websocket",
        };
        let version = if query.contains("vsn=2") { 2 } else { 1 };
        let url = format!("{}{path}?{query}", self.stage.url.replacen("http", "ws", 1));
        self.openings.insert(name.to_owned(), (open(url, self.script.headers(name, key)), version));
    }

    async fn opened(&mut self, name: &str) {
        let (opening, version) = self.openings.remove(name).expect("a handshake under way");
        match opening.await.unwrap() {
            Ok(stream) => {
                let mut connection = Connection::new(stream, version, self.kept.clone());
                if name == "fragmented" {
                    in_two_parts(&mut connection).await;
                }
                self.connections.insert(name.to_owned(), connection);
            }
            Err(error) => self.hub.entry(name.to_owned()).or_default().push(refusal(error)),
        }
    }

    async fn refused(&mut self, name: &str, note: &str) {
        let (status, body) = (note.split(' ').next().unwrap(), note.split_once(" body=").unwrap().1);
        let real = Item::http(status.parse().unwrap(), body);
        self.real.entry(name.to_owned()).or_default().push(real);
        let (opening, version) = self.openings.remove(name).expect("a handshake under way");
        match opening.await.unwrap() {
            Err(error) => self.hub.entry(name.to_owned()).or_default().push(refusal(error)),
            Ok(stream) => {
                self.hub.entry(name.to_owned()).or_default().push(Item::http(101, ""));
                self.connections.insert(name.to_owned(), Connection::new(stream, version, self.kept.clone()));
            }
        }
    }

    /// Lets everybody hear what is on its way, then closes one connection.
    pub(super) async fn close(&mut self, name: &str, code: Option<u16>) {
        self.barrier().await;
        self.left.push(name.to_owned());
        self.connections.get_mut(name).unwrap().close(code).await;
    }

    pub(super) async fn destroy(&mut self, name: &str) {
        let connection = self.connections.remove(name).unwrap();
        let items = connection.destroy().await;
        self.hub.entry(name.to_owned()).or_default().extend(items);
    }

    pub(super) async fn barrier(&mut self) {
        // Once for all to have been read, and once for what came of it to have been heard.
        for _ in 0..2 {
            for (name, connection) in &mut self.connections {
                if !self.script.is_silent(name) && !self.left.contains(name) {
                    connection.barrier().await;
                }
            }
        }
    }

    /// Sends a broadcast of ours, as the recorder did without recording it.
    pub(super) async fn push(&mut self, name: &str, text: String) {
        self.connections.get_mut(name).unwrap().send(Message::text(text)).await;
    }

    /// What a connection has heard so far.
    pub(super) fn heard(&self, name: &str) -> Vec<Item> {
        self.connections.get(name).map(Connection::items).unwrap_or_default()
    }

    pub(super) fn is_open(&self, name: &str) -> bool {
        self.connections.get(name).is_some_and(Connection::is_open)
    }

    pub(super) fn rest_item(&mut self, item: Item) {
        self.hub.entry("rest".to_owned()).or_default().push(item);
    }

    async fn rest_answered(&mut self, line: &Line) {
        let answer: Value = serde_json::from_str(line.text()).unwrap();
        let status = answer["http"].as_u64().unwrap();
        let item = Item::http(u16::try_from(status).unwrap(), answer["body"].as_str().unwrap());
        self.real.entry("rest".to_owned()).or_default().push(item);
        if self.script.letter() == "g2a" {
            self.ask_rate().await;
        }
    }

    pub(super) async fn wait_for_tick(&self) {
        let over = self.stage.started + ONE_JOIN_TICK + Duration::from_millis(100);
        assert!(Instant::now() < over, "the machine was too slow: the joins did not fall into one tick");
        tokio::time::sleep_until(over.into()).await;
    }

    async fn finish(mut self) -> Outcome {
        self.barrier().await;
        for (name, mut connection) in self.connections.drain() {
            if !self.left.contains(&name) && connection.is_open() {
                connection.close(None).await;
            }
            self.hub.entry(name).or_default().extend(connection.items());
        }
        let mut outcome = Outcome::default();
        let mut names: Vec<String> = self.real.keys().chain(self.hub.keys()).cloned().collect();
        names.sort();
        names.dedup();
        for name in names {
            let kept = |items: Option<Vec<Item>>| -> Vec<Item> {
                items.unwrap_or_default().into_iter().filter(|item| !self.script.leaves_out(&name, item)).collect()
            };
            let (real, hub) = (kept(self.real.remove(&name)), kept(self.hub.remove(&name)));
            let (equal, differences) = compare(&real, &hub);
            outcome.equal += equal;
            for (side, item) in differences {
                if self.table.allows(self.script.0, &name, side, &item.kind) {
                    outcome.listed += 1;
                } else {
                    let what = format!("{} | {name} | {side:?} | {} | {}", self.script.0, item.kind, item.body);
                    outcome.unlisted.push(what);
                }
            }
        }
        outcome
    }
}

fn refusal(error: tungstenite::Error) -> Item {
    match error {
        tungstenite::Error::Http(response) => {
            let body = String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned();
            Item::http(response.status().as_u16(), &body)
        }
        error => Item::http(0, &error.to_string()),
    }
}

/// What the recorder cut: `…xxx...[100090 chars]`, all of whose rest was one letter.
fn rebuilt(text: &str) -> String {
    let Some(length) = cut_length(text) else { return text.to_owned() };
    let (start, end) = (text.rsplit_once("...[").unwrap().0, "\"}}]");
    format!("{start}{}{end}", "x".repeat(length - start.len() - end.len()))
}

/// A replay's `since` is as long ago as it was then.
fn since_now(text: &str) -> String {
    let number_after = |marker: &str| {
        let digits: String = text.split_once(marker)?.1.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<i64>().ok().filter(|number| *number > 0)
    };
    match (number_after("\"since\":"), number_after("iat=")) {
        (Some(since), Some(then)) => {
            text.replace(&since.to_string(), &(now() * 1_000 - (then * 1_000 - since)).to_string())
        }
        _ => text.to_owned(),
    }
}

/// A heartbeat whose text comes in two frames of the websocket.
async fn in_two_parts(connection: &mut Connection) {
    use tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };
    let (one, two) = (r#"{"topic":"phoenix","event":"heart"#, r#"beat","payload":{},"ref":"77"}"#);
    connection.send(Message::Frame(Frame::message(one, OpCode::Data(Data::Text), false))).await;
    connection.send(Message::Frame(Frame::message(two, OpCode::Data(Data::Continue), true))).await;
}
