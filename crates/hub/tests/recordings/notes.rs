//! What the notes of a recording say was done besides the sockets: requests, statements, and floods.

use reqwest::header;
use serde_json::{Value, json};

use super::{item::Item, player::Player, token::now};

const PRIVATE: &str = "priv:11111111-1111-4111-8111-111111111111";
const FIRST: &str = "00000001-0000-4000-8000-000000000001";
const SECOND: &str = "00000002-0000-4000-8000-000000000002";
const FLOOD: usize = 5_640;

impl Player<'_> {
    pub(super) async fn noted(&mut self, note: &str) {
        match (self.script.letter(), note) {
            ("a", "client closes") => self.close("c1", Some(1000)).await,
            ("d1", "dave closes the socket (1000)") => self.close("dave", Some(1000)).await,
            ("d1", note) if note.starts_with("alice socket destroyed") => self.destroy("alice").await,
            ("c3", note) => self.request(note).await,
            ("e1", note) => self.private_request(note).await,
            ("e2", "transaction of 3 sends then rollback") => {
                let send =
                    "select realtime.send('{}'::jsonb, 'undone', 'priv:11111111-1111-4111-8111-111111111111', true)";
                self.sql(&format!("begin; {send}; {send}; {send}; rollback")).await;
            }
            // Bytes from the database are not offered, and the table says so.
            ("e2", note) if note.starts_with("select realtime.send_binary") => {}
            ("e2", note)
                if ["select", "create", "insert", "update", "delete"].iter().any(|word| note.starts_with(word)) =>
            {
                self.sql(note).await;
            }
            ("g2a", "sender floods about 300 msg/s") => self.flood().await,
            ("l2", note) if note.starts_with("B received 400/400 of sender") => self.all_400_in_order(note).await,
            ("n1", "one more join on the same socket") => self.wait_for_tick().await,
            _ => {}
        }
    }

    /// Two clients send 400 broadcasts each, which the recorder counted and did not keep.
    pub(super) async fn send_400_each(&mut self) {
        for n in 0..400 {
            for sender in ["A", "D"] {
                let frame = json!({
                    "topic": "realtime:o", "event": "broadcast", "ref": (n + 2).to_string(), "join_ref": "1",
                    "payload": { "type": "broadcast", "event": sender, "payload": { "n": n } }
                });
                self.push(sender, frame.to_string()).await;
            }
        }
    }

    async fn all_400_in_order(&mut self, note: &str) {
        self.barrier().await;
        let sender = if note.contains("sender A") { "A" } else { "D" };
        let of_sender = |item: &Item| {
            (item.body["payload"]["event"] == sender).then(|| item.body["payload"]["payload"]["n"].clone())
        };
        let heard: Vec<Value> = self.heard("B").iter().filter_map(of_sender).collect();
        assert_eq!(heard, (0..400).map(Value::from).collect::<Vec<_>>(), "{note}");
    }

    async fn sql(&self, statements: &str) {
        self.stage.owner.batch_execute(statements).await.unwrap();
    }

    /// Twenty seconds of the recording, at its pace.
    async fn flood(&mut self) {
        let started = tokio::time::Instant::now();
        for n in 0..FLOOD {
            let frame = json!({
                "topic": "realtime:fl", "event": "broadcast", "ref": (n + 2).to_string(), "join_ref": "1",
                "payload": { "type": "broadcast", "event": "flood", "payload": {} }
            });
            self.push("sender", frame.to_string()).await;
            if n % 28 == 27 {
                let due = std::time::Duration::from_secs(2).mul_f64(n as f64 / FLOOD as f64);
                tokio::time::sleep_until(started + due).await;
            }
        }
        assert!(self.is_open("sender"), "the sender is not told");
    }

    /// `label ["POST","/api/broadcast",{…}]`.
    async fn request(&mut self, note: &str) {
        let Some((label, call)) = note.split_once(" [\"POST\"") else { return };
        let call: Value = serde_json::from_str(&format!("[\"POST\"{call}")).unwrap_or_default();
        let path = call[1].as_str().unwrap_or("/api/broadcast").to_owned();
        let token = |seconds: i64| {
            self.stage.mint.sign(&json!({ "role": "authenticated", "sub": FIRST, "exp": now() + seconds }))
        };
        let (content, body) = match label {
            "invalid json" => ("application/json", b"{not json".to_vec()),
            "single endpoint binary" => ("application/octet-stream", vec![1, 2, 255]),
            "single endpoint wrong content type" => ("text/plain", b"x".to_vec()),
            "big payload 3.1 MB" => {
                let message = json!({ "topic": "rest", "event": "big", "payload": { "a": "x".repeat(3_100_000) } });
                ("application/json", json!({ "messages": [message] }).to_string().into_bytes())
            }
            _ => ("application/json", call[2].to_string().into_bytes()),
        };
        let authorization = match label {
            "no auth" => None,
            "bad token" => Some("garbage".to_owned()),
            "expired token" => Some(token(-30)),
            _ => Some(token(3_600)),
        };
        self.post(&path, content, body, authorization).await;
    }

    async fn private_request(&mut self, note: &str) {
        let (event, claims) = match note {
            "REST rw private" => ("r1", json!({ "role": "authenticated", "sub": FIRST })),
            "REST ro private" => ("r2", json!({ "role": "authenticated", "sub": FIRST, "ro": true })),
            "REST u2 private" => ("r3", json!({ "role": "authenticated", "sub": SECOND })),
            "REST service private" => ("r4", json!({ "role": "service_role" })),
            _ => return,
        };
        let mut claims = claims;
        claims["exp"] = json!(now() + 3_600);
        let message = json!({ "topic": PRIVATE, "event": event, "payload": { "a": 1 }, "private": true });
        let body = json!({ "messages": [message] }).to_string().into_bytes();
        let token = self.stage.mint.sign(&claims);
        self.post("/api/broadcast", "application/json", body, Some(token)).await;
    }

    /// Whether the hub is over its rate, as the recorder asked from time to time.
    pub(super) async fn ask_rate(&mut self) {
        let body = json!({ "messages": [{ "topic": "nobody", "event": "rate", "payload": {} }] });
        let token = self.stage.mint.sign(&json!({ "role": "anon", "exp": now() + 3_600 }));
        self.post("/api/broadcast", "application/json", body.to_string().into_bytes(), Some(token)).await;
    }

    async fn post(&mut self, path: &str, content: &str, body: Vec<u8>, token: Option<String>) {
        let url = format!("{}/realtime/v1{path}", self.stage.url);
        let mut request = self.stage.http.post(url).header(header::CONTENT_TYPE, content).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
        self.rest_item(Item::http(status, &body));
    }
}
