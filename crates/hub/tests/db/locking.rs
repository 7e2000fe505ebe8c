//! What a lock does to writes: what waits, what goes through, what is refused for ever, and no deadlock among all of it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::locks::{
    ANN, BOB, LAPTOP, MANAGER, OTHER_TASK, PHONE, PROJECT, TASK, TENANT, VIEWER, expire, fence, lock, lock_sql,
    take_over, unlock, workspace,
};
use crate::support::{Db, Person, Session, member_id, quoted};

fn edit(no: u64, tbl: &str, record: Uuid, column: &str, value: Value) -> Value {
    json!({"id": Uuid::now_v7(), "no": no, "tbl": tbl, "record": record, "op": "update", "set": {column: value}, "base": {}})
}

fn delete(no: u64, task: Uuid) -> Value {
    json!({"id": Uuid::now_v7(), "no": no, "tbl": "tasks", "record": task, "op": "delete"})
}

async fn send(session: &Session, person: Person, device: Uuid, batch: &[Value]) -> Value {
    session.apply(person, TENANT, device, &json!(batch)).await.unwrap()
}

fn statuses(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|result| result["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_write_to_a_locked_form_waits_ends_its_batch_and_is_not_counted() {
    let (_db, session, owner) = workspace().await;
    lock(&session, BOB, PHONE, TASK).await;
    let batch = [
        edit(1, "tasks", OTHER_TASK, "name", json!("A")),
        edit(2, "tasks", TASK, "name", json!("B")),
        edit(3, "tasks", OTHER_TASK, "name", json!("C")),
    ];
    let answer = send(&session, ANN, LAPTOP, &batch).await;
    assert_eq!((statuses(&answer), &answer["expected"]), (vec!["applied", "waiting"], &json!(2)));
    let waiting = &answer["results"][1];
    assert_eq!((&waiting["id"], &waiting["no"], &waiting["code"]), (&batch[1]["id"], &json!(2), &json!("locked")));
    let holder = &waiting["fields"]["holder"];
    assert_eq!((&holder["member"], &holder["name"]), (&json!(member_id(TENANT, BOB)), &json!("Bob")));
    assert!(holder["expires_at"].as_str().unwrap().ends_with('Z'), "{holder}");
    assert_eq!(owner.run("select count(*) from sync.mutation").await, Ok(json!(1)), "it is not stored");
    assert_eq!(owner.run(&format!("select name from tasks where id = '{TASK}'")).await, Ok(json!("T")));

    let mut third = batch[2].clone();
    third["no"] = json!(2);
    let answer = send(&session, ANN, LAPTOP, &[third]).await;
    assert_eq!(statuses(&answer), ["applied"], "only its own record waits: the rest goes on under the next number");
    unlock(&session, BOB, PHONE, TASK).await;
    let mut second = batch[1].clone();
    second["no"] = json!(3);
    assert_eq!(statuses(&send(&session, ANN, LAPTOP, &[second]).await), ["applied"], "released");
}

#[tokio::test]
async fn an_expired_lock_holds_nobody_up() {
    let (_db, session, owner) = workspace().await;
    lock(&session, BOB, PHONE, TASK).await;
    expire(&owner).await;
    assert_eq!(
        statuses(&send(&session, ANN, LAPTOP, &[edit(1, "tasks", TASK, "name", json!("A"))]).await),
        ["applied"]
    );
}

#[tokio::test]
async fn what_a_lock_does_not_cover_goes_through_and_a_delete_waits() {
    let (_db, session, _owner) = workspace().await;
    lock(&session, BOB, PHONE, TASK).await;
    let batch = [
        edit(1, "tasks", TASK, "status", json!("done")),
        edit(2, "tasks", TASK, "tags", json!(["x"])),
        edit(3, "tasks", TASK, "rank", json!("b")),
        delete(4, OTHER_TASK),
        delete(5, TASK),
    ];
    let answer = send(&session, ANN, LAPTOP, &batch).await;
    assert_eq!(statuses(&answer), ["applied", "applied", "applied", "applied", "waiting"]);
}

#[tokio::test]
async fn the_holders_device_writes_and_their_other_device_waits() {
    let (_db, session, _owner) = workspace().await;
    lock(&session, ANN, LAPTOP, TASK).await;
    assert_eq!(
        statuses(&send(&session, ANN, LAPTOP, &[edit(1, "tasks", TASK, "name", json!("A"))]).await),
        ["applied"]
    );
    assert_eq!(statuses(&send(&session, ANN, PHONE, &[edit(1, "tasks", TASK, "name", json!("B"))]).await), ["waiting"]);
    // A device's id is no secret: the same one under another account is another device.
    assert_eq!(
        statuses(&send(&session, BOB, LAPTOP, &[edit(1, "tasks", TASK, "name", json!("C"))]).await),
        ["waiting"]
    );
    assert_eq!(
        statuses(&send(&session, MANAGER, PHONE, &[edit(1, "tasks", TASK, "name", json!("D"))]).await),
        ["waiting"],
        "a manager takes it over first"
    );
}

#[tokio::test]
async fn a_write_under_a_lock_that_another_has_taken_since_is_refused_for_ever() {
    let (_db, session, _owner) = workspace().await;
    let mine = fence(&lock(&session, ANN, LAPTOP, TASK).await);
    let under = |no: u64, fence: i64| {
        let mut mutation = edit(no, "tasks", TASK, "name", json!(format!("{no}")));
        mutation["fence"] = json!(fence);
        mutation
    };
    assert_eq!(statuses(&send(&session, ANN, LAPTOP, &[under(1, mine)]).await), ["applied"]);
    take_over(&session, MANAGER, PHONE, "main").await;
    let late = under(2, mine);
    let answer = send(&session, ANN, LAPTOP, std::slice::from_ref(&late)).await;
    let result = &answer["results"][0];
    assert_eq!((&result["status"], &result["code"]), (&json!("rejected"), &json!("fenced")), "{answer}");
    assert_eq!(answer["expected"], 3, "it is final, and counted");
    assert_eq!(&send(&session, ANN, LAPTOP, &[late]).await["results"][0], result, "and answered the same again");
    unlock(&session, MANAGER, PHONE, TASK).await;
    assert_eq!(
        send(&session, ANN, LAPTOP, &[under(3, mine)]).await["results"][0]["code"],
        "fenced",
        "also after the release"
    );
    let again = fence(&lock(&session, ANN, LAPTOP, TASK).await);
    assert_eq!(statuses(&send(&session, ANN, LAPTOP, &[under(4, again)]).await), ["applied"]);
}

#[tokio::test]
async fn what_was_answered_before_the_lock_is_answered_again() {
    let (_db, session, _owner) = workspace().await;
    let batch = [edit(1, "tasks", TASK, "name", json!("A"))];
    let first = send(&session, ANN, LAPTOP, &batch).await;
    lock(&session, BOB, PHONE, TASK).await;
    assert_eq!(send(&session, ANN, LAPTOP, &batch).await["results"], first["results"]);
    // A copied device sends it under a number of its own.
    assert_eq!(statuses(&send(&session, ANN, Uuid::now_v7(), &batch).await), ["applied"]);
}

#[tokio::test]
async fn a_projects_lock_covers_its_budget() {
    let (_db, session, owner) = workspace().await;
    let admin = Person::new(1);
    owner.client.batch_execute(&format!(
        "insert into auth.users (id, email) values ('{0}', 'a@example.com');
         insert into tenant_members (id, tenant_id, auth_user, role, name) values (gen_random_uuid(), '{TENANT}', '{0}', 'admin', 'A')",
        admin.id()
    )).await.unwrap();
    session.ask(MANAGER, &lock_sql(LAPTOP, "main", "project", PROJECT, "")).await.unwrap();
    let batch = [
        edit(1, "projects", PROJECT, "status", json!("active")),
        edit(2, "project_budgets", PROJECT, "budget", json!("5")),
    ];
    assert_eq!(statuses(&send(&session, admin, PHONE, &batch).await), ["applied", "waiting"]);
    // Who may not write it is told so at once and waits for nobody.
    let refused = send(&session, ANN, PHONE, &[edit(1, "projects", PROJECT, "name", json!("X"))]).await;
    assert_eq!(refused["results"][0]["code"], "forbidden");
    lock(&session, BOB, PHONE, TASK).await;
    let refused = send(&session, VIEWER, PHONE, &[edit(1, "tasks", TASK, "name", json!("X"))]).await;
    assert_eq!(refused["results"][0]["code"], "forbidden");
}

/// A lock and a write of the same record are one after the other, because both take the heads of the scopes it is written in.
#[tokio::test]
async fn locks_are_taken_renewed_and_released_after_a_writer_of_the_record_or_not_at_all() {
    let (db, session, owner) = workspace().await;
    lock(&session, MANAGER, LAPTOP, TASK).await;
    for (head, kind, record) in [("tenant", "task", TASK), ("finance", "project", PROJECT)] {
        let take =
            format!("begin; select from sync.scope where tenant_id = '{TENANT}' and kind = '{head}' for no key update");
        owner.client.batch_execute(&take).await.unwrap();
        let named = quoted(&json!([{"record_type": kind, "record_id": record, "fence": 1}]));
        let calls = [
            lock_sql(LAPTOP, "main", kind, record, ""),
            format!("select lock_heartbeat('{TENANT}', '{LAPTOP}', {named})"),
            format!("select unlock_record('{TENANT}', '{LAPTOP}', 'main', '{kind}', '{record}')"),
        ];
        let waiting = calls.iter().map(async |sql| db.session().await.ask(MANAGER, sql).await);
        for (answer, sql) in join_all(waiting).await.into_iter().zip(&calls) {
            assert_eq!(answer, Err("55P03".to_owned()), "{head}: {sql}");
        }
        let idle = format!("select lock_heartbeat('{TENANT}', '{LAPTOP}', '[]')");
        session.ask(MANAGER, &idle).await.expect("only reading waits for nobody");
        owner.client.batch_execute("rollback").await.unwrap();
    }
}

const PEOPLE: u128 = 6;
const ROUNDS: u32 = 40;

/// What happened in the run below, counted by those who did it.
#[derive(Default)]
struct Met {
    applied: AtomicU32,
    waited: AtomicU32,
    granted: AtomicU32,
    refused: AtomicU32,
    taken_over: AtomicU32,
}

/// Everyone locks, takes over, renews, writes and releases the same few records of both scopes, in orders of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_lockers_and_heartbeats_never_deadlock() {
    let (db, _session, owner) = workspace().await;
    for number in 1..=PEOPLE {
        let person = Person::new(number);
        owner.client.batch_execute(&format!(
            "insert into auth.users (id, email) values ('{0}', '{1}');
             insert into tenant_members (id, tenant_id, auth_user, role, name) values ('{2}', '{TENANT}', '{0}', 'manager', 'M')",
            person.id(), person.email(), member_id(TENANT, person)
        )).await.unwrap();
    }
    let (db, met) = (Arc::new(db), Arc::new(Met::default()));
    let runs: Vec<_> = (1..=PEOPLE).map(|number| tokio::spawn(work(db.clone(), number, met.clone()))).collect();
    for run in runs {
        run.await.unwrap();
    }
    let deadlocks = "select deadlocks::bigint from pg_stat_database where datname = current_database()";
    assert_eq!(owner.run(deadlocks).await, Ok(json!(0)));
    let counts = [&met.applied, &met.waited, &met.granted, &met.refused, &met.taken_over]
        .map(|count| count.load(Ordering::Relaxed));
    println!("applied, waited, granted, refused, taken over: {counts:?}");
    assert!(counts.iter().all(|count| *count > 0), "the run met what it is about: {counts:?}");
}

async fn work(db: Arc<Db>, number: u128, met: Arc<Met>) {
    let (session, person, device) = (db.session().await, Person::new(number), Uuid::now_v7());
    let records = [("task", "tasks", TASK), ("task", "tasks", OTHER_TASK), ("project", "project_budgets", PROJECT)];
    let mut no = 1;
    for round in 0..ROUNDS {
        let turn = (number as usize + round as usize) % records.len();
        let (kind, _, record) = records[turn];
        let over = round % 5 == 0;
        let sql = lock_sql(device, "main", kind, record, if over { ", 30, true" } else { "" });
        let locked = session.ask(person, &sql).await.unwrap();
        let granted = locked["granted"] == true;
        let count = if granted && over {
            &met.taken_over
        } else if granted {
            &met.granted
        } else {
            &met.refused
        };
        count.fetch_add(1, Ordering::Relaxed);

        // Both scopes in one batch, beginning with another record each time.
        let batch: Vec<Value> = (0..records.len())
            .map(|at| {
                let (_, tbl, record) = records[(turn + at) % records.len()];
                let (column, value) = if tbl == "tasks" { ("name", json!(Uuid::now_v7())) } else { ("budget", json!("7")) };
                json!({"id": Uuid::now_v7(), "no": no + at as u64, "tbl": tbl, "record": record, "op": "update", "base_version": null,
                    "set": {column: value}, "base": {column: null}})
            })
            .collect();
        let answer = send(&session, person, device, &batch).await;
        for status in statuses(&answer) {
            let count = if status == "waiting" { &met.waited } else { &met.applied };
            count.fetch_add(1, Ordering::Relaxed);
        }
        no = answer["expected"].as_u64().unwrap();

        // In the order opposite to others', which must not matter.
        let mut named: Vec<Value> = records
            .iter()
            .map(
                |(kind, _, record)| json!({"record_type": kind, "record_id": record, "fence": locked["lock"]["fence"]}),
            )
            .collect();
        if number.is_multiple_of(2) {
            named.reverse();
        }
        let beat = format!("select lock_heartbeat('{TENANT}', '{device}', {})", quoted(&json!(named)));
        session.ask(person, &beat).await.unwrap();
        if round % 3 == 0 {
            let release = format!("select unlock_record('{TENANT}', '{device}', 'main', '{kind}', '{record}')");
            session.ask(person, &release).await.unwrap();
        }
    }
}
