//! The database alone: real connections under role `authenticated`, one commit a call, fsync on.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{
    Scale,
    hub::Office,
    people::{Person, fill, found, id},
    stats::{Times, milliseconds, per_second, thousands},
    table::{Section, Table, goal_rate, say},
};

const PEOPLE: usize = 16;

/// Growth, reading and throughput, in this order, so that throughput is measured on full tables.
pub(crate) async fn measure(scale: Scale) -> Result<Section> {
    let office = Office::open().await?;
    let administrator = office.administrator().await?;
    found(&administrator, PEOPLE).await?;
    let commit = flush_time(&administrator).await?;
    say(&format!("an empty commit that is written to the disk takes {}", milliseconds(commit)));

    let growth = growth(&office, &administrator, scale).await?;
    for n in 1..PEOPLE {
        fill(&administrator, id(2, n), scale.of(2_000, 100)).await?;
    }
    let reading = reading(&office, &administrator, scale).await?;
    let mut throughput = throughput(&office, scale).await?;
    let rows: i64 = administrator.query_one("select count(*) from public.tasks", &[]).await?.get(0);
    throughput.note(format!(
        "Writers of one workspace take turns: a scope's head is held until the commit is on the disk. The smallest commit takes {} here, so that \
         the processor is the limit and not the disk wherever a call takes much longer than that. The hub listens and passes every commit on \
         meanwhile. At the end {} tasks were in the database.",
        milliseconds(commit),
        thousands(rows as f64)
    ));
    let snapshot = old_snapshot(&office, &administrator, scale).await?;
    office.close().await?;
    let about = "PostgreSQL of a hub with the hub's own settings (fsync on). Every writer has a connection of its own and calls `apply_mutations` \
                 under role `authenticated` in a transaction, as the hub does for a client; by turns a new task and an edit of it.";
    Ok(Section { about: about.to_owned(), tables: vec![throughput, snapshot, reading, growth] })
}

/// How long the disk takes for the smallest possible commit: what no writer can be faster than.
async fn flush_time(administrator: &Client) -> Result<Duration> {
    administrator
        .batch_execute("create table public.bench_flush (n int); insert into public.bench_flush values (0)")
        .await?;
    let mut times = Times::default();
    for _ in 0..200 {
        let began = Instant::now();
        administrator.batch_execute("update public.bench_flush set n = n + 1").await?;
        times.push(began.elapsed());
    }
    administrator.batch_execute("drop table public.bench_flush").await?;
    Ok(times.percentile(50))
}

async fn growth(office: &Office, administrator: &Client, scale: Scale) -> Result<Table> {
    let title = "Growth with the size of a workspace (one writer, p50)";
    let mut table = Table::new(
        title,
        &[
            "Tasks",
            "Call with 1 mutation",
            "Call with 50 mutations",
            "Pull of the last 1,000 changes",
            "Page of 1,000 rows",
        ],
    );
    let tenant = id(2, 0);
    let mut person = Person::new(office, 0, tenant).await?;
    for tasks in scale.of([1_000, 10_000, 100_000], [200, 400, 1_000]) {
        fill(administrator, tenant, tasks).await?;
        let (mut one, mut fifty) = (Times::default(), Times::default());
        for _ in 0..scale.of(200, 20) {
            one.push(person.mutate(1).await?);
        }
        for _ in 0..scale.of(20, 4) {
            fifty.push(person.mutate(50).await?);
        }
        let scope = Scope::of(administrator, tenant).await?;
        let (mut pull, mut page) = (Times::default(), Times::default());
        for turn in 0..scale.of(30, 3) {
            let from = scope.cursor(administrator, scope.head.saturating_sub(1_000)).await?;
            pull.push(person.ask(&format!("select public.sync_pull('{}', 1000)::text", json!([from]))).await?.1);
            // Pages from all over the table.
            let after = Uuid::from_u128(u128::MAX / 40 * turn as u128);
            let sql = format!("select public.sync_page('{}', 'tasks', '{after}', 1000)::text", scope.id);
            page.push(person.ask(&sql).await?.1);
        }
        table.row([thousands(tasks as f64), one.shown(50), fifty.shown(50), pull.shown(50), page.shown(50)]);
    }
    Ok(table)
}

async fn reading(office: &Office, administrator: &Client, scale: Scale) -> Result<Table> {
    let mut table = Table::new("Reading", &["Work", "Total", "Page p50", "Rate", "Goal"]);
    let tenant = id(2, 0);
    let person = Person::new(office, 0, tenant).await?;
    let scope = Scope::of(administrator, tenant).await?;

    let missed = scale.of(10_000, 500);
    let (mut totals, mut pages) = (Times::default(), Times::default());
    for _ in 0..scale.of(7, 1) {
        let mut cursor = scope.cursor(administrator, scope.head - missed).await?;
        let (began, mut got) = (Instant::now(), 0);
        loop {
            let (answer, time) =
                person.ask(&format!("select public.sync_pull('{}', 1000)::text", json!([cursor]))).await?;
            pages.push(time);
            let answer = answer.pointer("/scopes/0").context("no scope")?;
            let changes = answer.get("changes").and_then(Value::as_array).context("no changes")?;
            got += changes.len();
            if let Some(last) = changes.last() {
                cursor =
                    json!({"scope": scope.id, "epoch": scope.epoch, "seq": last.get("seq"), "mark": last.get("mark")});
            }
            if answer.get("more") != Some(&json!(true)) {
                break;
            }
        }
        totals.push(began.elapsed());
        ensure!(got as i64 == missed, "{got} of {missed} changes came");
    }
    let rate = per_second(usize::try_from(missed)?, totals.percentile(50));
    let title = format!("`sync_pull` of {} changes", thousands(missed as f64));
    table.row([title, totals.shown(50), pages.shown(50), format!("{rate} changes/s"), "none".into()]);

    let (mut after, mut rows, mut pages) = ("null".to_owned(), 0, Times::default());
    let began = Instant::now();
    loop {
        let sql = format!("select public.sync_page('{}', 'tasks', {after}, 1000)::text", scope.id);
        let (answer, time) = person.ask(&sql).await?;
        pages.push(time);
        rows += answer.get("rows").and_then(Value::as_array).map_or(0, Vec::len);
        match answer.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("'{next}'"),
            None => break,
        }
    }
    let time = began.elapsed();
    let rate = rows as f64 / time.as_secs_f64();
    let title = format!("`sync_page` over {} tasks", thousands(rows as f64));
    table.row([
        title,
        milliseconds(time),
        pages.shown(50),
        format!("{} rows/s", thousands(rate)),
        goal_rate(10_000.0, rate),
    ]);
    Ok(table)
}

async fn throughput(office: &Office, scale: Scale) -> Result<Table> {
    let columns = ["Writers", "Workspaces", "Mutations a call", "Mutations/s", "Calls/s", "Call p50", "Call p99"];
    let mut table = Table::new("Mutations", &columns);
    for batch in [1, 50] {
        for (writers, workspaces) in [(1, 1), (4, 1), (16, 1), (4, 4), (16, 16)] {
            let run = write(office, writers, workspaces, batch, scale.of(6, 1)).await?;
            table.row([
                writers.to_string(),
                workspaces.to_string(),
                batch.to_string(),
                per_second(run.times.count() * batch, run.took),
                per_second(run.times.count(), run.took),
                run.times.shown(50),
                run.times.shown(99),
            ]);
        }
    }
    Ok(table)
}

async fn old_snapshot(office: &Office, administrator: &Client, scale: Scale) -> Result<Table> {
    let title = "Mutations while a transaction that began before holds an old snapshot";
    let mut table =
        Table::new(title, &["Writers", "Mutations a call", "First 5 s", "After 20 s", "Call p50 after 20 s"]);
    for (writers, batch) in [(1, 1), (16, 1), (1, 50), (16, 50)] {
        // As on the first day: what an earlier row left behind is gone.
        administrator.batch_execute("vacuum").await?;
        let old = office.administrator().await?;
        old.batch_execute("begin isolation level repeatable read; select count(*) from sync.scope").await?;
        let seconds = scale.of(5, 1);
        let first = write(office, writers, 1, batch, seconds).await?;
        write(office, writers, 1, batch, scale.of(15, 1)).await?;
        let last = write(office, writers, 1, batch, seconds).await?;
        old.batch_execute("commit").await?;
        table.row([
            writers.to_string(),
            batch.to_string(),
            format!("{}/s", per_second(first.times.count() * batch, first.took)),
            format!("{}/s", per_second(last.times.count() * batch, last.took)),
            last.times.shown(50),
        ]);
    }
    table.note("The snapshot is a repeatable-read transaction that sits idle from before the first write; what it might still see cannot be cleaned up.");
    Ok(table)
}

struct Run {
    times: Times,
    took: Duration,
}

/// So many writers, spread over so many workspaces, for so many seconds.
async fn write(office: &Office, writers: usize, workspaces: usize, batch: usize, seconds: u64) -> Result<Run> {
    let mut people = Vec::new();
    for n in 0..writers {
        let mut person = Person::new(office, n, id(2, n % workspaces)).await?;
        // Plans are made and the device is known before the clock starts.
        person.mutate(batch).await?;
        people.push(person);
    }
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for mut person in people {
        tasks.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < until {
                times.push(person.mutate(batch).await?);
            }
            anyhow::Ok(times)
        });
    }
    let mut times = Times::default();
    while let Some(one) = tasks.join_next().await {
        one??.into_iter().for_each(|time| times.push(time));
    }
    Ok(Run { times, took: began.elapsed() })
}

/// The scope of a workspace's tasks, as it stands.
struct Scope {
    id: Uuid,
    epoch: i64,
    head: i64,
}

impl Scope {
    async fn of(administrator: &Client, tenant: Uuid) -> Result<Self> {
        let sql = "select id, epoch, head from sync.scope where tenant_id = $1 and kind = 'tenant'";
        let row = administrator.query_one(sql, &[&tenant]).await?;
        Ok(Self { id: row.get(0), epoch: row.get(1), head: row.get(2) })
    }

    async fn cursor(&self, administrator: &Client, seq: i64) -> Result<Value> {
        let sql = "select mark from sync.change where scope = $1 and seq = $2";
        let mark: Option<Uuid> = administrator.query_opt(sql, &[&self.id, &seq]).await?.map(|row| row.get(0));
        Ok(json!({"scope": self.id, "epoch": self.epoch, "seq": seq, "mark": mark}))
    }
}
