//! The log, pull, pages and feed.

use cockpit_hub::postgres::MIGRATIONS;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::support::{Db, Person, Session, quoted};

const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000d1");
const ANN: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000d1")));

/// A workspace, a caller, the schema's owner and the tenant scope.
async fn workspace() -> (Db, Session, Session, Uuid) {
    let db = Db::new().await;
    db.workspace(TENANT, &[(ANN, "owner", true)]).await;
    let (session, owner) = (db.session().await, db.owner().await);
    let scope = session.ask(ANN, "select my_workspaces() -> 0 -> 'scopes' -> 0 -> 'scope'").await.unwrap();
    let scope = scope.as_str().unwrap().parse().unwrap();
    (db, session, owner, scope)
}

async fn tasks(owner: &Session, count: u32) {
    let sql = format!(
        "insert into tasks (id, tenant_id, name) select gen_random_uuid(), '{TENANT}', 'T' || i from generate_series(1, {count}) i"
    );
    owner.run(&sql).await.unwrap();
}

fn cursor(scope: Uuid, change: &Value) -> Value {
    json!([{"scope": scope, "epoch": 1, "seq": change["seq"], "mark": change["mark"]}])
}

#[tokio::test]
async fn pull_pages_through_without_a_gap_and_says_where_a_transaction_is_cut() {
    let (_db, session, owner, scope) = workspace().await;
    tasks(&owner, 7).await;
    tasks(&owner, 3).await;
    let mut at = json!([{"scope": scope, "epoch": 1, "seq": 0, "mark": null}]);
    let mut seen = Vec::new();
    let mut complete = Vec::new();
    loop {
        let answer = session.pull(ANN, &at, 4).await;
        let page = &answer["scopes"][0];
        assert_eq!(page["state"], "ok");
        assert_eq!(answer["scopes"][1]["state"], "new", "the finance scope, of which the caller named no cursor");
        let changes = page["changes"].as_array().unwrap();
        seen.extend(changes.iter().map(|change| change["seq"].as_u64().unwrap()));
        complete.push(page["tx_complete"].as_bool().unwrap());
        if page["more"] == false {
            assert_eq!(page["head"], json!(12));
            break;
        }
        at = cursor(scope, changes.last().unwrap());
    }
    assert_eq!(seen, (1..=12).collect::<Vec<_>>());
    assert_eq!(
        complete,
        [false, false, true],
        "4 and 8 lie within the seven of one transaction (3 to 9), and of three (10 to 12)"
    );
}

#[tokio::test]
async fn constraints_made_immediate_by_an_administrator_cost_no_number() {
    let (_db, session, owner, scope) = workspace().await;
    owner.run("begin").await.unwrap();
    owner.run("set constraints all immediate").await.unwrap();
    tasks(&owner, 2).await;
    tasks(&owner, 3).await;
    owner.run("commit").await.unwrap();
    tasks(&owner, 1).await;
    let answer = session.pull(ANN, &json!([{"scope": scope, "epoch": 1, "seq": 0}]), 1000).await;
    let page = &answer["scopes"][0];
    let seqs: Vec<_> =
        page["changes"].as_array().unwrap().iter().map(|change| change["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=8).collect::<Vec<_>>(), "the workspace, its owner and six tasks");
    assert_eq!(page["head"], json!(8));
}

#[tokio::test]
async fn a_megabyte_ends_a_page_but_one_row_always_comes() {
    let (_db, session, owner, scope) = workspace().await;
    let long = format!(
        "insert into tasks (id, tenant_id, name, notes) select gen_random_uuid(), '{TENANT}', 'T', repeat('x', 99000) from generate_series(1, 30)"
    );
    owner.run(&long).await.unwrap();
    let answer = session.pull(ANN, &json!([{"scope": scope, "epoch": 1, "seq": 0}]), 1000).await;
    let page = &answer["scopes"][0];
    let count = page["changes"].as_array().unwrap().len();
    assert!((8..=12).contains(&count), "{count} changes of 99 KB");
    assert_eq!((&page["more"], &page["tx_complete"]), (&json!(true), &json!(false)));

    let page = session.ask(ANN, &format!("select sync_page('{scope}', 'tasks')")).await.unwrap();
    let rows = page["rows"].as_array().unwrap();
    assert!(rows.len() < 12 && page["next"] == rows.last().unwrap()["id"]);
    let big = format!(
        "insert into clients (id, tenant_id, name, notes) values (gen_random_uuid(), '{TENANT}', 'C', repeat('ä', 99000))"
    );
    owner.run(&big).await.unwrap();
    let answer = session.pull(ANN, &cursor(scope, &json!({"seq": 0})), 1).await;
    assert_eq!(answer["scopes"][0]["changes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn pages_reach_every_row_once_and_carry_a_head_to_pull_from() {
    let (_db, session, owner, scope) = workspace().await;
    tasks(&owner, 2500).await;
    let mut after = "null".to_owned();
    let mut ids = std::collections::BTreeSet::new();
    let mut first = Value::Null;
    loop {
        let page = session.ask(ANN, &format!("select sync_page('{scope}', 'tasks', {after}, 5000)")).await.unwrap();
        let rows = page["rows"].as_array().unwrap();
        assert!(rows.len() <= 1000);
        for row in rows {
            assert!(ids.insert(row["id"].as_str().unwrap().to_owned()), "a row came twice");
        }
        if first.is_null() {
            first = page.clone();
            tasks(&owner, 10).await;
        }
        match page["next"].as_str() {
            Some(next) => after = format!("'{next}'"),
            None => break,
        }
    }
    let from = json!([{"scope": scope, "epoch": first["epoch"], "seq": first["head"], "mark": first["head_mark"]}]);
    let pulled = session.pull(ANN, &from, 1000).await;
    assert_eq!(pulled["scopes"][0]["changes"].as_array().unwrap().len(), 10, "what came after the first page");
    for change in pulled["scopes"][0]["changes"].as_array().unwrap() {
        ids.insert(change["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 2510);
    // The image of a page is the image of the log.
    let same = format!(
        "select (sync_page('{scope}', 'tasks', null, 1) -> 'rows' -> 0)::jsonb =
          (select c.change -> 'row' from json_array_elements(sync_pull({}) -> 'scopes' -> 0 -> 'changes') as j,
             lateral (select j::jsonb as change) c where c.change ->> 'id' = sync_page('{scope}', 'tasks', null, 1) -> 'rows' -> 0 ->> 'id')",
        quoted(&json!([{"scope": scope, "epoch": 1, "seq": 0}]))
    );
    let same = session.ask(ANN, &same).await;
    assert!(same == Ok(json!(true)) || same == Ok(Value::Null), "{same:?}");
}

#[tokio::test]
async fn a_server_set_back_to_a_backup_is_noticed() {
    let (_db, session, owner, scope) = workspace().await;
    tasks(&owner, 5).await;
    let pulled = session.pull(ANN, &json!([{"scope": scope, "epoch": 1, "seq": 0}]), 1000).await;
    let changes = pulled["scopes"][0]["changes"].as_array().unwrap().clone();
    let last = cursor(scope, changes.last().unwrap());
    assert_eq!(session.pull(ANN, &last, 10).await["scopes"][0]["state"], "ok");

    // As a restore leaves it: the last three changes never happened.
    owner.client.batch_execute(&format!(
        "delete from sync.change where scope = '{scope}' and seq > 4; update sync.scope set head = 4 where id = '{scope}'"
    )).await.unwrap();
    assert_eq!(session.pull(ANN, &last, 10).await["scopes"][0]["state"], "must_refetch", "a cursor beyond the head");
    // The same numbers again, for other changes.
    tasks(&owner, 10).await;
    assert_eq!(session.pull(ANN, &last, 10).await["scopes"][0]["state"], "must_refetch", "another mark");
    let before = cursor(scope, &changes[3]);
    assert_eq!(session.pull(ANN, &before, 10).await["scopes"][0]["state"], "ok", "what both have in common goes on");

    let other_epoch = json!([{"scope": scope, "epoch": 0, "seq": 0}]);
    assert_eq!(session.pull(ANN, &other_epoch, 10).await["scopes"][0]["state"], "must_refetch");
    owner.run(&format!("update sync.scope set min_seq = 6 where id = '{scope}'")).await.unwrap();
    assert_eq!(session.pull(ANN, &before, 10).await["scopes"][0]["state"], "must_refetch", "pruned");
}

#[tokio::test]
async fn a_transaction_sends_one_message_for_each_scope() {
    let (_db, _session, owner, scope) = workspace().await;
    let messages =
        "select coalesce(json_agg(payload order by inserted_at), '[]') from realtime.messages where event = 'changes'";
    let before = owner.run(messages).await.unwrap().as_array().unwrap().len();
    owner.client.batch_execute(&format!(
        "begin;
         insert into projects (id, tenant_id, name) select gen_random_uuid(), '{TENANT}', 'P' from generate_series(1, 3);
         insert into project_budgets (id, tenant_id) select id, tenant_id from projects;
         savepoint s; update projects set name = 'gone'; rollback to s;
         update projects set name = 'Q';
         commit;
         begin; update projects set name = 'R'; rollback;"
    )).await.unwrap();
    let sent: Vec<Value> = owner.run(messages).await.unwrap().as_array().unwrap()[before..].to_vec();
    assert_eq!(sent.len(), 2, "the workspace's and finance's");
    let message = sent.iter().find(|message| message["scope"] == json!(scope)).unwrap();
    assert_eq!(
        (&message["from"], &message["to"]),
        (&json!(3), &json!(8)),
        "three inserted and three updated, none twice"
    );
    let seqs: Vec<u64> =
        message["changes"].as_array().unwrap().iter().map(|change| change["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [3, 4, 5, 6, 7, 8]);
    assert_eq!(message["mark"], message["changes"][5]["mark"]);

    // Too much to take along: a bare poke.
    tasks(&owner, 2000).await;
    let sent = owner.run(messages).await.unwrap();
    let last = sent.as_array().unwrap().last().unwrap();
    assert_eq!((&last["to"], last.get("changes")), (&json!(2008), None));
}

#[tokio::test]
async fn without_realtime_everything_else_works() {
    let (db, session, owner, scope) = workspace().await;
    let admin = crate::support::connect(cockpit_hub::postgres::SUPERUSER, db.name()).await;
    admin.batch_execute("drop schema realtime cascade").await.unwrap();
    tasks(&owner, 1).await;
    let pulled = session.pull(ANN, &json!([{"scope": scope, "epoch": 1, "seq": 0}]), 1000).await;
    assert_eq!(pulled["scopes"][0]["head"], json!(3));
    let health = session.ask(Person::ANONYMOUS, "select sync_health()").await.unwrap();
    let newest: u32 = MIGRATIONS.last().unwrap().name[..4].parse().unwrap();
    assert_eq!(health["realtime"], json!({"send": false, "policies": false}));
    assert_eq!((&health["product"], &health["schema_version"]), (&json!("cockpit"), &json!(newest)));
}

#[tokio::test]
async fn a_plan_made_for_one_row_serves_twenty_thousand() {
    let (_db, _session, owner, scope) = workspace().await;
    tasks(&owner, 1).await;
    owner.run("update tasks set name = 'x'").await.unwrap();
    tasks(&owner, 20_000).await;
    owner.client.batch_execute("set statement_timeout = '8s'").await.unwrap();
    owner.run("update tasks set name = 'y'").await.expect("linear, not quadratic");
    assert_eq!(
        owner.run(&format!("select head from sync.scope where id = '{scope}'")).await,
        Ok(json!(2 + 1 + 1 + 20_000 + 20_001))
    );
}

#[tokio::test]
async fn formats_are_those_of_the_protocol() {
    let (_db, session, owner, scope) = workspace().await;
    owner
        .client
        .batch_execute(&format!(
            "set timezone = 'Asia/Tokyo';
         insert into tasks (id, tenant_id, name, estimate_hours, due_date, created_at)
         values (gen_random_uuid(), '{TENANT}', 'T', 1234567.5 / 10, '2026-01-02', '2026-01-02T01:04:05.1+00')"
        ))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let pulled = session.pull(ANN, &json!([{"scope": scope, "epoch": 1, "seq": 2, "mark": null}]), 10).await;
    assert_eq!(pulled["scopes"][0]["state"], "must_refetch", "a cursor without its mark is not believed");
    let pulled = session.pull(ANN, &json!([{"scope": scope, "epoch": 1, "seq": 0}]), 10).await;
    let change = &pulled["scopes"][0]["changes"][2];
    let row = &change["row"];
    assert_eq!(row["estimate_hours"], "123456.75");
    assert_eq!(row["due_date"], "2026-01-02");
    assert_eq!(row["created_at"], "2026-01-02T01:04:05.100000Z");
    assert_eq!((row["version"].is_u64(), change["xid"].is_string(), row["tags"].is_array()), (true, true, true));
    assert!(change["at"].as_str().unwrap().ends_with('Z'));
}
