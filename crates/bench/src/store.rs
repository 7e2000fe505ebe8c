//! SQLite alone: how fast a first copy is applied, with the indexes that views need.

use std::time::{Duration, Instant};

use anyhow::Result;
use cockpit_domain::{RecordId, ScopeId, TenantId};
use cockpit_store::{OpenOptions, SqliteStore};
use cockpit_sync::{RecordKey, StoreError, store::StoredRecord};
use uuid::Uuid;

use crate::{
    Scale,
    stats::{milliseconds, thousands},
    table::{Table, goal_rate},
};

const GOAL: f64 = 50_000.0;

/// Rows in transactions of 1,000, each with its former state looked up, as the core does.
pub(crate) fn measure(scale: Scale) -> Result<Table> {
    let mut table =
        Table::new("Applying to SQLite, in transactions of 1,000 rows", &["Rows", "Pass", "Time", "Rows/s", "Goal"]);
    for rows in scale.of([10_000, 100_000], [1_000, 2_000]) {
        let folder = tempfile::tempdir()?;
        let mut store =
            SqliteStore::open(&folder.path().join("w.sqlite3"), OpenOptions::new(TenantId(Uuid::new_v4())))?;
        let scope = ScopeId(Uuid::new_v4());
        let tasks: Vec<(RecordId, String)> = (0..rows).map(task).collect();
        for pass in ["first copy", "every row changed"] {
            let time = apply(&mut store, scope, &tasks)?;
            let rate = rows as f64 / time.as_secs_f64();
            table.row([
                thousands(rows as f64),
                pass.to_owned(),
                milliseconds(time),
                thousands(rate),
                goal_rate(GOAL, rate),
            ]);
        }
    }
    Ok(table)
}

fn apply(store: &mut SqliteStore, scope: ScopeId, tasks: &[(RecordId, String)]) -> Result<Duration> {
    let began = Instant::now();
    for page in tasks.chunks(1000) {
        store.transaction(|tx| {
            for (id, row) in page {
                let key = RecordKey { table: cockpit_domain::Table::Tasks, id: *id };
                let before = tx.record(key)?;
                let pending = tx.outbox_of(key)?;
                let version = before.map_or(1, |record| record.version + 1) + pending.len() as i64;
                let text = Some(row.clone());
                tx.put_record(
                    key,
                    &StoredRecord { scope, version, generation: 1, confirmed: text.clone(), visible: text },
                )?;
            }
            Ok::<_, StoreError>(())
        })?;
    }
    Ok(began.elapsed())
}

/// About as long as a real one. Names, due dates and last changes are in no order, as rows arrive by id.
fn task(n: usize) -> (RecordId, String) {
    let id = Uuid::new_v4();
    let scattered = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let statuses = ["open", "in_progress", "review", "done", "cancelled"];
    let row = serde_json::json!({
        "id": id, "tenant_id": Uuid::nil(), "version": 1, "project_id": Uuid::from_u64_pair(7, scattered % 200), "parent_task": null,
        "name": format!("Report {} for the quarter {n}", scattered % 10_000), "task_type": "writing",
        "assignee": Uuid::from_u64_pair(8, scattered % 50), "status": statuses.get(n % 5), "review_stage": null, "priority": "normal",
        "start_date": null, "due_date": format!("2026-{:02}-{:02}", n % 12 + 1, n % 28 + 1), "estimate_hours": "2.5", "billable": true,
        "notes": "Ask for the figures of last month before the meeting on Thursday.", "tags": ["office", "q3"],
        "rank": format!("a{scattered:016x}"), "created_at": "2026-01-02T01:04:05.123456Z",
        "updated_at": format!("2026-01-{:02}T01:04:05.{:06}Z", scattered % 28 + 1, n % 1_000_000), "created_by": null, "deleted_at": null,
    });
    (RecordId(id), row.to_string())
}
