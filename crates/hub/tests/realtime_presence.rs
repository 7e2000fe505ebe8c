//! Presence over real sockets: whom the policies let see and be seen, and that nobody is seen who is not there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use cockpit_hub::{Hub, Limits, RealtimeCounts};
use http_support::{options, shared, socket::Socket};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

fn join(key: &str, private: bool, token: Option<&str>) -> Value {
    let config = json!({ "presence": { "key": key, "enabled": true }, "private": private });
    json!({ "config": config, "access_token": token })
}

fn track(payload: Value) -> Value {
    json!({ "type": "presence", "event": "track", "payload": payload })
}

#[tokio::test]
async fn a_private_rooms_presence_is_its_members_alone_and_known_to_who_comes_later() {
    let hub = shared();
    let (ada, eve) = (hub.person("ada").await, hub.person("eve").await);
    let workspace = ada.workspace().await;
    // Cockpit's own policies: presence is tracked in a room of its own, and only looked at in that of broadcasts.
    let topic = format!("realtime:{}", workspace.broadcasts.replacen("fractal", "presence", 1));
    let elsewhere = format!("realtime:{}", workspace.broadcasts);
    let mut first = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    first.send(&topic, "phx_join", join("ada", true, Some(&ada.token))).await;
    assert_eq!(first.receive().await.payload()["status"], "ok");
    assert_eq!((first.receive().await.event(), "presence_state"), ("presence_state", "presence_state"));
    first.send(&topic, "presence", track(json!({ "at": "desk" }))).await;
    let mut heard = [first.receive().await, first.receive().await];
    heard.sort_by_key(|frame| frame.event().to_owned());
    assert_eq!([heard[0].event(), heard[1].event()], ["phx_reply", "presence_diff"], "an answer, and oneself");
    assert_eq!(heard[0].payload()["status"], "ok");

    let mut later = Socket::open(&hub.url, &hub.anon_key, "1.0.0").await;
    later.send(&topic, "phx_join", join("ada", true, Some(&ada.token))).await;
    assert_eq!(later.receive().await.payload()["status"], "ok");
    let state = later.receive().await;
    assert_eq!(state.payload()["ada"]["metas"][0]["at"], "desk");

    later.send(&elsewhere, "phx_join", join("ada", true, Some(&ada.token))).await;
    assert_eq!(later.receive().await.payload()["status"], "ok");
    assert_eq!(*later.receive().await.payload(), json!({}));
    later.send(&elsewhere, "presence", track(json!({}))).await;
    assert_eq!(*later.receive().await.payload(), json!({ "status": "error", "response": {} }), "no right to track");

    // A public room of the same name is another one, and a stranger is not let into this.
    let mut outside = Socket::open(&hub.url, &hub.anon_key, "2.0.0").await;
    outside.send(&topic, "phx_join", join("eve", false, None)).await;
    assert_eq!(outside.receive().await.payload()["status"], "ok");
    assert_eq!(*outside.receive().await.payload(), json!({}));
    outside.send(&topic, "phx_join", join("eve", true, Some(&eve.token))).await;
    assert_eq!(outside.receive().await.payload()["status"], "error");

    // However it ends, its presence ends at once.
    drop(first);
    let before = Instant::now();
    let diff = later.receive().await;
    assert_eq!(diff.payload()["leaves"]["ada"]["metas"][0]["at"], "desk");
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
    outside.hears_nothing().await;
}

#[tokio::test]
async fn too_much_presence_closes_the_channel_and_not_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.timings.rate_tick = Duration::from_millis(200);
    options.limits =
        Limits { payload_bytes: 1_000, presence_per_second: 5, presence_calls: u32::MAX, ..options.limits };
    let hub = Hub::start(options).await.unwrap();
    let mut socket = Socket::open(hub.url(), hub.anon_key(), "2.0.0").await;
    let system = async |socket: &mut Socket| loop {
        let frame = socket.receive().await;
        if frame.event() == "system" {
            assert_eq!(socket.receive().await.event(), "phx_close");
            return frame.payload()["message"].as_str().unwrap().to_owned();
        }
    };
    socket.send("realtime:big", "phx_join", join("k", false, None)).await;
    socket.send("realtime:big", "presence", track(json!({ "x": "x".repeat(1_001) }))).await;
    assert_eq!(system(&mut socket).await, "Track message size exceeded");
    socket.send("realtime:many", "phx_join", join("k", false, None)).await;
    assert_eq!(socket.receive().await.payload()["status"], "ok");
    // Each is counted as it is made and as it is heard; the average is over the ticks there were, which are more with every one.
    for n in 0..100_000 {
        socket.send("realtime:many", "presence", track(json!({ "n": n }))).await;
        let reply = loop {
            let frame = socket.receive().await;
            if frame.event() != "presence_diff" && frame.event() != "presence_state" {
                break frame;
            }
        };
        if reply.event() == "system" {
            assert_eq!(reply.payload()["message"], "Too many presence messages per second");
            assert_eq!(socket.receive().await.event(), "phx_close");
            socket.heartbeat().await;
            return hub.stop().await.unwrap();
        }
    }
    panic!("the rate was never reached");
}

const TOPICS: usize = 4;

/// What one socket of the storm believes of itself: per topic the payload it tracks.
struct Visitor {
    socket: Socket,
    name: String,
    joined: BTreeMap<usize, Option<u64>>,
}

impl Visitor {
    async fn act(&mut self, rng: &mut StdRng) {
        let at = rng.random_range(0..TOPICS);
        let topic = format!("realtime:storm{at}");
        match (rng.random_range(0..5), self.joined.get(&at).copied()) {
            (0, Some(_)) => {
                self.socket.send(&topic, "phx_leave", json!({})).await;
                self.joined.remove(&at);
            }
            (1, Some(_)) => {
                self.socket.send(&topic, "presence", json!({ "type": "presence", "event": "untrack" })).await;
                self.joined.insert(at, None);
            }
            (_, Some(_)) => {
                let n = rng.random_range(0..3);
                self.socket.send(&topic, "presence", track(json!({ "n": n }))).await;
                self.joined.insert(at, Some(n));
            }
            // Also over a join of before, whose presence ends with it.
            (_, None) => {
                self.socket.send(&topic, "phx_join", join(&self.name, false, None)).await;
                self.joined.insert(at, None);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_ghosts_and_flicker_after_a_storm_of_comings_and_goings_there_are_none() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_123);
    eprintln!("SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    options.limits = Limits::lifted();
    let hub = Hub::start(options).await.unwrap();
    let mut watcher = Socket::open(hub.url(), hub.anon_key(), "1.0.0").await;
    let mut told: Vec<BTreeSet<(String, u64)>> = vec![BTreeSet::new(); TOPICS];
    for at in 0..TOPICS {
        watcher.send(&format!("realtime:storm{at}"), "phx_join", join("watcher", false, None)).await;
        assert_eq!(watcher.receive().await.event(), "phx_reply");
        assert_eq!(*watcher.receive().await.payload(), json!({}));
    }
    let mut visitors: Vec<Visitor> = Vec::new();
    for n in 0..1_500 {
        match rng.random_range(0..12) {
            0 if visitors.len() < 60 => {
                let version = ["1.0.0", "2.0.0"].choose(&mut rng).unwrap();
                let socket = Socket::open(hub.url(), hub.anon_key(), version).await;
                visitors.push(Visitor { socket, name: format!("v{n}"), joined: BTreeMap::new() });
            }
            1 if visitors.len() > 20 => {
                let at = rng.random_range(0..visitors.len());
                // Half of them say goodbye, half are gone.
                let visitor = visitors.swap_remove(at);
                if rng.random() {
                    visitor.socket.leave().await;
                }
            }
            _ => {
                if let Some(at) = (!visitors.is_empty()).then(|| rng.random_range(0..visitors.len())) {
                    visitors[at].act(&mut rng).await;
                }
            }
        }
        // What the watcher is told is read as it comes, so that its queue does not fill.
        while let Some(frame) = watcher.waiting(Duration::ZERO).await {
            apply(&mut told, &frame.0);
        }
    }
    let mut there: Vec<BTreeSet<(String, u64)>> = vec![BTreeSet::new(); TOPICS];
    for visitor in &visitors {
        for (at, tracked) in &visitor.joined {
            there[*at].extend(tracked.map(|n| (visitor.name.clone(), n)));
        }
    }
    assert!(there.iter().all(|there| there.len() > 3), "the storm left too few to say anything: {there:?}");
    // Who died is noticed soon, and what was said is heard: then the watcher was told exactly who is there.
    let deadline = Instant::now() + Duration::from_secs(20);
    while told != there {
        assert!(Instant::now() < deadline, "told {told:?}, but there are {there:?}");
        if let Some(frame) = watcher.waiting(Duration::from_millis(100)).await {
            apply(&mut told, &frame.0);
        }
    }
    // So is who comes now.
    let mut late = Socket::open(hub.url(), hub.anon_key(), "2.0.0").await;
    for (at, there) in there.iter().enumerate() {
        late.send(&format!("realtime:storm{at}"), "phx_join", join("late", false, None)).await;
        assert_eq!(late.receive().await.event(), "phx_reply");
        let state = late.receive().await;
        assert_eq!(metas(state.payload()), there.iter().cloned().collect::<Vec<_>>());
    }
    let tracked: usize = there.iter().map(BTreeSet::len).sum();
    let counts = hub.realtime_counts();
    assert_eq!((counts.presences, counts.sockets, counts.rooms), (tracked, visitors.len() + 2, TOPICS));
    drop((visitors, watcher, late));
    while hub.realtime_counts() != RealtimeCounts::default() {
        assert!(Instant::now() < deadline + Duration::from_secs(20), "left over: {:?}", hub.realtime_counts());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    hub.stop().await.unwrap();
}

/// Takes a diff as a client does: leaves first, so that who has changed is there.
fn apply(told: &mut [BTreeSet<(String, u64)>], frame: &[Value; 5]) {
    let [_, _, topic, event, payload] = frame;
    assert_eq!(event, "presence_diff");
    let at: usize = topic.as_str().unwrap().trim_start_matches("realtime:storm").parse().unwrap();
    for left in metas(&payload["leaves"]) {
        assert!(told[at].remove(&left), "{left:?} left and was not there");
    }
    for joined in metas(&payload["joins"]) {
        assert!(told[at].insert(joined.clone()), "{joined:?} joined twice");
    }
}

fn metas(side: &Value) -> Vec<(String, u64)> {
    let of_key = |(key, state): (&String, &Value)| {
        let metas = state["metas"].as_array().unwrap().clone();
        metas.into_iter().map(|meta| (key.clone(), meta["n"].as_u64().unwrap())).collect::<Vec<_>>()
    };
    side.as_object().unwrap().iter().flat_map(of_key).collect()
}
