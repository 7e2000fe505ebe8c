//! The order of locks with user heads: many who assign tasks to each other while each writes what is their own, with finance or without.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::{
    support::{Answer, Db, Person, Session, apply_sql, member_id},
    user_scope::{lay_out_personal, personal_id},
};

const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000f9");
const PEOPLE: u128 = 6;
const ROUNDS: u32 = 60;

fn person(random: &mut StdRng) -> Person {
    Person::new(random.random_range(0..PEOPLE))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_the_tenant_head_takes_user_heads_late_and_nobody_deadlocks() {
    let db = Arc::new(Db::new().await);
    let people: Vec<Person> = (0..PEOPLE).map(Person::new).collect();
    let members: Vec<_> = people.iter().map(|person| (*person, "owner", true)).collect();
    db.workspace(TENANT, &members).await;
    let owner = db.owner().await;
    lay_out_personal(&owner, TENANT, &people).await;
    let told = Arc::new(AtomicU32::new(0));
    let writers: Vec<_> = (0..PEOPLE).map(|number| tokio::spawn(write(db.clone(), number, told.clone()))).collect();
    let bare = tokio::spawn(write_bare(db.clone()));
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    for writer in writers {
        for (kind, count) in writer.await.unwrap() {
            *kinds.entry(kind).or_default() += count;
        }
    }
    bare.await.unwrap();

    let holes = "select count(*) from (select seq - row_number() over (partition by scope order by seq) as gap from sync.change) g where gap <> 0";
    assert_eq!(owner.run(holes).await, Ok(json!(0)), "contiguous");
    let heads =
        "select count(*) from sync.scope s where head <> (select count(*) from sync.change c where c.scope = s.id)";
    assert_eq!(owner.run(heads).await, Ok(json!(0)), "as many rows as numbers");
    let foreign = "select count(*) from sync.change c join sync.scope s on s.id = c.scope
        where s.kind = 'user' and (c.\"row\" ->> 'member_id')::uuid is distinct from s.member_id";
    assert_eq!(owner.run(foreign).await, Ok(json!(0)), "each in the scope of its person");
    let items = "select count(*) from inbox_items where kind = 'assignment'";
    assert_eq!(
        owner.run(items).await,
        Ok(json!(told.load(Ordering::Relaxed))),
        "one item an assignment to someone else"
    );
    let deadlocks = "select deadlocks::bigint from pg_stat_database where datname = current_database()";
    assert_eq!(owner.run(deadlocks).await, Ok(json!(0)));
    println!("{kinds:?}, {} items", told.load(Ordering::Relaxed));
    assert!(kinds.len() == 5 && kinds.values().all(|count| *count > 5), "the run met what it is about: {kinds:?}");
}

/// Sends until it is taken: a time-out of a lock undoes the call, and is sent again as clients do. A deadlock fails the test.
async fn send(session: &Session, person: Person, sql: &str) -> Value {
    loop {
        match session.ask(person, sql).await {
            Ok(answer) => return answer,
            Err(code) => assert!(code == "55P03" || code == "57014", "{code}: {sql}"),
        }
    }
}

async fn write(db: Arc<Db>, number: u128, told: Arc<AtomicU32>) -> BTreeMap<&'static str, u32> {
    let session = db.session().await;
    let me = Person::new(number);
    let mut random = StdRng::seed_from_u64(7000 + number as u64);
    let (device, mut no) = (Uuid::now_v7(), 0_u64);
    let mut kinds = BTreeMap::new();
    for _ in 0..ROUNDS {
        let assignments = |random: &mut StdRng| -> Vec<Value> {
            let assign = |random: &mut StdRng| {
                let them = person(random);
                told.fetch_add(u32::from(them != me), Ordering::Relaxed);
                json!({"tbl": "tasks", "record": Uuid::now_v7(), "op": "insert", "set": {"name": "T", "assignee": member_id(TENANT, them)}})
            };
            (0..3).map(|_| assign(random)).collect()
        };
        let mine = || {
            json!({"tbl": "inbox_items", "record": personal_id(TENANT, me, "inbox_items"), "op": "update",
                "set": {"read_at": null, "archived_at": "2026-01-01T00:00:00Z"}, "base": {}})
        };
        let setting =
            || json!({"tbl": "preferences", "record": Uuid::now_v7(), "op": "insert", "set": {"key": Uuid::now_v7()}});
        let (project, view) = (Uuid::now_v7(), personal_id(TENANT, me, "saved_views"));
        let rename =
            json!({"tbl": "saved_views", "record": view, "op": "update", "set": {"name": Uuid::now_v7()}, "base": {}});
        let (kind, batch) = match random.random_range(0..5) {
            0 => ("tenant", assignments(&mut random)),
            1 => ("user", vec![mine(), setting(), rename]),
            2 => ("tenant and user", [vec![setting()], assignments(&mut random), vec![rename]].concat()),
            // The budget is refused for want of its project, under the finance head all the same.
            3 => (
                "finance and user",
                vec![
                    rename,
                    json!({"tbl": "project_budgets", "record": project, "op": "insert", "set": {}}),
                    setting(),
                ],
            ),
            _ => {
                let them = member_id(TENANT, person(&mut random));
                let right = random.random_bool(0.5);
                send(&session, me, &format!("select set_member_role('{TENANT}', '{them}', 'owner', {right})")).await;
                *kinds.entry("role").or_insert(0) += 1;
                continue;
            }
        };
        *kinds.entry(kind).or_insert(0) += 1;
        let numbered: Vec<Value> = batch
            .into_iter()
            .map(|mut mutation| {
                no += 1;
                mutation["no"] = json!(no);
                mutation["id"] = json!(Uuid::now_v7());
                mutation
            })
            .collect();
        let answer = send(&session, me, &apply_sql(TENANT, device, &json!(numbered))).await;
        for (result, mutation) in answer["results"].as_array().unwrap().iter().zip(&numbered) {
            let expected = if mutation["tbl"] == "project_budgets" { "rejected" } else { "applied" };
            assert_eq!(result["status"], expected, "{result} of {mutation}");
        }
    }
    kinds
}

/// An administrator's statements, over the rows of everybody.
async fn write_bare(db: Arc<Db>) {
    let owner = db.owner().await;
    for round in 0..ROUNDS / 2 {
        let sql = match round % 3 {
            0 => "update saved_views set module = 'clients'",
            1 => "update inbox_items set archived_at = now() where kind = 'review'",
            _ => "update tasks set review_stage = 'x' where id in (select id from tasks order by id desc limit 3)",
        };
        let answer: Answer = owner.run(sql).await;
        answer.unwrap();
    }
}
