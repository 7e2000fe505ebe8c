//! The inbox, which the database fills: what comes into it, for whom, and that nobody else learns of it.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::{
    permissions::may,
    support::{Person, Session, member_id, quoted},
    user_scope::{ANN, BOB, EVE, TENANT, apply, lay_out_personal, pulled, topic, user_scope, workspace},
};

const TASK: Uuid = uuid!("20000000-0000-4000-8000-0000000000f1");

async fn assign(session: &Session, person: Person, assignee: Option<Person>) -> Value {
    let set = json!({"assignee": assignee.map(|person| member_id(TENANT, person))});
    apply(session, person, "tasks", json!({"record": TASK, "op": "update", "set": set, "base": {}})).await
}

/// What lies in a person's inbox, as the schema's owner sees it.
async fn inbox(owner: &Session, person: Person) -> Vec<Value> {
    let sql = format!(
        "select coalesce(json_agg(i order by i.at), '[]') from inbox_items i where member_id = '{}'",
        member_id(TENANT, person)
    );
    owner.run(&sql).await.unwrap().as_array().unwrap().clone()
}

async fn task(owner: &Session, name: &str) {
    owner
        .run(&format!("insert into tasks (id, tenant_id, name) values ('{TASK}', '{TENANT}', '{name}')"))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_assignment_by_someone_else_comes_into_the_inbox() {
    let (_db, session, owner) = workspace().await;
    task(&owner, &"ä".repeat(400)).await;
    let result = assign(&session, ANN, Some(BOB)).await;
    let tenant_scope = owner
        .run(&format!("select id from sync.scope where kind = 'tenant' and tenant_id = '{TENANT}'"))
        .await
        .unwrap();
    assert_eq!(
        (&result["status"], &result["scope"]),
        (&json!("applied"), &tenant_scope),
        "the sender learns of the task only"
    );
    let items = inbox(&owner, BOB).await;
    assert_eq!(items.len(), 1);
    let item = &items[0];
    assert_eq!((&item["kind"], &item["task_id"]), (&json!("assignment"), &json!(TASK)));
    assert_eq!((&item["actor"], &item["read_at"]), (&json!(member_id(TENANT, ANN)), &Value::Null));
    assert_eq!(item["excerpt"], json!("ä".repeat(300)), "cut by characters");

    let (scope, _) = user_scope(&owner, BOB).await;
    let changes = pulled(&session, BOB, scope).await.unwrap();
    assert_eq!(
        (&changes[0]["row"]["id"], &changes[0]["mutation"]),
        (&item["id"], &Value::Null),
        "no mutation of the sender"
    );
    let logged =
        format!("select mutation_id is not null from sync.change where record_id = '{TASK}' order by seq desc limit 1");
    assert_eq!(owner.run(&logged).await, Ok(json!(true)), "while the task's change names it");
    let read = json!({"record": item["id"], "op": "update", "set": {"read_at": "2026-01-02T03:04:05Z"}, "base": {"read_at": null}});
    assert_eq!(apply(&session, BOB, "inbox_items", read).await["seq"], json!(2));
}

/// What a batch answers as `seq` is of the sender's own scope, also after it wrote into somebody else's.
#[tokio::test]
async fn the_number_of_somebody_elses_scope_is_never_answered() {
    let (_db, session, owner) = workspace().await;
    lay_out_personal(&owner, TENANT, &[BOB]).await;
    task(&owner, "T").await;
    let mine = Uuid::now_v7();
    apply(&session, ANN, "preferences", json!({"record": mine, "op": "insert", "set": {"key": "k"}})).await;
    let set = json!({"assignee": member_id(TENANT, BOB)});
    let mutations = json!([
        {"id": Uuid::now_v7(), "no": 1, "tbl": "tasks", "record": TASK, "op": "update", "set": set, "base": {}},
        // As it is already: nothing is written, so that the seq is that of the scope's head.
        {"id": Uuid::now_v7(), "no": 2, "tbl": "preferences", "record": mine, "op": "update", "set": {"key": "k"}, "base": {}},
    ]);
    let answer = session.apply(ANN, TENANT, Uuid::now_v7(), &mutations).await.unwrap();
    assert_eq!(inbox(&owner, BOB).await.len(), 2, "the fourth row of Bob's log");
    let (scope, _) = user_scope(&owner, ANN).await;
    assert_eq!((&answer["results"][1]["scope"], &answer["results"][1]["seq"]), (&json!(scope), &json!(1)));
}

#[tokio::test]
async fn nobody_is_told_of_their_own_act_nor_of_what_is_not_new() {
    let (_db, session, owner) = workspace().await;
    task(&owner, "T").await;
    assign(&session, BOB, Some(BOB)).await;
    assert_eq!(inbox(&owner, BOB).await.len(), 0, "one's own act");
    owner.run("update tasks set assignee = null").await.unwrap();
    owner.run(&format!("update tasks set assignee = '{}'", member_id(TENANT, BOB))).await.unwrap();
    assert_eq!(inbox(&owner, BOB).await.len(), 0, "an administrator's repair");
    let rename = json!({"record": TASK, "op": "update", "set": {"name": "U"}, "base": {}});
    apply(&session, ANN, "tasks", rename).await;
    assert_eq!(inbox(&owner, BOB).await.len(), 0, "another field");
    assign(&session, ANN, None).await;
    assert_eq!(inbox(&owner, BOB).await.len(), 0, "taken away");
    let born =
        json!({"record": Uuid::now_v7(), "op": "insert", "set": {"name": "New", "assignee": member_id(TENANT, BOB)}});
    apply(&session, ANN, "tasks", born).await;
    assert_eq!(inbox(&owner, BOB).await.len(), 1, "born with an assignee");
    assign(&session, ANN, Some(EVE)).await;
    assert_eq!((inbox(&owner, BOB).await.len(), inbox(&owner, EVE).await.len()), (1, 1), "only who is new");
}

#[tokio::test]
async fn a_former_member_is_told_of_nothing() {
    let (_db, session, owner) = workspace().await;
    task(&owner, "T").await;
    session.ask(ANN, &format!("select remove_member('{TENANT}', '{}')", member_id(TENANT, BOB))).await.unwrap();
    assert_eq!(assign(&session, ANN, Some(BOB)).await["status"], "applied");
    assert_eq!(inbox(&owner, BOB).await.len(), 0);
}

/// The item is made before the mutation turns out to be refused: it goes with it, and so does its number.
#[tokio::test]
async fn a_refused_mutation_leaves_no_item_and_no_number() {
    let (_db, session, owner) = workspace().await;
    task(&owner, "T").await;
    let child = Uuid::now_v7();
    let below = json!({"record": child, "op": "insert", "set": {"name": "C", "parent_task": TASK}});
    apply(&session, ANN, "tasks", below).await;
    let cycle = json!({"record": TASK, "op": "update", "set": {"assignee": member_id(TENANT, BOB), "parent_task": child}, "base": {}});
    assert_eq!(apply(&session, ANN, "tasks", cycle).await["code"], "invalid");
    assert_eq!(inbox(&owner, BOB).await.len(), 0);
    assign(&session, ANN, Some(BOB)).await;
    let (scope, _) = user_scope(&owner, BOB).await;
    let changes = pulled(&session, BOB, scope).await.unwrap();
    assert_eq!(changes.iter().map(|change| &change["seq"]).collect::<Vec<_>>(), [&json!(1)]);
}

#[tokio::test]
async fn who_notifies_without_the_tenant_head_gets_an_error_and_never_waits_for_it() {
    let (db, _session, owner) = workspace().await;
    let other = db.owner().await;
    other.client.batch_execute("begin; select from sync.scope where kind = 'tenant' for update").await.unwrap();
    let told =
        format!("select sync.notify('{TENANT}', '{}', 'mention', null, null, null, null, 'x')", member_id(TENANT, BOB));
    assert_eq!(owner.run(&told).await, Err("55P03".to_owned()));
    other.client.batch_execute("rollback").await.unwrap();
    owner.run(&told).await.unwrap();
    assert_eq!(inbox(&owner, BOB).await.len(), 1);
}

#[tokio::test]
async fn an_item_is_hinted_at_on_the_topic_of_its_person_only() {
    let (_db, session, owner) = workspace().await;
    task(&owner, "Secret name").await;
    let heard = "select json_agg(distinct topic) from realtime.messages where payload::text like '%inbox_items%'";
    assign(&session, ANN, Some(BOB)).await;
    let mine = topic(&owner, BOB).await;
    assert_eq!(owner.run(heard).await, Ok(json!([mine])));
    owner
        .run("insert into realtime.messages (topic, extension, event) values ('x', 'broadcast', 'probe')")
        .await
        .unwrap();
    for (person, expected) in [(BOB, true), (ANN, false), (EVE, false)] {
        assert_eq!(may(&session, person, &mine, "receive").await, expected);
        assert!(!may(&session, person, &mine, "broadcast").await && !may(&session, person, &mine, "presence").await);
    }
}

#[tokio::test]
async fn the_topic_of_who_is_removed_moves_and_those_of_others_stay() {
    let (_db, session, owner) = workspace().await;
    let before = [topic(&owner, ANN).await, topic(&owner, BOB).await];
    let moved = "select coalesce(json_agg(topic), '[]') from realtime.messages where event = 'moved'";
    session.ask(ANN, &format!("select remove_member('{TENANT}', '{}')", member_id(TENANT, BOB))).await.unwrap();
    assert_eq!(topic(&owner, ANN).await, before[0]);
    assert_ne!(topic(&owner, BOB).await, before[1]);
    let moved = owner.run(moved).await.unwrap();
    assert!(moved.as_array().unwrap().contains(&json!(before[1])), "{}", quoted(&moved));
    assert!(!moved.as_array().unwrap().contains(&json!(before[0])), "{}", quoted(&moved));
}
