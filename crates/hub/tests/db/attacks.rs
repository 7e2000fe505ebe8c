//! What a hostile client tries with a valid token of its own.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::support::{Db, Person, Session, apply_sql, member_id};

const MINE: Uuid = uuid!("10000000-0000-4000-8000-0000000000b1");
const THEIRS: Uuid = uuid!("10000000-0000-4000-8000-0000000000b2");
const DEVICE: Uuid = uuid!("40000000-0000-4000-8000-0000000000b1");
const THEIR_CLIENT: Uuid = uuid!("20000000-0000-4000-8000-0000000000b2");
const MY_TASK: Uuid = uuid!("20000000-0000-4000-8000-0000000000b3");
const THEIR_PROJECT: Uuid = uuid!("20000000-0000-4000-8000-0000000000b4");
const ATTACKER: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000b1")));
const VICTIM: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000b2")));

async fn two_workspaces() -> (Db, Session) {
    let db = Db::new().await;
    db.workspace(MINE, &[(ATTACKER, "owner", true)]).await;
    db.workspace(THEIRS, &[(VICTIM, "owner", true)]).await;
    let sql = format!(
        "insert into clients (id, tenant_id, name) values ('{THEIR_CLIENT}', '{THEIRS}', 'Secret');
         insert into projects (id, tenant_id, name) values ('{THEIR_PROJECT}', '{THEIRS}', 'Secret');
         insert into tasks (id, tenant_id, name) values ('{MY_TASK}', '{MINE}', 'Mine');"
    );
    db.owner().await.client.batch_execute(&sql).await.unwrap();
    let session = db.session().await;
    (db, session)
}

async fn code(session: &Session, tenant: Uuid, mutation: Value) -> Value {
    let mut mutation = mutation;
    mutation["id"] = json!(Uuid::now_v7());
    mutation["no"] = json!(1);
    let answer = session.try_out(ATTACKER, &apply_sql(tenant, DEVICE, &json!([mutation]))).await;
    answer.map_or_else(Value::String, |answer| answer["results"][0]["code"].clone())
}

#[tokio::test]
async fn another_workspaces_records_cannot_be_named() {
    let (_db, session) = two_workspaces().await;
    let project = json!({"tbl": "projects", "record": Uuid::now_v7(), "op": "insert", "set": {"name": "P", "client_id": THEIR_CLIENT}});
    assert_eq!(code(&session, MINE, project).await, "invalid", "their client, through a foreign key");
    let task =
        json!({"tbl": "tasks", "record": MY_TASK, "op": "update", "set": {"project_id": THEIR_PROJECT}, "base": {}});
    assert_eq!(code(&session, MINE, task).await, "invalid", "their project");
    let assign = json!({"tbl": "tasks", "record": MY_TASK, "op": "update", "set": {"assignee": member_id(THEIRS, VICTIM)}, "base": {}});
    assert_eq!(code(&session, MINE, assign).await, "invalid", "their member");
    let edit = json!({"tbl": "clients", "record": THEIR_CLIENT, "op": "update", "set": {"name": "X"}, "base": {}});
    assert_eq!(code(&session, MINE, edit.clone()).await, "not_found", "their record under my workspace");
    assert_eq!(code(&session, THEIRS, edit).await, "CK002", "and under theirs");
    let budget = json!({"tbl": "project_budgets", "record": THEIR_PROJECT, "op": "insert", "set": {"budget": "1"}});
    assert_eq!(code(&session, MINE, budget).await, "invalid", "a budget of their project");
}

#[tokio::test]
async fn what_the_server_writes_cannot_be_forged() {
    let (db, session) = two_workspaces().await;
    for column in ["tenant_id", "created_by", "version", "id", "deleted_at", "updated_at", "no_such", "name\" = 'x' --"]
    {
        let insert = json!({"tbl": "tasks", "record": Uuid::now_v7(), "op": "insert", "set": {"name": "T", column: Uuid::now_v7()}});
        assert_eq!(code(&session, MINE, insert).await, "unknown_column", "{column}");
    }
    assert_eq!(
        code(&session, MINE, json!({"tbl": "sync.change", "record": MY_TASK, "op": "delete"})).await,
        "unknown_table"
    );
    assert_eq!(
        code(&session, MINE, json!({"tbl": "tenant_members", "record": MY_TASK, "op": "delete"})).await,
        "forbidden"
    );

    // The actor in the log is who the token says, whatever is claimed beside it.
    session.begin(ATTACKER).await;
    for setting in ["sync.actor", "sync.member"] {
        session.run(&format!("select set_config('{setting}', '{}', true)", VICTIM.id())).await.unwrap();
    }
    let mutation = json!([{"id": Uuid::now_v7(), "no": 1, "tbl": "tasks", "record": Uuid::now_v7(), "op": "insert",
        "set": {"name": "T"}, "actor": VICTIM.id()}]);
    session.run(&apply_sql(MINE, DEVICE, &mutation)).await.unwrap();
    session.end("commit").await;
    let actor = db.owner().await.run("select actor from sync.change order by at desc limit 1").await;
    assert_eq!(actor, Ok(json!(member_id(MINE, ATTACKER))));
}

#[tokio::test]
async fn nothing_is_written_past_apply_mutations() {
    let (db, session) = two_workspaces().await;
    for sql in [
        format!("update tasks set name = 'x' where id = '{MY_TASK}'"),
        "update tasks set name = 'x'".to_owned(),
        format!(
            "insert into tasks (id, tenant_id, name, created_by) values (gen_random_uuid(), '{MINE}', 'x', '{}')",
            member_id(MINE, ATTACKER)
        ),
        format!("delete from tasks where id = '{MY_TASK}'"),
        "update sync.scope set head = 0".to_owned(),
        "delete from sync.change".to_owned(),
        "select count(*) from sync.change".to_owned(),
        "select count(*) from sync.mutation".to_owned(),
        "select count(*) from auth.users".to_owned(),
        "select code_hash from invitations".to_owned(),
        format!("select (sync.next_block('tenant', '{THEIRS}', 1)).base"),
        format!("select sync.rotate_feed_keys('{THEIRS}')"),
        format!("select sync.take_heads(array['{THEIRS}'::uuid])"),
        "select sync.send('{}', 'changes', 'x')".to_owned(),
        "alter table tasks disable trigger all".to_owned(),
    ] {
        assert_eq!(session.try_out(ATTACKER, &sql).await, Err("42501".to_owned()), "{sql}");
    }
    // A forged permission to write is worth nothing without the transaction's number, and row security holds even with it.
    session.begin(ATTACKER).await;
    session.run("select set_config('sync.in_apply', '1', true)").await.unwrap();
    assert_eq!(session.run("update tasks set name = 'x'").await, Err("42501".to_owned()));
    session.end("rollback").await;
    session.begin(ATTACKER).await;
    session.run("select set_config('sync.in_apply', pg_current_xact_id()::text, true)").await.unwrap();
    let foreign = session.run("update clients set name = 'x'").await;
    session.end("rollback").await;
    assert_eq!(foreign, Ok(json!(0)), "not one row of another workspace");

    // Not even who owns the schema empties a logged table or moves a record without a trace.
    let owner = db.owner().await;
    assert_eq!(owner.run("truncate tasks cascade").await, Err("CK011".to_owned()));
    assert_eq!(owner.run(&format!("update tasks set tenant_id = '{THEIRS}'")).await, Err("CK012".to_owned()));
    assert_eq!(owner.run("update tasks set id = gen_random_uuid()").await, Err("CK012".to_owned()));
}

#[tokio::test]
async fn the_finance_log_is_closed_without_the_right() {
    let (db, session) = two_workspaces().await;
    let clerk = Person::new(0xb9);
    db.workspace(uuid!("10000000-0000-4000-8000-0000000000b3"), &[(VICTIM, "owner", true), (clerk, "member", false)])
        .await;
    let tenant = uuid!("10000000-0000-4000-8000-0000000000b3");
    let scopes =
        session.ask(VICTIM, "select json_agg(s.id) from sync.my_scopes() s where s.kind = 'finance'").await.unwrap();
    for scope in scopes.as_array().unwrap() {
        let pulled = session.pull(clerk, &json!([{"scope": scope, "epoch": 1, "seq": 0}]), 10).await;
        assert_eq!(pulled["scopes"][0], json!({"scope": scope, "state": "gone"}), "not even its head is told");
        let page = format!("select sync_page({}, 'project_budgets')", scope.to_string().replace('"', "'"));
        assert_eq!(session.ask(clerk, &page).await, Err("CK002".to_owned()));
    }
    let tenant_scope = format!("select id from sync.my_scopes() where tenant_id = '{tenant}'");
    let scope = session.ask(clerk, &tenant_scope).await.unwrap();
    let page = format!("select sync_page({}, 'project_budgets')", scope.to_string().replace('"', "'"));
    assert_eq!(session.ask(clerk, &page).await, Err("CK006".to_owned()), "nor through the tenant scope");
    assert_eq!(session.ask(clerk, "select count(*) from project_budgets").await, Ok(json!(0)));
}

#[tokio::test]
async fn claims_are_needed_and_another_device_ledger_is_out_of_reach() {
    let (db, session) = two_workspaces().await;
    let batch = json!([{"id": Uuid::now_v7(), "no": 1, "tbl": "tasks", "record": Uuid::now_v7(), "op": "insert", "set": {"name": "T"}}]);
    session.apply(VICTIM, THEIRS, DEVICE, &batch).await.unwrap();
    // The same device id and mutation, sent by someone else: a ledger of their own, which knows nothing.
    let answer = session.apply(ATTACKER, MINE, DEVICE, &batch).await.unwrap();
    assert_eq!(answer["results"][0]["code"], "exists", "the record id is taken, and nothing of it is told");
    assert_eq!(db.owner().await.run("select count(*) from sync.device").await, Ok(json!(2)));

    // The role without claims: signed in as nobody.
    session.begin(ATTACKER).await;
    session.run("select set_config('request.jwt.claims', '', true)").await.unwrap();
    assert_eq!(session.run("select sync_pull('[]')").await, Err("CK001".to_owned()));
    session.end("rollback").await;
}
