//! Dependencies, links, comments and recurring tasks: each rule of the database, under the real roles.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::desk::{Desk, outcome};
use crate::support::{Db, Person, member_id};

const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000a1");
const OTHER: Uuid = uuid!("10000000-0000-4000-8000-0000000000a2");
const ANN: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000a1")));
const BOB: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000a2")));
const EVE: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000a3")));
const PROJECT: Uuid = uuid!("20000000-0000-4000-8000-0000000000a1");
const TASKS: [Uuid; 3] = [
    uuid!("20000000-0000-4000-8000-0000000000a4"),
    uuid!("20000000-0000-4000-8000-0000000000a5"),
    uuid!("20000000-0000-4000-8000-0000000000a6"),
];
const THEIR_PROJECT: Uuid = uuid!("20000000-0000-4000-8000-0000000000a7");
const THEIR_TASK: Uuid = uuid!("20000000-0000-4000-8000-0000000000a8");

/// Ann is a member, Bob a manager, Eve owns another workspace.
async fn desks() -> (Db, Desk, Desk) {
    let db = Db::new().await;
    db.workspace(TENANT, &[(Person::new(0xa0), "owner", true), (ANN, "member", true), (BOB, "manager", true)]).await;
    db.workspace(OTHER, &[(EVE, "owner", true)]).await;
    let [one, two, three] = TASKS;
    let sql = format!(
        "insert into projects (id, tenant_id, name) values ('{PROJECT}', '{TENANT}', 'P'), ('{THEIR_PROJECT}', '{OTHER}', 'Secret');
         insert into tasks (id, tenant_id, name) values ('{one}', '{TENANT}', '1'), ('{two}', '{TENANT}', '2'), ('{three}', '{TENANT}', '3'),
           ('{THEIR_TASK}', '{OTHER}', 'Secret')"
    );
    db.owner().await.client.batch_execute(&sql).await.unwrap();
    let (ann, bob) = (Desk::new(&db, TENANT, ANN).await, Desk::new(&db, TENANT, BOB).await);
    (db, ann, bob)
}

async fn depends(desk: &mut Desk, id: Uuid, task: Uuid, on: Uuid) -> String {
    outcome(&desk.insert("task_dependencies", id, json!({"task_id": task, "depends_on": on})).await).to_owned()
}

#[tokio::test]
async fn no_task_waits_for_itself_however_long_the_way() {
    let (_db, mut ann, _bob) = desks().await;
    let [one, two, three] = TASKS;
    let (first, last) = (Uuid::now_v7(), Uuid::now_v7());
    assert_eq!(depends(&mut ann, Uuid::now_v7(), one, one).await, "invalid", "itself");
    assert_eq!(depends(&mut ann, first, one, two).await, "applied");
    assert_eq!(depends(&mut ann, Uuid::now_v7(), two, one).await, "invalid", "a circle of two");
    assert_eq!(depends(&mut ann, Uuid::now_v7(), two, three).await, "applied");
    assert_eq!(depends(&mut ann, last, three, one).await, "invalid", "a circle of three");
    ann.act("task_dependencies", first, "delete").await;
    assert_eq!(depends(&mut ann, last, three, one).await, "applied", "what is in the trash does not count");
    assert_eq!(outcome(&ann.act("task_dependencies", first, "restore").await), "invalid", "nor comes back as a circle");
    let edit = json!({"depends_on": two});
    assert_eq!(outcome(&ann.update("task_dependencies", last, edit).await), "invalid", "nor by an edit");
    assert_eq!(outcome(&ann.update("task_dependencies", last, json!({"task_id": two})).await), "applied");
}

#[tokio::test]
async fn two_tasks_depend_on_each_other_once() {
    let (_db, mut ann, _bob) = desks().await;
    let [one, two, _] = TASKS;
    let first = Uuid::now_v7();
    assert_eq!(depends(&mut ann, first, one, two).await, "applied");
    let again = ann.insert("task_dependencies", Uuid::now_v7(), json!({"task_id": one, "depends_on": two})).await;
    assert_eq!((outcome(&again), again["message"].as_str().unwrap().contains("already")), ("invalid", true));
    ann.act("task_dependencies", first, "delete").await;
    assert_eq!(depends(&mut ann, Uuid::now_v7(), one, two).await, "applied");
    assert_eq!(outcome(&ann.act("task_dependencies", first, "restore").await), "invalid");
}

/// Diamonds upon diamonds: two ways at each of 40 steps would be 2^40 ways to walk.
#[tokio::test]
async fn a_graph_with_many_ways_is_looked_through_once() {
    let (db, mut ann, _bob) = desks().await;
    let node = |step: u32, side: u32| Uuid::new_v5(&TENANT, &[step.to_be_bytes(), side.to_be_bytes()].concat());
    let mut sql = String::new();
    for step in 0..40 {
        for side in 0..2 {
            sql +=
                &format!("insert into tasks (id, tenant_id, name) values ('{}', '{TENANT}', 'N');", node(step, side));
        }
        for (side, below) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            if step > 0 {
                sql += &format!(
                    "insert into task_dependencies (id, tenant_id, task_id, depends_on) values (gen_random_uuid(), '{TENANT}', '{}', '{}');",
                    node(step, side),
                    node(step - 1, below)
                );
            }
        }
    }
    db.owner().await.client.batch_execute(&sql).await.unwrap();
    assert_eq!(depends(&mut ann, Uuid::now_v7(), TASKS[0], node(39, 0)).await, "applied");
    assert_eq!(depends(&mut ann, Uuid::now_v7(), node(0, 0), TASKS[0]).await, "invalid");
}

#[tokio::test]
async fn values_outside_the_list_of_columns_are_invalid() {
    let (_db, mut ann, _bob) = desks().await;
    let [one, two, _] = TASKS;
    for wrong in
        [json!({"kind": "maybe"}), json!({"lag_days": 3651}), json!({"lag_days": -3651}), json!({"lag_days": null})]
    {
        let mut set = json!({"task_id": one, "depends_on": two});
        set.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!(outcome(&ann.insert("task_dependencies", Uuid::now_v7(), set).await), "invalid", "{wrong}");
    }
    for url in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://example.com",
        "https://",
        "https://a b",
        "",
        "//example.com",
    ] {
        let answer = ann.insert("task_links", Uuid::now_v7(), json!({"task_id": one, "url": url})).await;
        assert_eq!(outcome(&answer), "invalid", "{url}");
    }
    let long = format!("https://example.com/{}", "x".repeat(1981));
    let too_long = ann.insert("task_links", Uuid::now_v7(), json!({"task_id": one, "url": long})).await;
    assert_eq!(outcome(&too_long), "invalid");
    for url in ["https://example.com/a?b#c", "HTTP://example.com", &long[..2000]] {
        let answer = ann.insert("task_links", Uuid::now_v7(), json!({"task_id": one, "url": url})).await;
        assert_eq!(outcome(&answer), "applied", "{url}");
    }
}

#[tokio::test]
async fn a_comment_is_of_one_task_or_one_project() {
    let (_db, mut ann, _bob) = desks().await;
    for (of, expected) in [
        (json!({"task_id": TASKS[0]}), "applied"),
        (json!({"project_id": PROJECT}), "applied"),
        (json!({"task_id": TASKS[0], "project_id": PROJECT}), "invalid"),
        (json!({}), "invalid"),
        (json!({"task_id": TASKS[0], "body": " "}), "invalid"),
        (json!({"task_id": TASKS[0], "body": "x".repeat(20_001)}), "invalid"),
    ] {
        let mut set = json!({"body": "Hello"});
        set.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        assert_eq!(outcome(&ann.insert("comments", Uuid::now_v7(), set).await), expected, "{of}");
    }
}

#[tokio::test]
async fn only_the_author_edits_a_comment_and_managers_delete_it() {
    let (db, mut ann, mut bob) = desks().await;
    let mut owner = Desk::new(&db, TENANT, Person::new(0xa0)).await;
    let (anns, bobs) = (Uuid::now_v7(), Uuid::now_v7());
    ann.insert("comments", anns, json!({"task_id": TASKS[0], "body": "Ann's"})).await;
    bob.insert("comments", bobs, json!({"task_id": TASKS[0], "body": "Bob's"})).await;
    assert_eq!(outcome(&ann.update("comments", anns, json!({"body": "Ann's own"})).await), "applied");
    for set in [json!({"body": "x"}), json!({"mentions": [member_id(TENANT, ANN)]}), json!({"task_id": TASKS[1]})] {
        assert_eq!(outcome(&bob.update("comments", anns, set.clone()).await), "forbidden", "a manager: {set}");
        assert_eq!(outcome(&owner.update("comments", anns, set.clone()).await), "forbidden", "the owner: {set}");
        assert_eq!(outcome(&ann.update("comments", bobs, set.clone()).await), "forbidden", "a member: {set}");
    }
    assert_eq!(outcome(&ann.act("comments", bobs, "delete").await), "forbidden");
    assert_eq!(outcome(&bob.act("comments", anns, "delete").await), "applied");
    assert_eq!(outcome(&ann.act("comments", anns, "restore").await), "applied");
    assert_eq!(outcome(&ann.act("comments", anns, "delete").await), "applied", "the author too");
}

#[tokio::test]
async fn only_members_are_mentioned_and_mentions_unite() {
    let (db, mut ann, _bob) = desks().await;
    let mut phone = Desk::new(&db, TENANT, ANN).await;
    let (comment, bob, owner) = (Uuid::now_v7(), member_id(TENANT, BOB), member_id(TENANT, Person::new(0xa0)));
    let mention = |who: Value| json!({"task_id": TASKS[0], "body": "Look", "mentions": who});
    assert_eq!(outcome(&ann.insert("comments", comment, mention(json!([member_id(OTHER, EVE)]))).await), "invalid");
    assert_eq!(
        outcome(&ann.insert("comments", comment, mention(json!([BOB.id()]))).await),
        "invalid",
        "an account is no member"
    );
    assert_eq!(outcome(&ann.insert("comments", comment, mention(json!([null]))).await), "invalid");
    assert_eq!(outcome(&ann.insert("comments", comment, mention(json!([bob]))).await), "applied");
    let update = |set: Value| json!({"tbl": "comments", "record": comment, "op": "update", "base_version": 1, "set": set, "base": {"mentions": [bob]}});
    assert_eq!(outcome(&ann.send(update(json!({"mentions": []}))).await), "applied");
    assert_eq!(outcome(&phone.send(update(json!({"mentions": [bob, owner]}))).await), "applied");
    let mentions = db.owner().await.run("select to_json(mentions) from comments").await;
    assert_eq!(mentions, Ok(json!([owner])), "one removed, one added");
    assert_eq!(
        outcome(&ann.update("comments", comment, json!({"mentions": [member_id(OTHER, EVE)]})).await),
        "invalid"
    );
}

#[tokio::test]
async fn the_next_occurrence_is_made_once_by_whichever_device() {
    let (_db, mut ann, mut bob) = desks().await;
    let series = Uuid::now_v7();
    let next = Uuid::new_v5(&series, b"2026-02-09");
    let set = json!({"name": "Weekly", "series": series, "recurrence": "FREQ=WEEKLY", "rank": "a0"});
    assert_eq!(ann.insert("tasks", next, set.clone()).await["merged"], false);
    let again = bob.insert("tasks", next, set.clone()).await;
    assert_eq!((&again["status"], &again["merged"], &again["version"]), (&json!("applied"), &json!(true), &json!(1)));
    let other = bob.insert("tasks", next, json!({"name": "Weekly", "series": Uuid::now_v7()})).await;
    assert_eq!(outcome(&other), "exists", "another series");
    assert_eq!(outcome(&bob.insert("tasks", next, json!({"name": "Weekly"})).await), "exists", "no series");
    assert_eq!(outcome(&bob.insert("tasks", Uuid::now_v7(), json!({"name": "W", "series": "x"})).await), "invalid");
}

#[tokio::test]
async fn another_workspaces_ids_are_refused_in_every_foreign_key() {
    let (db, mut ann, _bob) = desks().await;
    let me = json!(member_id(TENANT, ANN));
    let time = |more: Value| {
        let mut set = json!({"member_id": me, "session_date": "2026-01-05", "duration_seconds": 5});
        set.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ("time_entries", set)
    };
    for (tbl, set) in [
        ("task_dependencies", json!({"task_id": THEIR_TASK, "depends_on": TASKS[0]})),
        ("task_dependencies", json!({"task_id": TASKS[0], "depends_on": THEIR_TASK})),
        ("task_links", json!({"task_id": THEIR_TASK, "url": "https://example.com"})),
        ("comments", json!({"task_id": THEIR_TASK, "body": "x"})),
        ("comments", json!({"project_id": THEIR_PROJECT, "body": "x"})),
        time(json!({"task_id": THEIR_TASK})),
        time(json!({"project_id": THEIR_PROJECT})),
    ] {
        let answer = ann.insert(tbl, Uuid::now_v7(), set.clone()).await;
        assert_eq!(outcome(&answer), "invalid", "{tbl} {set}");
    }
    let their_member = time(json!({"member_id": member_id(OTHER, EVE)}));
    let mut owner = Desk::new(&db, TENANT, Person::new(0xa0)).await;
    assert_eq!(outcome(&owner.insert(their_member.0, Uuid::now_v7(), their_member.1).await), "invalid");
    assert_eq!(
        outcome(&ann.insert("time_entries", Uuid::now_v7(), time(json!({})).1).await),
        "applied",
        "but for these"
    );
}

/// What came to the inbox of each, in order.
async fn inbox(db: &Db, person: Person) -> Value {
    let sql = format!(
        "select coalesce(json_agg(i.kind || ' ' || i.excerpt order by i.at), '[]') from inbox_items i where i.member_id = '{}'",
        member_id(TENANT, person)
    );
    db.owner().await.run(&sql).await.unwrap()
}

#[tokio::test]
async fn a_comment_tells_who_is_mentioned_and_the_assignee_but_not_its_author() {
    let (db, mut ann, _bob) = desks().await;
    let (bob, me, comment) = (member_id(TENANT, BOB), member_id(TENANT, ANN), Uuid::now_v7());
    let owner = member_id(TENANT, Person::new(0xa0));
    ann.update("tasks", TASKS[0], json!({"assignee": bob})).await;
    ann.insert("comments", Uuid::now_v7(), json!({"task_id": TASKS[0], "body": "First"})).await;
    ann.insert("comments", comment, json!({"task_id": TASKS[0], "body": "Second", "mentions": [me, bob, bob]})).await;
    assert_eq!(inbox(&db, BOB).await, json!(["assignment 1", "comment First", "mention Second"]));
    ann.update("comments", comment, json!({"mentions": [bob, owner]})).await;
    ann.update("comments", comment, json!({"body": "Third"})).await;
    assert_eq!(inbox(&db, Person::new(0xa0)).await, json!(["mention Second"]));
    assert_eq!(inbox(&db, BOB).await.as_array().unwrap().len(), 3, "told once");
    assert_eq!(inbox(&db, ANN).await, json!([]));
}
