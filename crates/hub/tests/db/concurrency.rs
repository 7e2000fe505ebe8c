//! Many at once: numbers contiguous and in the order of commits, everything exactly once, no deadlock in the sanctioned order.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::support::{Db, Person, Session, apply_sql};

const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000e1");
const WRITERS: u128 = 8;
const ROUNDS: u32 = 40;

/// Tasks that all write to, so that a writer who took a row before the head would meet one who took the head first.
const SHARED: u32 = 5;

fn shared_task(number: u32) -> Uuid {
    Uuid::new_v5(&TENANT, &number.to_be_bytes())
}

/// What one writer did, told by itself: the oracle that the log is held against.
#[derive(Default)]
struct Told {
    applied: BTreeSet<Uuid>,
    rejected: u32,
    resent: u32,
    undone: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_and_a_reader_who_misses_nothing() {
    let db = Arc::new(Db::new().await);
    let members: Vec<(Person, &str, bool)> =
        (0..WRITERS + 1).map(|number| (Person::new(number), "owner", true)).collect();
    db.workspace(TENANT, &members).await;
    for shared in 0..SHARED {
        let sql =
            format!("insert into tasks (id, tenant_id, name) values ('{}', '{TENANT}', 'Shared')", shared_task(shared));
        db.owner().await.run(&sql).await.unwrap();
    }
    let done = Arc::new(AtomicBool::new(false));
    let bare = Arc::new(AtomicU32::new(0));

    let reader = tokio::spawn(read_along(db.clone(), Person::new(WRITERS), done.clone()));
    let owners: Vec<_> = (0..2).map(|seed| tokio::spawn(write_bare(db.clone(), seed, bare.clone()))).collect();
    let writers: Vec<_> =
        (0..WRITERS).map(|number| tokio::spawn(write(db.clone(), Person::new(number), number as u64))).collect();
    let mut told = Told::default();
    for writer in writers {
        let one = writer.await.unwrap();
        told.applied.extend(one.applied);
        told.rejected += one.rejected;
        told.resent += one.resent;
        told.undone += one.undone;
    }
    for owner in owners {
        owner.await.unwrap();
    }
    done.store(true, Ordering::Release);
    let read = reader.await.unwrap();

    let session = db.owner().await;
    let holes = "select count(*) from (select seq - row_number() over (partition by scope order by seq) as gap from sync.change) g where gap <> 0";
    assert_eq!(session.run(holes).await, Ok(json!(0)), "contiguous");
    let heads =
        "select count(*) from sync.scope s where head <> (select count(*) from sync.change c where c.scope = s.id)";
    assert_eq!(session.run(heads).await, Ok(json!(0)), "as many rows as numbers");
    let split = "select count(*) from (select xid, max(seq) - min(seq) + 1 - count(*) as gap from sync.change group by scope, xid) g where gap <> 0";
    assert_eq!(session.run(split).await, Ok(json!(0)), "a transaction's numbers lie together");
    let log: BTreeMap<u64, Uuid> = serde_json::from_value(
        session.run("select json_object_agg(c.seq, c.record_id) from sync.change c join sync.scope s on s.id = c.scope where s.kind = 'tenant'").await.unwrap(),
    )
    .unwrap();
    assert_eq!(read, log, "the reader saw every change, each under its own number");
    let logged =
        session.run("select json_agg(mutation_id) from sync.change where mutation_id is not null").await.unwrap();
    let logged: Vec<Uuid> = serde_json::from_value(logged).unwrap();
    let once: BTreeSet<Uuid> = logged.iter().copied().collect();
    assert_eq!(once.len(), logged.len(), "no mutation twice");
    assert_eq!(once, told.applied, "every acknowledged mutation, and no other");
    let deadlocks = "select deadlocks::bigint from pg_stat_database where datname = current_database()";
    assert_eq!(session.run(deadlocks).await, Ok(json!(0)));
    let happened = [told.rejected, told.resent, told.undone, bare.load(Ordering::Relaxed)];
    println!("{} changes, {} applied; rejected, resent, undone, bare: {happened:?}", log.len(), told.applied.len());
    assert!(happened.iter().all(|count| *count > 0), "the run met what it is about: {happened:?}");
}

/// Batches with good and refused mutations in both scopes, some sent twice, some rolled back after they were applied.
async fn write(db: Arc<Db>, person: Person, seed: u64) -> Told {
    let session = db.session().await;
    let mut random = StdRng::seed_from_u64(seed);
    let mut told = Told::default();
    let (device, mut no) = (Uuid::now_v7(), 0_u64);
    for _ in 0..ROUNDS {
        let batch: Vec<Value> = (0..random.random_range(1..6_u64)).flat_map(|_| mutations(&mut random)).collect();
        let batch: Vec<Value> = batch
            .into_iter()
            .enumerate()
            .map(|(at, mut mutation)| {
                mutation["no"] = json!(no + 1 + at as u64);
                mutation["id"] = json!(Uuid::now_v7());
                mutation
            })
            .collect();
        let count = batch.len() as u64;
        let sql = apply_sql(TENANT, device, &json!(batch));
        if random.random_bool(0.2) {
            // The connection broke before the commit: nothing happened, and it is sent again.
            session.begin(person).await;
            session.client.batch_execute("savepoint s").await.unwrap();
            session.run(&sql).await.unwrap();
            let undo = if random.random_bool(0.5) { "rollback" } else { "rollback to s; commit" };
            session.end(undo).await;
            told.undone += 1;
        }
        let answer = session.ask(person, &sql).await.unwrap();
        if random.random_bool(0.3) {
            // The answer was lost, and it is sent again.
            let again = session.ask(person, &sql).await.unwrap();
            assert_eq!(again["results"], answer["results"]);
            told.resent += 1;
        }
        assert_eq!(answer["expected"], json!(no + count + 1), "{answer}");
        for result in answer["results"].as_array().unwrap() {
            if result["status"] == "applied" {
                told.applied.insert(result["id"].as_str().unwrap().parse().unwrap());
            } else {
                told.rejected += 1;
            }
        }
        no += count;
    }
    told
}

fn mutations(random: &mut StdRng) -> Vec<Value> {
    let record = Uuid::now_v7();
    let task = |status: &str| json!({"tbl": "tasks", "record": record, "op": "insert", "set": {"name": "T", "status": status}});
    match random.random_range(0..5) {
        4 => {
            let shared = shared_task(random.random_range(0..SHARED));
            // Another value each time: writing what is there already is acknowledged and not logged.
            vec![
                json!({"tbl": "tasks", "record": shared, "op": "update", "base_version": 1, "set": {"rank": Uuid::now_v7()}, "base": {}}),
            ]
        }
        0 => vec![task("no such status")],
        1 => vec![
            json!({"tbl": "projects", "record": record, "op": "insert", "set": {"name": "P"}}),
            json!({"tbl": "project_budgets", "record": record, "op": "insert", "set": {"budget": "10"}}),
        ],
        2 => vec![
            task("open"),
            json!({"tbl": "tasks", "record": record, "op": "update", "base_version": 1, "set": {"name": "U"}, "base": {"name": "T"}}),
        ],
        _ => vec![task("open")],
    }
}

/// Statements past the ledger, as an administrator writes them: they take the heads before they touch a row.
async fn write_bare(db: Arc<Db>, seed: u64, count: Arc<AtomicU32>) {
    let owner = db.owner().await;
    let mut random = StdRng::seed_from_u64(1000 + seed);
    for _ in 0..ROUNDS {
        let sql = match random.random_range(0..3) {
            0 => "update tasks set review_stage = 'x' where name = 'Shared'".to_owned(),
            1 => format!("insert into clients (id, tenant_id, name) select gen_random_uuid(), '{TENANT}', 'C' from generate_series(1, 3)"),
            _ => "update project_budgets set budget = 11 where id in (select id from project_budgets order by id desc limit 2)".to_owned(),
        };
        owner.run(&sql).await.unwrap();
        count.fetch_add(1, Ordering::Relaxed);
    }
}

async fn read_along(db: Arc<Db>, person: Person, done: Arc<AtomicBool>) -> BTreeMap<u64, Uuid> {
    let session = db.session().await;
    let scope = session.ask(person, "select my_workspaces() -> 0 -> 'scopes' -> 0 -> 'scope'").await.unwrap();
    let mut cursor = json!({"scope": scope, "epoch": 1, "seq": 0, "mark": null});
    let mut seen = BTreeMap::new();
    loop {
        let last_round = done.load(Ordering::Acquire);
        let page = session.pull(person, &json!([cursor]), 50).await["scopes"][0].clone();
        assert_eq!(page["state"], "ok");
        for change in page["changes"].as_array().unwrap() {
            let seq = change["seq"].as_u64().unwrap();
            assert_eq!(seq, cursor["seq"].as_u64().unwrap() + 1, "the next number, never one that was passed");
            seen.insert(seq, change["id"].as_str().unwrap().parse().unwrap());
            cursor["seq"] = json!(seq);
            cursor["mark"] = change["mark"].clone();
        }
        let (at, head) = (cursor["seq"].as_u64().unwrap(), page["head"].as_u64().unwrap());
        assert!(
            at <= head && (page["more"] == true) == (at < head),
            "head {head} and rows to {at} are of one snapshot"
        );
        if last_round && page["more"] == false {
            return seen;
        }
    }
}

/// A device's calls are one after the other even when a copy sends at the same time: one of the two is told that it forked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_copies_of_a_device_at_once() {
    let db = Db::new().await;
    let ann = Person::new(1);
    db.workspace(TENANT, &[(ann, "owner", true)]).await;
    let sessions: [Session; 2] = [db.session().await, db.session().await];
    let device = Uuid::now_v7();
    for no in 1..=20 {
        let batch = |_: &Session| json!([{"id": Uuid::now_v7(), "no": no, "tbl": "tasks", "record": Uuid::now_v7(), "op": "insert", "set": {"name": "T"}}]);
        let (one, two) = (batch(&sessions[0]), batch(&sessions[1]));
        let answers =
            tokio::join!(sessions[0].apply(ann, TENANT, device, &one), sessions[1].apply(ann, TENANT, device, &two));
        let errors: Vec<Value> =
            [answers.0, answers.1].into_iter().map(|answer| answer.unwrap()["error"].clone()).collect();
        assert!(errors.contains(&Value::Null) && errors.contains(&json!("device_forked")), "{errors:?}");
    }
    assert_eq!(db.owner().await.run("select count(*) from tasks").await, Ok(json!(20)));
}

/// A head that another holds is waited for no longer than two seconds, and what was sent counts as not sent.
#[tokio::test]
async fn a_held_head_is_a_retryable_error_and_stores_nothing() {
    let db = Db::new().await;
    let ann = Person::new(1);
    db.workspace(TENANT, &[(ann, "owner", true)]).await;
    let (owner, session) = (db.owner().await, db.session().await);
    owner.client.batch_execute("begin; select from sync.scope for update").await.unwrap();
    let batch = json!([{"id": Uuid::now_v7(), "no": 1, "tbl": "tasks", "record": Uuid::now_v7(), "op": "insert", "set": {"name": "T"}}]);
    let device = Uuid::now_v7();
    assert_eq!(session.apply(ann, TENANT, device, &batch).await, Err("55P03".to_owned()));
    owner.client.batch_execute("rollback").await.unwrap();
    let answer = session.apply(ann, TENANT, device, &batch).await.unwrap();
    assert_eq!(answer["results"][0]["status"], "applied");
}
