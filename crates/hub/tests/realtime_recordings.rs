//! The proof that a client cannot tell the hub from the real server within what the hub offers: what clients said to the real server,
//! as recorded, is said to the hub, and what each connection hears is compared with what was recorded. Every difference is mended or
//! is a row, with its reason, of `docs/hub-differences.md`, which this test reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;
mod recordings;

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use cockpit_hub::{Hub, RealtimeCounts};
use recordings::{
    differences::Table,
    line,
    player::{Stage, play},
    script::{POLICIES, Script, Setting},
    token::Mint,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hub_answers_every_recording_as_the_real_server_did() {
    let table = Table::read();
    let mut names: Vec<String> = std::fs::read_dir(line::folder())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".jsonl").map(str::to_owned))
        .collect();
    names.sort();
    // One alone, to look into it: RECORDING=c1_broadcast_v1.
    let only = std::env::var("RECORDING").ok();
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name.starts_with(only));
    let played: Vec<&String> = names.iter().filter(|name| wanted(name) && !table.leaves_out(name)).collect();
    let (mut equal, mut listed, mut unlisted) = (0, 0, Vec::new());
    for setting in Setting::ALL {
        let group: Vec<&&String> = played.iter().filter(|name| Script(name).setting() == setting).collect();
        if group.is_empty() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut options = http_support::options(&folder);
        (options.timings, options.limits) = (setting.timings(), setting.limits());
        let hub = Hub::start(options).await.unwrap();
        let stage = stage(&hub, &folder).await;
        if setting == Setting::Fast {
            // The real server had run for a minute before it was flooded, and its rate is an average over the last.
            tokio::time::sleep(setting.timings().rate_tick * 60).await;
        }
        for name in group {
            let started = Instant::now();
            let outcome = play(&stage, name, &table).await;
            eprintln!("{name}: {} equal, {} listed, {:?}", outcome.equal, outcome.listed, started.elapsed());
            equal += outcome.equal;
            listed += outcome.listed;
            unlisted.extend(outcome.unlisted);
            nothing_is_left(&hub).await;
        }
        drop(stage);
        hub.stop().await.unwrap();
    }
    eprintln!(
        "{} recordings replayed, {} frames compared, {listed} of them differ as listed",
        played.len(),
        equal + listed
    );
    assert!(unlisted.is_empty(), "differences that are not listed:\n{}", unlisted.join("\n"));
    if only.is_none() {
        let stale = table.stale(&names);
        assert!(stale.is_empty(), "differences that are listed and no longer occur: {stale:#?}");
        assert!(played.len() >= 25, "recordings are missing");
    }
}

async fn stage(hub: &Hub, folder: &tempfile::TempDir) -> Stage {
    let started = Instant::now();
    let secret = std::fs::read_to_string(folder.path().join("hub/jwt-secret")).unwrap();
    let (owner, connection) =
        tokio_postgres::connect(&hub.database_url_as_owner(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(async move { connection.await.unwrap() });
    owner.batch_execute(POLICIES).await.unwrap();
    Stage {
        url: hub.url().to_owned(),
        started,
        mint: Mint { secret: BASE64_STANDARD.decode(secret.trim()).unwrap() },
        owner,
        http: http_support::http_client(),
    }
}

/// Ghost-free: when all sockets of a recording are gone, so is everything that was kept for them.
async fn nothing_is_left(hub: &Hub) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while hub.realtime_counts() != RealtimeCounts::default() {
        assert!(Instant::now() < deadline, "left over: {:?}", hub.realtime_counts());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
