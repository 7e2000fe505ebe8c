//! Workspaces with people and tasks, made in bulk, and a person who asks as the API would.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::{hub::Office, table::say};

/// A bulk write is cut as the protocol cuts our own.
const SLICE: usize = 500;

/// The id of the numbered person, workspace or member.
pub(crate) fn id(kind: u16, number: usize) -> Uuid {
    Uuid::from_u128(0xbe00_0000_0000_4000_8000_0000_0000_0000 | u128::from(kind) << 96 | number as u128)
}

/// So many people who are each owner of a workspace of their own, and managers of the first one.
pub(crate) async fn found(administrator: &Client, people: usize) -> Result<()> {
    for n in 0..people {
        let (user, tenant, member, guest) = (id(1, n), id(2, n), id(3, n), id(4, n));
        let mut sql = format!(
            "insert into auth.users (id, email) values ('{user}', '{user}@example.com');
             insert into public.tenants (id, name) values ('{tenant}', 'Workspace {n}');
             insert into public.tenant_members (id, tenant_id, auth_user, role, name) values ('{member}', '{tenant}', '{user}', 'owner', 'Person {n}');"
        );
        if n > 0 {
            let first = id(2, 0);
            sql += &format!(
                "insert into public.tenant_members (id, tenant_id, auth_user, role, name)
                 values ('{guest}', '{first}', '{user}', 'manager', 'Person {n}');"
            );
        }
        administrator.batch_execute(&sql).await?;
    }
    Ok(())
}

/// Fills a workspace up to `wanted` tasks.
pub(crate) async fn fill(administrator: &Client, tenant: Uuid, wanted: usize) -> Result<()> {
    let count: i64 =
        administrator.query_one("select count(*) from public.tasks where tenant_id = $1", &[&tenant]).await?.get(0);
    let mut have = usize::try_from(count)?;
    let began = Instant::now();
    while have < wanted {
        let next = wanted.min(have + SLICE);
        // The ids are scattered and the ranks in order, as after a year of work.
        let sql = format!(
            "insert into public.tasks (id, tenant_id, name, status, priority, due_date, estimate_hours, notes, tags, rank)
             select gen_random_uuid(), '{tenant}', 'Report ' || n || ' for the quarter', (array['open', 'in_progress', 'review', 'done'])[n % 4 + 1],
               'normal', date '2026-01-01' + n % 365, 2.5, 'Ask for the figures of last month before the meeting on Thursday.',
               array['office', 'q3'], 'f' || lpad(n::text, 6, '0')
             from generate_series({have} + 1, {next}) n"
        );
        administrator.batch_execute(&sql).await?;
        have = next;
    }
    administrator.batch_execute("analyze").await?;
    if began.elapsed() > Duration::from_secs(1) {
        say(&format!("filled up to {wanted} tasks in {:.0} s", began.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// Somebody with a connection, a device and a workspace.
pub(crate) struct Person {
    client: Client,
    claims: String,
    tenant: Uuid,
    device: Uuid,
    no: u64,
    identify: Statement,
    apply: Statement,
    /// The task made last, to be edited next.
    last: Option<Uuid>,
}

impl Person {
    /// The numbered person, at work in a workspace, on a new device.
    pub(crate) async fn new(office: &Office, number: usize, tenant: Uuid) -> Result<Self> {
        let client = office.authenticator().await?;
        let user = id(1, number);
        let claims = json!({"sub": user, "role": "authenticated", "aud": "authenticated", "email": format!("{user}@example.com")});
        let identify = client
            .prepare(
                "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true), \
                 set_config('statement_timeout', '8s', true)",
            )
            .await?;
        // As the hub calls it: PostgreSQL takes the arguments out of the body.
        let apply = client
            .prepare(
                "select public.apply_mutations(p_tenant := a.p_tenant, p_device := a.p_device, p_batch := a.p_batch)::text \
                 from json_to_record($1) as a(p_tenant uuid, p_device uuid, p_batch json)",
            )
            .await?;
        let claims = claims.to_string();
        Ok(Self { client, claims, tenant, device: Uuid::now_v7(), no: 0, identify, apply, last: None })
    }

    /// Sends `count` mutations in one call, by turns a new task and an edit of it, and waits for the commit.
    pub(crate) async fn mutate(&mut self, count: usize) -> Result<Duration> {
        let batch: Vec<Value> = (0..count).map(|_| self.mutation()).collect();
        let body = json!({"p_tenant": self.tenant, "p_device": self.device, "p_batch": batch});
        let began = Instant::now();
        self.begin().await?;
        let answer: String = self.client.query_one(&self.apply, &[&body]).await?.get(0);
        self.client.batch_execute("commit").await?;
        let time = began.elapsed();
        let answer: Value = serde_json::from_str(&answer)?;
        let results = answer.get("results").and_then(Value::as_array).with_context(|| format!("{answer}"))?;
        let applied = results.iter().filter(|result| result.get("status") == Some(&json!("applied"))).count();
        ensure!(applied == count, "{applied} of {count} were applied: {answer}");
        Ok(time)
    }

    /// Runs a function that only reads, and answers what it says and how long that took.
    pub(crate) async fn ask(&self, sql: &str) -> Result<(Value, Duration)> {
        let statement = self.client.prepare(sql).await?;
        let began = Instant::now();
        self.begin().await?;
        let answer: String = self.client.query_one(&statement, &[]).await?.get(0);
        self.client.batch_execute("commit").await?;
        let time = began.elapsed();
        Ok((serde_json::from_str(&answer)?, time))
    }

    async fn begin(&self) -> Result<()> {
        self.client.batch_execute("begin").await?;
        self.client.query_one(&self.identify, &[&self.claims]).await?;
        Ok(())
    }

    fn mutation(&mut self) -> Value {
        self.no += 1;
        let (id, no) = (Uuid::now_v7(), self.no);
        match self.last.take() {
            Some(record) => json!({
                "id": id, "no": no, "tbl": "tasks", "record": record, "op": "update", "base_version": 1,
                "set": {"status": "in_progress"}, "base": {"status": "open"}, "fence": null
            }),
            None => {
                let record = Uuid::now_v7();
                self.last = Some(record);
                json!({
                    "id": id, "no": no, "tbl": "tasks", "record": record, "op": "insert", "base_version": null, "base": {}, "fence": null,
                    "set": {
                        "name": format!("Report {no} for the quarter"), "status": "open", "priority": "normal", "due_date": "2026-12-01",
                        "estimate_hours": "2.5", "notes": "Ask for the figures of last month before the meeting on Thursday.",
                        "tags": ["office", "q3"], "rank": format!("f{no:06}")
                    }
                })
            }
        }
    }
}
