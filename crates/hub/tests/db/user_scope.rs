//! What belongs to one person: logged, pulled and heard by nobody else, whatever rights change.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::{
    permissions::may,
    support::{Db, Person, Session, apply_sql, member_id},
};

/// The tables of the user scope.
pub(crate) const PERSONAL: [&str; 3] = ["saved_views", "preferences", "inbox_items"];

pub(crate) const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000f1");
const TENANT_TWO: Uuid = uuid!("10000000-0000-4000-8000-0000000000f2");
pub(crate) const ANN: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f1")));
pub(crate) const BOB: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f2")));
pub(crate) const EVE: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f3")));

/// The id under which [`lay_out_personal`] makes a member's record of a table.
pub(crate) fn personal_id(tenant: Uuid, person: Person, tbl: &str) -> Uuid {
    Uuid::new_v5(&member_id(tenant, person), tbl.as_bytes())
}

/// One record of each table for each of these members.
pub(crate) async fn lay_out_personal(owner: &Session, tenant: Uuid, people: &[Person]) {
    let mut sql = String::new();
    for person in people {
        let [view, preference, item] = PERSONAL.map(|tbl| personal_id(tenant, *person, tbl));
        let member = member_id(tenant, *person);
        sql += &format!(
            "insert into saved_views (id, tenant_id, member_id, name, module, rank) values ('{view}', '{tenant}', '{member}', 'V', 'tasks', 'a0');
             insert into preferences (id, tenant_id, member_id, key) values ('{preference}', '{tenant}', '{member}', 'theme');
             insert into inbox_items (id, tenant_id, member_id, kind) values ('{item}', '{tenant}', '{member}', 'review');"
        );
    }
    owner.client.batch_execute(&sql).await.unwrap();
}

/// Whether the first person can do this with a personal record, their own or the second's, as a row of `docs/permissions.md` says it.
pub(crate) async fn personal_act(
    session: &Session,
    tenant: Uuid,
    (person, other): (Person, Person),
    tbl: &str,
    act: &str,
) -> bool {
    let whose = if act.ends_with("another's") { other } else { person };
    let record = if whose == Person::ANONYMOUS { Uuid::nil() } else { personal_id(tenant, whose, tbl) };
    let (insert, update) = match tbl {
        "saved_views" => (json!({"name": "N", "module": "tasks", "rank": "a1"}), json!({"name": "M"})),
        "preferences" => (json!({"key": "new"}), json!({"value": {"dark": true}})),
        _ => (json!({}), json!({"read_at": "2026-01-01T00:00:00Z"})),
    };
    let mutation = match act.split(' ').next().unwrap() {
        "read" => {
            let count = format!("select count(*) from public.{tbl} where id = '{record}'");
            return session.try_out(person, &count).await == Ok(json!(1));
        }
        "create" => json!({"record": Uuid::now_v7(), "op": "insert", "set": insert}),
        "edit" => json!({"record": record, "op": "update", "set": update, "base": {}}),
        "delete" => json!({"record": record, "op": "delete"}),
        other => panic!("the document has an unknown act: {other}"),
    };
    let answer = session.try_out(person, &apply_sql(tenant, Uuid::now_v7(), &batch(tbl, mutation, 1))).await;
    answer.is_ok_and(|answer| answer["results"][0]["status"] == "applied")
}

fn batch(tbl: &str, mut mutation: Value, no: u64) -> Value {
    mutation["tbl"] = json!(tbl);
    mutation["id"] = json!(Uuid::now_v7());
    mutation["no"] = json!(no);
    json!([mutation])
}

/// Ann owns the workspace, Bob is a member, Eve an admin.
pub(crate) async fn workspace() -> (Db, Session, Session) {
    let db = Db::new().await;
    db.workspace(TENANT, &[(ANN, "owner", true), (BOB, "member", true), (EVE, "admin", true)]).await;
    let (session, owner) = (db.session().await, db.owner().await);
    (db, session, owner)
}

/// One mutation from a device of its own; its result.
pub(crate) async fn apply(session: &Session, person: Person, tbl: &str, mutation: Value) -> Value {
    session.apply(person, TENANT, Uuid::now_v7(), &batch(tbl, mutation, 1)).await.unwrap()["results"][0].clone()
}

/// The scope of that person, and its feed key.
pub(crate) async fn user_scope(owner: &Session, person: Person) -> (Uuid, String) {
    let sql = format!(
        "select json_build_array(id, feed_key) from sync.scope where member_id = '{}'",
        member_id(TENANT, person)
    );
    serde_json::from_value(owner.run(&sql).await.unwrap()).unwrap()
}

pub(crate) async fn topic(owner: &Session, person: Person) -> String {
    let (scope, key) = user_scope(owner, person).await;
    format!("fractal:{scope}:{key}:changes")
}

/// All changes of a scope that a person pulls, or the state that was answered instead.
pub(crate) async fn pulled(session: &Session, person: Person, scope: Uuid) -> Result<Vec<Value>, Value> {
    let answer = session.pull(person, &json!([{"scope": scope, "epoch": 1, "seq": 0, "mark": null}]), 1000).await;
    let scope = &answer["scopes"][0];
    if scope["state"] == "ok" { Ok(scope["changes"].as_array().unwrap().clone()) } else { Err(scope.clone()) }
}

#[tokio::test]
async fn members_from_before_get_a_scope_of_their_own() {
    let first = cockpit_hub::postgres::MIGRATIONS.iter().position(|one| one.name == "0010_user_scope").unwrap();
    let db = Db::with_first_migrations("before_user_scope", first).await;
    db.workspace(TENANT, &[(ANN, "owner", true), (BOB, "member", true)]).await;
    let owner = db.owner().await;
    owner
        .run(&format!("update tenant_members set removed_at = now() where id = '{}'", member_id(TENANT, BOB)))
        .await
        .unwrap();
    let scopes = "select count(*) from sync.scope where kind = 'user'";
    assert_eq!(owner.run(scopes).await, Ok(json!(0)));
    db.migrate().await;
    assert_eq!(owner.run(scopes).await, Ok(json!(2)), "former members too");
    db.workspace(TENANT_TWO, &[(ANN, "owner", true)]).await;
    assert_eq!(owner.run(scopes).await, Ok(json!(3)), "and who joins later");
    let session = db.session().await;
    let made =
        apply(&session, ANN, "preferences", json!({"record": Uuid::now_v7(), "op": "insert", "set": {"key": "theme"}}))
            .await;
    assert_eq!(made["status"], "applied", "{made}");
}

#[tokio::test]
async fn a_personal_record_is_logged_in_the_scope_of_its_person_and_in_no_other() {
    let (_db, session, owner) = workspace().await;
    let before = owner.run("select sum(head)::bigint from sync.scope where kind <> 'user'").await.unwrap();
    let record = Uuid::now_v7();
    let made = apply(
        &session,
        BOB,
        "saved_views",
        json!({"record": record, "op": "insert", "set": {"name": "Mine", "module": "tasks", "spec": {"a": 1}, "rank": "a0"}}),
    )
    .await;
    let (scope, _) = user_scope(&owner, BOB).await;
    assert_eq!((&made["status"], &made["scope"], &made["seq"]), (&json!("applied"), &json!(scope), &json!(1)));
    let changed = apply(
        &session,
        BOB,
        "saved_views",
        json!({"record": record, "op": "update", "set": {"name": "N"}, "base": {}}),
    )
    .await;
    assert_eq!(changed["seq"], json!(2));
    owner.run(&format!("delete from saved_views where id = '{record}'")).await.unwrap();
    let changes = pulled(&session, BOB, scope).await.unwrap();
    let told: Vec<_> =
        changes.iter().map(|change| (&change["op"], &change["columns"], &change["row"]["spec"])).collect();
    let (view, none) = (json!({"a": 1}), Value::Null);
    assert_eq!(
        told,
        [
            (&json!("insert"), &none, &view),
            (&json!("update"), &json!(["name"]), &view),
            (&json!("delete"), &none, &none)
        ]
    );
    assert_eq!(changes[0]["row"]["member_id"], json!(member_id(TENANT, BOB)));
    assert_eq!(owner.run("select sum(head)::bigint from sync.scope where kind <> 'user'").await.unwrap(), before);
}

#[tokio::test]
async fn one_statement_over_the_rows_of_two_is_logged_for_each_in_their_own_scope() {
    let (_db, session, owner) = workspace().await;
    lay_out_personal(&owner, TENANT, &[ANN, BOB]).await;
    owner.run("update preferences set value = '{\"x\": 1}'").await.unwrap();
    for person in [ANN, BOB] {
        let (scope, _) = user_scope(&owner, person).await;
        let changes = pulled(&session, person, scope).await.unwrap();
        assert_eq!(changes.len(), 4);
        assert!(changes.iter().all(|change| change["row"]["member_id"] == json!(member_id(TENANT, person))));
        let last = &changes[3];
        assert_eq!((&last["op"], &last["id"]), (&json!("update"), &json!(personal_id(TENANT, person, "preferences"))));
        for tbl in PERSONAL {
            let page = session.ask(person, &format!("select sync_page('{scope}', '{tbl}')")).await.unwrap();
            let ids: Vec<&Value> = page["rows"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
            assert_eq!(ids, [&json!(personal_id(TENANT, person, tbl))], "a page holds one's own only");
        }
    }
}

#[tokio::test]
async fn whose_a_new_record_is_comes_from_the_token() {
    let (_db, session, owner) = workspace().await;
    let insert = |set: Value| json!({"record": Uuid::now_v7(), "op": "insert", "set": set});
    apply(&session, BOB, "preferences", insert(json!({"key": "theme"}))).await;
    let whose = owner.run("select member_id from preferences").await;
    assert_eq!(whose, Ok(json!(member_id(TENANT, BOB))));
    let forged = insert(json!({"key": "other", "member_id": member_id(TENANT, ANN)}));
    assert_eq!(apply(&session, BOB, "preferences", forged).await["code"], "unknown_column");
    let again = insert(json!({"key": "theme"}));
    assert_eq!(apply(&session, BOB, "preferences", again.clone()).await["code"], "exists", "a key once a person");
    assert_eq!(apply(&session, ANN, "preferences", again).await["status"], "applied", "and each person their own");
    let mail = insert(json!({"read_at": null}));
    assert_eq!(apply(&session, BOB, "inbox_items", mail).await["code"], "forbidden", "nobody writes into an inbox");
}

#[tokio::test]
async fn a_personal_record_never_moves_to_another_person() {
    let (_db, _session, owner) = workspace().await;
    lay_out_personal(&owner, TENANT, &[BOB]).await;
    for tbl in PERSONAL {
        let moved = format!("update {tbl} set member_id = '{}'", member_id(TENANT, ANN));
        assert_eq!(owner.run(&moved).await, Err("CK012".to_owned()), "{tbl}");
    }
}

#[tokio::test]
async fn values_outside_what_is_allowed_are_refused() {
    let (_db, session, _owner) = workspace().await;
    let view = json!({"name": "N", "module": "tasks", "rank": "a0"});
    let with = |base: &Value, column: &str, value: Value| {
        let mut set = base.clone();
        set[column] = value;
        json!({"record": Uuid::now_v7(), "op": "insert", "set": set})
    };
    let (long, huge) = ("x".repeat(201), "x".repeat(41_000));
    for (column, value) in [
        ("name", json!("")),
        ("name", json!(long)),
        ("module", json!(long)),
        ("rank", json!("a b")),
        ("spec", json!({"x": huge})),
    ] {
        let answer = apply(&session, BOB, "saved_views", with(&view, column, value)).await;
        assert_eq!(answer["code"], "invalid", "{column}: {answer}");
    }
    for (column, value) in [("key", json!(long)), ("value", json!({"x": huge}))] {
        assert_eq!(
            apply(&session, BOB, "preferences", with(&json!({"key": "k"}), column, value)).await["code"],
            "invalid"
        );
    }
}

/// Whatever becomes of roles and rights, nobody ever pulls, reads, changes or hears what is another's.
#[tokio::test]
async fn rights_of_the_workspace_open_nobodys_user_scope() {
    let (_db, session, owner) = workspace().await;
    lay_out_personal(&owner, TENANT, &[ANN, BOB, EVE]).await;
    owner
        .run("insert into realtime.messages (topic, extension, event) values ('x', 'broadcast', 'probe')")
        .await
        .unwrap();
    let bob = member_id(TENANT, BOB);
    let role = |who: Person, role: &str, right: bool| {
        format!("select set_member_role('{TENANT}', '{}', '{role}', {right})", member_id(TENANT, who))
    };
    let steps = [
        "select 1::int".to_owned(),
        role(EVE, "owner", true),
        role(EVE, "viewer", false),
        role(EVE, "manager", true),
        role(BOB, "viewer", false),
        role(BOB, "owner", true),
        role(BOB, "member", true),
        format!("select remove_member('{TENANT}', '{bob}')"),
    ];
    for step in steps {
        session.ask(ANN, &step).await.unwrap();
        let (scope, _) = user_scope(&owner, BOB).await;
        for spy in [ANN, EVE] {
            assert_eq!(pulled(&session, spy, scope).await, Err(json!({"scope": scope, "state": "gone"})), "{step}");
            let page = format!("select sync_page('{scope}', 'preferences')");
            assert_eq!(session.ask(spy, &page).await, Err("CK002".to_owned()), "{step}");
            for tbl in PERSONAL {
                let seen = session.ask(spy, &format!("select count(*) from {tbl} where member_id = '{bob}'")).await;
                assert_eq!(seen, Ok(json!(0)), "{tbl} after {step}");
                for act in ["edit another's", "delete another's"] {
                    assert!(!personal_act(&session, TENANT, (spy, BOB), tbl, act).await, "{act} of {tbl} after {step}");
                }
            }
            // Nor is it named where scopes are listed: what is mine, what is new to me, what a batch answers.
            let mine = user_scope(&owner, spy).await.0;
            let news = session.pull(spy, &json!([{"scope": mine, "epoch": 1, "seq": 0}, {"scope": scope}]), 1000).await;
            let batch = session.apply(spy, TENANT, Uuid::now_v7(), &json!([])).await.unwrap();
            let list = session.ask(spy, "select my_workspaces()").await.unwrap();
            for (place, text) in [("pull", &news), ("batch", &batch), ("list", &list)] {
                let text = text.to_string().replace(&format!(r#"{{"scope":"{scope}","state":"gone"}}"#), "");
                assert!(
                    !text.contains(&scope.to_string()) && !text.contains(&bob.to_string()),
                    "{place} after {step}: {text}"
                );
            }
            assert!(!may(&session, spy, &topic(&owner, BOB).await, "receive").await, "{step}");
        }
    }
    assert!(pulled(&session, BOB, user_scope(&owner, BOB).await.0).await.is_err(), "nor a former member their own");
}

#[tokio::test]
async fn a_forged_flag_writes_to_nobody_else() {
    let (_db, session, owner) = workspace().await;
    lay_out_personal(&owner, TENANT, &[ANN, BOB]).await;
    let (ann, bob) = (member_id(TENANT, ANN), member_id(TENANT, BOB));
    for (sql, expected) in [
        ("update saved_views set name = 'x'".to_owned(), Ok(json!(1))),
        ("update inbox_items set read_at = now()".to_owned(), Ok(json!(1))),
        (format!("update preferences set value = '1' where member_id = '{bob}'"), Ok(json!(0))),
        ("update inbox_items set excerpt = 'x'".to_owned(), Err("42501".to_owned())),
        (format!("update saved_views set member_id = '{bob}'"), Err("42501".to_owned())),
        ("delete from inbox_items".to_owned(), Err("42501".to_owned())),
        (
            format!(
                "insert into preferences (id, tenant_id, member_id, key) values (gen_random_uuid(), '{TENANT}', '{bob}', 'k')"
            ),
            Err("42501".to_owned()),
        ),
        (
            format!("select sync.notify('{TENANT}', '{bob}', 'mention', '{ann}', null, null, null, 'x')"),
            Err("42501".to_owned()),
        ),
        (format!("select (sync.next_block('user', '{TENANT}', 1, '{bob}')).base"), Err("42501".to_owned())),
    ] {
        session.begin(ANN).await;
        session.run("select set_config('sync.in_apply', pg_current_xact_id()::text, true)").await.unwrap();
        assert_eq!(session.run(&sql).await, expected, "{sql}");
        session.end("rollback").await;
    }
}
