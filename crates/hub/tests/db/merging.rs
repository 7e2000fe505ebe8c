//! `apply_mutations`: what two people changed at once, what is refused, and that nothing happens twice.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::support::{Db, Person, Session};

const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000c1");
const TASK: Uuid = uuid!("20000000-0000-4000-8000-0000000000c1");
const PROJECT: Uuid = uuid!("20000000-0000-4000-8000-0000000000c2");
const ANN: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000c1")));
const BOB: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000c2")));

/// A person at a device, who counts their mutations.
struct Desk {
    session: Session,
    person: Person,
    device: Uuid,
    no: u64,
}

impl Desk {
    async fn new(db: &Db, person: Person) -> Self {
        Self { session: db.session().await, person, device: Uuid::now_v7(), no: 0 }
    }

    async fn send(&mut self, mutation: Value) -> Value {
        self.no += 1;
        let mut mutation = mutation;
        mutation["id"] = json!(Uuid::now_v7());
        mutation["no"] = json!(self.no);
        let answer = self.session.apply(self.person, TENANT, self.device, &json!([mutation])).await.unwrap();
        answer["results"][0].clone()
    }

    async fn task(&mut self, base_version: u64, set: Value, base: Value) -> Value {
        self.send(json!({"tbl": "tasks", "record": TASK, "op": "update", "base_version": base_version, "set": set, "base": base})).await
    }

    async fn budget(&mut self, base_version: u64, set: Value, base: Value) -> Value {
        self.send(json!({"tbl": "project_budgets", "record": PROJECT, "op": "update", "base_version": base_version, "set": set, "base": base}))
            .await
    }
}

async fn desks() -> (Db, Desk, Desk) {
    let db = Db::new().await;
    db.workspace(TENANT, &[(ANN, "owner", true), (BOB, "manager", true)]).await;
    let (mut ann, bob) = (Desk::new(&db, ANN).await, Desk::new(&db, BOB).await);
    let task = json!({"tbl": "tasks", "record": TASK, "op": "insert", "set": {"name": "Task", "tags": ["a", "b"], "notes": "one",
        "estimate_hours": "12.5"}});
    assert_eq!(ann.send(task).await["status"], "applied");
    ann.send(json!({"tbl": "projects", "record": PROJECT, "op": "insert", "set": {"name": "Project"}})).await;
    ann.send(json!({"tbl": "project_budgets", "record": PROJECT, "op": "insert", "set": {"budget": "1000", "billing": "fixed"}})).await;
    (db, ann, bob)
}

async fn row(db: &Db, tbl: &str) -> Value {
    db.owner().await.run(&format!("select to_json(r) from {tbl} r")).await.unwrap()
}

#[tokio::test]
async fn different_fields_merge_and_the_same_field_takes_the_latest() {
    let (db, mut ann, mut bob) = desks().await;
    assert_eq!(ann.task(1, json!({"name": "Ann's"}), json!({"name": "Task"})).await["merged"], false);
    let other = bob.task(1, json!({"status": "done"}), json!({"status": "open"})).await;
    assert_eq!((&other["status"], &other["merged"], &other["version"]), (&json!("applied"), &json!(true), &json!(3)));
    let same = bob.task(1, json!({"name": "Bob's"}), json!({"name": "Task"})).await;
    assert_eq!((&same["status"], &same["merged"]), (&json!("applied"), &json!(true)));
    let row = row(&db, "tasks").await;
    assert_eq!((&row["name"], &row["status"]), (&json!("Bob's"), &json!("done")));
    // What was overwritten is kept in the log.
    let kept = "select json_agg(\"row\" ->> 'name' order by seq) from sync.change where tbl = 'tasks'";
    assert_eq!(db.owner().await.run(kept).await.unwrap(), json!(["Task", "Ann's", "Ann's", "Bob's"]));
}

#[tokio::test]
async fn ones_own_earlier_change_is_no_conflict() {
    let (_db, mut ann, mut bob) = desks().await;
    // Written offline one after the other, all upon version 1 as the server knows it.
    assert_eq!(ann.task(1, json!({"notes": "two"}), json!({"notes": "one"})).await["merged"], false);
    let second = ann.task(1, json!({"notes": "three"}), json!({"notes": "two"})).await;
    assert_eq!((&second["status"], &second["merged"]), (&json!("applied"), &json!(false)));
    let delete = json!({"tbl": "tasks", "record": TASK, "op": "delete", "base_version": 1});
    assert_eq!(bob.send(delete.clone()).await["code"], "conflict", "another's edit stands against a delete");
    assert_eq!(ann.send(delete).await["status"], "applied");
}

#[tokio::test]
async fn sets_unite_with_removals() {
    let (db, mut ann, mut bob) = desks().await;
    ann.task(1, json!({"tags": ["b", "c"]}), json!({"tags": ["a", "b"]})).await;
    let answer = bob.task(1, json!({"tags": ["a", "b", "d"]}), json!({"tags": ["a", "b"]})).await;
    assert_eq!(answer["status"], "applied");
    assert_eq!(row(&db, "tasks").await["tags"], json!(["b", "c", "d"]), "a removed by one, c and d added");
}

#[tokio::test]
async fn money_is_refused_and_asked_and_equal_amounts_are_equal() {
    let (db, mut ann, mut bob) = desks().await;
    ann.budget(1, json!({"budget": "2000.00"}), json!({"budget": "1000.00"})).await;
    let refused = bob.budget(1, json!({"budget": "1500"}), json!({"budget": "1000"})).await;
    assert_eq!(refused["code"], "conflict");
    assert_eq!(refused["fields"], json!({"budget": {"base": "1000.00", "mine": "1500.00", "theirs": "2000.00"}}));
    // The same wish, and another spelling of the base, are no conflicts.
    assert_eq!(bob.budget(1, json!({"budget": "2000"}), json!({"budget": "1000"})).await["status"], "applied");
    assert_eq!(bob.budget(1, json!({"budget": "3000"}), json!({"budget": "2000"})).await["status"], "applied");
    assert_eq!(row(&db, "project_budgets").await["budget"], json!(3000.0));
}

#[tokio::test]
async fn long_text_goes_back_to_the_client() {
    let (_db, mut ann, mut bob) = desks().await;
    ann.task(1, json!({"notes": "ann"}), json!({"notes": "one"})).await;
    let answer =
        bob.task(1, json!({"notes": "bob", "status": "done"}), json!({"notes": "one", "status": "open"})).await;
    assert_eq!((&answer["status"], &answer["code"]), (&json!("rejected"), &json!("merge_text")));
    assert_eq!(answer["fields"], json!({"notes": {"base": "one", "mine": "bob", "theirs": "ann"}}));
    let merged = bob.task(2, json!({"notes": "ann\nbob"}), json!({"notes": "ann"})).await;
    assert_eq!(merged["status"], "applied");
}

#[tokio::test]
async fn the_trash_refuses_edits_and_gives_back() {
    let (db, mut ann, mut bob) = desks().await;
    ann.send(json!({"tbl": "tasks", "record": TASK, "op": "delete", "base_version": 1})).await;
    assert_eq!(bob.task(1, json!({"name": "x"}), json!({"name": "Task"})).await["code"], "deleted");
    let again = bob.send(json!({"tbl": "tasks", "record": TASK, "op": "delete", "base_version": 1})).await;
    assert_eq!(again["status"], "applied", "deleting twice is done");
    assert_eq!(bob.send(json!({"tbl": "tasks", "record": TASK, "op": "restore"})).await["status"], "applied");
    assert_eq!(row(&db, "tasks").await["deleted_at"], Value::Null);
    db.owner().await.run("delete from tasks").await.unwrap();
    assert_eq!(bob.task(1, json!({"name": "x"}), json!({"name": "Task"})).await["code"], "deleted");
    let back = json!({"tbl": "tasks", "record": TASK, "op": "insert", "set": {"name": "Back"}});
    assert_eq!(ann.send(back).await["version"], json!(5), "the version continues from the tombstone");
}

#[tokio::test]
async fn bad_values_are_final_and_do_not_stop_the_rest() {
    let (db, mut ann, _bob) = desks().await;
    let bad = [
        ("due_date", json!("soon")),
        ("status", json!("maybe")),
        ("name", json!("")),
        ("name", Value::Null),
        ("tags", json!(7)),
        ("estimate_hours", json!("-1")),
        ("estimate_hours", json!("1e99")),
        ("billable", json!("perhaps")),
        ("parent_task", json!(TASK)),
        ("project_id", json!(Uuid::now_v7())),
        ("notes", json!("x".repeat(100_001))),
    ];
    let mut batch = Vec::new();
    for (no, (column, value)) in bad.iter().enumerate() {
        batch.push(
            json!({"id": Uuid::now_v7(), "no": ann.no + no as u64 + 1, "tbl": "tasks", "record": TASK, "op": "update",
            "base_version": 1, "set": {*column: value}, "base": {}}),
        );
    }
    batch.push(json!({"id": Uuid::now_v7(), "no": ann.no + bad.len() as u64 + 1, "tbl": "tasks", "record": TASK, "op": "update",
        "base_version": 1, "set": {"name": "Good"}, "base": {"name": "Task"}}));
    let answer = ann.session.apply(ANN, TENANT, ann.device, &json!(batch)).await.unwrap();
    for (result, (column, _)) in answer["results"].as_array().unwrap().iter().zip(&bad) {
        assert_eq!((&result["status"], &result["code"]), (&json!("rejected"), &json!("invalid")), "{column}: {result}");
        assert!(result["message"].as_str().is_some_and(|message| message.len() > 10));
    }
    assert_eq!(answer["results"][bad.len()]["status"], "applied");
    let head = db.owner().await.run("select head from sync.scope where kind = 'tenant'").await.unwrap();
    assert_eq!(answer["results"][bad.len()]["seq"], head, "what was undone left no hole in the log");
    // A tree that would bite its tail.
    let (parent, child) = (Uuid::now_v7(), Uuid::now_v7());
    ann.no += bad.len() as u64 + 1;
    ann.send(json!({"tbl": "tasks", "record": parent, "op": "insert", "set": {"name": "P"}})).await;
    ann.send(json!({"tbl": "tasks", "record": child, "op": "insert", "set": {"name": "C", "parent_task": parent}}))
        .await;
    let cycle = json!({"tbl": "tasks", "record": parent, "op": "update", "base_version": 1, "set": {"parent_task": child}, "base": {}});
    assert_eq!(ann.send(cycle).await["code"], "invalid");
}

#[tokio::test]
async fn a_mutation_takes_effect_once_whatever_is_sent_again() {
    let (db, ann, _bob) = desks().await;
    let (device, copy) = (Uuid::now_v7(), Uuid::now_v7());
    let new = |no: u64| json!({"id": Uuid::now_v7(), "no": no, "tbl": "tasks", "record": Uuid::now_v7(), "op": "insert", "set": {"name": "T"}});
    let batch = json!([new(1), new(2), new(3)]);
    let first = ann.session.apply(ANN, TENANT, device, &batch).await.unwrap();
    let again = ann.session.apply(ANN, TENANT, device, &batch).await.unwrap();
    assert_eq!(first["results"], again["results"], "the stored answers");
    assert_eq!(again["expected"], json!(4));

    let hole = ann.session.apply(ANN, TENANT, device, &json!([new(5)])).await.unwrap();
    assert_eq!((&hole["error"], &hole["expected"]), (&json!("out_of_order"), &json!(4)));
    let shuffled = ann.session.apply(ANN, TENANT, device, &json!([new(5), new(4)])).await.unwrap();
    assert_eq!(shuffled["error"], "out_of_order");

    // A copied database: the same numbers carry other ids. It takes a new device id and sends what was unsent, some of it known.
    let forked = ann.session.apply(ANN, TENANT, device, &json!([new(3)])).await.unwrap();
    assert_eq!((&forked["error"], &forked["expected"]), (&json!("device_forked"), &json!(4)));
    let mut resent = batch[2].clone();
    resent["no"] = json!(1);
    let answer = ann.session.apply(ANN, TENANT, copy, &json!([resent, new(2)])).await.unwrap();
    assert_eq!(answer["results"][0]["status"], "applied");
    assert_eq!(answer["results"][0]["no"], json!(1));
    assert_eq!(db.owner().await.run("select count(*) from tasks where name = 'T'").await, Ok(json!(4)));

    let all: Vec<Value> = (3..54).map(new).collect();
    let too_many = ann.session.apply(ANN, TENANT, copy, &json!(all)).await;
    assert_eq!(too_many, Err("CK006".to_owned()), "51 in a call");
}
