//! How fast a bootstrap is applied, a cold start reads and a view opens. `cargo run --release -p cockpit-store --example apply_rate [rows]`
#![allow(clippy::print_stdout, reason = "the output of an example")]

use std::{error::Error, path::Path, time::Instant};

use cockpit_domain::{RecordId, ScopeId, Table, TaskOrder, TaskSort, TaskViewSpec, TenantId};
use cockpit_store::{OpenOptions, SqliteStore};
use cockpit_sync::{RecordKey, StoreError, store::StoredRecord};
use uuid::Uuid;

fn main() -> Result<(), Box<dyn Error>> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(100_000), |count| count.parse())?;
    let directory = std::env::temp_dir().join(format!("apply-rate-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let result = measure(&directory.join("w.sqlite3"), rows);
    std::fs::remove_dir_all(&directory)?;
    result
}

fn measure(path: &Path, rows: usize) -> Result<(), Box<dyn Error>> {
    let tenant = TenantId(Uuid::new_v4());
    let mut store = SqliteStore::open(path, OpenOptions::new(tenant))?;
    let scope = ScopeId(Uuid::new_v4());
    let tasks: Vec<(RecordId, String)> = (0..rows).map(task).collect();

    for pass in ["first copy", "same rows again"] {
        let begun = Instant::now();
        for page in tasks.chunks(1000) {
            store.transaction(|tx| {
                for (id, row) in page {
                    let key = RecordKey { table: Table::Tasks, id: *id };
                    let before = tx.record(key)?;
                    let pending = tx.outbox_of(key)?;
                    let version = before.map_or(1, |record| record.version + 1) + pending.len() as i64;
                    let text = Some(row.clone());
                    let record = StoredRecord { scope, version, generation: 1, confirmed: text.clone(), visible: text };
                    tx.put_record(key, &record)?;
                }
                Ok::<_, StoreError>(())
            })?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        println!("{pass}: {rows} rows in {seconds:.2} s = {:.0} rows/s, pages of 1000", rows as f64 / seconds);
    }
    drop(store);
    println!("file: {:.1} MB", std::fs::metadata(path)?.len() as f64 / 1e6);

    let begun = Instant::now();
    let store = SqliteStore::open(path, OpenOptions::new(tenant))?;
    println!("open with check: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    let today = jiff::civil::date(2026, 2, 26);
    for by in [TaskSort::Rank, TaskSort::Due, TaskSort::Name, TaskSort::Status, TaskSort::Updated] {
        for descending in [false, true] {
            let spec = TaskViewSpec { order: TaskOrder { by, descending }, ..TaskViewSpec::default() };
            let begun = Instant::now();
            let ids = store.task_ids(&spec, today)?;
            let listed = begun.elapsed();
            let shown = store.task_rows(ids.get(..200).unwrap_or(&ids))?;
            let all = begun.elapsed();
            let direction = if descending { "down" } else { "up" };
            println!(
                "view by {by:?} {direction}: {} ids in {listed:.0?}, {} rows in {:.0?}",
                ids.len(),
                shown.len(),
                all - listed
            );
        }
    }
    let mut spec = TaskViewSpec::default();
    spec.filter.text = Some("report 77".into());
    let begun = Instant::now();
    let found = store.task_ids(&spec, today)?.len();
    println!("view by text: {found} ids in {:.0?}", begun.elapsed());
    Ok(())
}

/// About as long as a real one. Names, due dates and last changes are in no order, as rows arrive by id.
fn task(n: usize) -> (RecordId, String) {
    let id = Uuid::now_v7();
    let scattered = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // New tasks go to the top, and every tenth was moved by hand.
    let rank = if n.is_multiple_of(10) { scattered } else { u64::MAX - ((n as u64) << 32) };
    let statuses = ["open", "in_progress", "review", "done", "cancelled"];
    let row = serde_json::json!({
        "id": id, "tenant_id": Uuid::nil(), "version": 1, "project_id": Uuid::from_u64_pair(7, scattered % 200), "parent_task": null,
        "name": format!("Report {} for the quarter {}", scattered % 10_000, n), "task_type": "writing",
        "assignee": Uuid::from_u64_pair(8, scattered % 50), "status": statuses.get(n % 5), "review_stage": null, "priority": "normal",
        "start_date": null, "due_date": format!("2026-{:02}-{:02}", n % 12 + 1, n % 28 + 1), "estimate_hours": "2.5", "billable": true,
        "notes": "Ask for the figures of last month before the meeting on Thursday.", "tags": ["office", "q3"],
        "rank": format!("a{rank:016x}"), "created_at": "2026-01-02T01:04:05.123456Z",
        "updated_at": format!("2026-01-{:02}T01:04:05.{:06}Z", scattered % 28 + 1, n % 1_000_000), "created_by": null, "deleted_at": null,
    });
    (RecordId(id), row.to_string())
}
