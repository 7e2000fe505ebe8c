//! The engine with a hub, without a screen: a frame counts when it is handed to the window.

mod desk;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cockpit_domain::{Command, RecordId, TaskDraft, TaskField};
use cockpit_hub::{DEMO_MANAGER, DEMO_OWNER};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{
    Scale,
    hub::Office,
    people::fill,
    stats::{Times, milliseconds, thousands},
    table::{Section, Table, goal, goal_rate},
};
use desk::Desk;

const FIRST_ROWS: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(600)];
const EDIT: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(16)];
const CATCH_UP: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
const BOOTSTRAP: f64 = 10_000.0;

/// First copy, start, edits and catch-up, each at two sizes; then from one engine to another.
pub(crate) async fn measure(scale: Scale) -> Result<Section> {
    let office = Office::open().await?;
    office.hub.make_demo(80).await?;
    let administrator = office.administrator().await?;
    let tenant: Uuid = administrator.query_one("select id from public.tenants", &[]).await?.get(0);

    let mut first = Table::new(
        "First copy over the network (HTTP to the hub, written to SQLite)",
        &["Tasks", "Time", "Rows/s", "Goal"],
    );
    let mut start =
        Table::new("Engine start until the first rows are handed to the window", &["Tasks", "p50", "Slowest", "Goal"]);
    let mut edit = Table::new(
        "Local edit until the frame with it is handed to the window, signed in and live",
        &["Tasks", "p50", "p99", "Goal"],
    );
    let mut missed =
        Table::new("Engine start until everything missed is shown", &["Tasks", "Missed changes", "p50", "Goal"]);
    for (size, first_rows) in scale.of([10_000, 100_000], [500, 1_000]).into_iter().zip(FIRST_ROWS) {
        fill(&administrator, tenant, size).await?;
        let shown = thousands(size as f64);
        let profile = office.folder(&format!("profile-{size}"))?;
        let desk = Desk::open(&office, DEMO_OWNER, &profile, None).await?;
        let rate = size as f64 / desk.took.as_secs_f64();
        first.row([shown.clone(), milliseconds(desk.took), thousands(rate), goal_rate(BOOTSTRAP, rate)]);
        let secrets = desk.close().await;

        let mut starts = Times::default();
        for _ in 0..scale.of(9, 2) {
            let desk = Desk::start(&profile, secrets.clone())?;
            starts.push(desk.first_rows().await?);
        }
        start.row([shown.clone(), starts.shown(50), starts.shown(100), goal(first_rows, starts.percentile(50))]);

        for (count, limit) in scale.of([1_000, 10_000], [100, 300]).into_iter().zip(CATCH_UP) {
            let mut times = Times::default();
            for turn in 0..scale.of(3, 1) {
                let marker = format!("Marker {size} {count} {turn}");
                change(&administrator, tenant, count, &marker).await?;
                let mut desk = Desk::start(&profile, secrets.clone())?;
                times.push(desk.shows(&marker).await?);
                desk.close().await;
            }
            missed.row([shown.clone(), thousands(count as f64), times.shown(50), goal(limit, times.percentile(50))]);
        }

        let mut desk = Desk::open(&office, DEMO_OWNER, &profile, Some(secrets)).await?;
        let times = edits(&mut desk, scale.of(300, 20)).await?;
        let verdict = EDIT.into_iter().zip([50, 99]).map(|(limit, share)| goal(limit, times.percentile(share)));
        edit.row([shown, times.shown(50), times.shown(99), verdict.collect::<Vec<_>>().join(", ")]);
        desk.close().await;
    }
    let between = between(&office, scale).await?;
    office.close().await?;
    let about = "An engine in the release profile against a hub in the same process, over real HTTP and websockets, with its data in SQLite \
                 files on disk. The views show the first 60 tasks.";
    Ok(Section { about: about.to_owned(), tables: vec![first, start, missed, edit, between] })
}

/// Names one task anew, again and again, as fast as somebody who types without looking.
async fn edits(desk: &mut Desk, count: usize) -> Result<Times> {
    let id = RecordId(Uuid::now_v7());
    let draft = TaskDraft { id, name: "Measured".to_owned(), set: vec![] };
    desk.command(Command::TaskCreate { draft }).await?;
    let mut times = Times::default();
    for edit in 0..count {
        // The server's answer has come by then, and the frame with it is not in the way of the next.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let name = format!("Measured {edit}");
        let began = Instant::now();
        desk.command(Command::TaskEdit { id, set: vec![TaskField::Name(name.clone())] }).await?;
        let at = desk.frame_with(&name).await?;
        times.push(at.duration_since(began));
    }
    Ok(times)
}

/// What others did meanwhile: so many tasks changed in slices, and one new on top that tells when all of it is there.
async fn change(administrator: &Client, tenant: Uuid, count: usize, marker: &str) -> Result<()> {
    for slice in 0..count.div_ceil(500) {
        let (offset, limit) = (slice * 500, (count - slice * 500).min(500));
        let sql = format!(
            "update public.tasks set priority = case priority when 'high' then 'normal' else 'high' end
             where id in (select id from public.tasks where tenant_id = '{tenant}' order by id offset {offset} limit {limit})"
        );
        administrator.batch_execute(&sql).await?;
    }
    let sql = "insert into public.tasks (id, tenant_id, name, rank) values (gen_random_uuid(), $1, $2, 'Y00')";
    administrator.execute(sql, &[&tenant, &marker]).await?;
    Ok(())
}

/// From a command of one engine to the frame of another, through the hub and its feed.
async fn between(office: &Office, scale: Scale) -> Result<Table> {
    let mut table =
        Table::new("New task in one engine until the frame of another", &["Tasks made", "p50", "p99", "Goal"]);
    let mut ada = Desk::open(office, DEMO_OWNER, &office.folder("ada")?, None).await?;
    let mut ben = Desk::open(office, DEMO_MANAGER, &office.folder("ben")?, None).await?;
    ben.live().await?;
    ada.live().await?;
    let mut times = Times::default();
    for number in 0..scale.of(300, 10) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let name = format!("From one to the other {number}");
        let draft = TaskDraft { id: RecordId(Uuid::now_v7()), name: name.clone(), set: vec![] };
        let began = Instant::now();
        ada.command(Command::TaskCreate { draft }).await.context("a new task")?;
        times.push(ben.frame_with(&name).await?.duration_since(began));
        ada.drain().await;
    }
    let limits = [Duration::from_millis(50), Duration::from_millis(200)];
    let verdict = limits.into_iter().zip([50, 99]).map(|(limit, share)| goal(limit, times.percentile(share)));
    let verdict = verdict.collect::<Vec<_>>().join(", ");
    table.row([times.count().to_string(), times.shown(50), times.shown(99), verdict]);
    ada.close().await;
    ben.close().await;
    Ok(table)
}
