//! `docs/permissions.md`, cell by cell.

use std::collections::{BTreeMap, BTreeSet};

use cockpit_hub::postgres::PlatformGrants;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::{
    support::{Answer, Db, Person, Session, apply_sql, member_id, quoted, repository},
    user_scope::{PERSONAL, lay_out_personal, personal_act},
};

const TENANT: Uuid = uuid!("10000000-0000-4000-8000-000000000001");
const OTHER_TENANT: Uuid = uuid!("10000000-0000-4000-8000-000000000002");
const CLIENT: Uuid = uuid!("20000000-0000-4000-8000-000000000001");
const PROJECT: Uuid = uuid!("20000000-0000-4000-8000-000000000002");
const PROJECT_WITHOUT_BUDGET: Uuid = uuid!("20000000-0000-4000-8000-000000000003");
const TASK: Uuid = uuid!("20000000-0000-4000-8000-000000000004");
const LOCKED_TASK: Uuid = uuid!("20000000-0000-4000-8000-000000000007");
const INVITATION: Uuid = uuid!("20000000-0000-4000-8000-000000000005");
const EXPIRED_INVITATION: Uuid = uuid!("20000000-0000-4000-8000-000000000006");
const SECOND_TASK: Uuid = uuid!("20000000-0000-4000-8000-00000000000a");
const THIRD_TASK: Uuid = uuid!("20000000-0000-4000-8000-000000000008");
/// The one record of each table that has no constant of its own.
const RECORD: Uuid = uuid!("20000000-0000-4000-8000-000000000009");
const NEW: Uuid = uuid!("30000000-0000-4000-8000-000000000001");
const DEVICE: Uuid = uuid!("40000000-0000-4000-8000-000000000001");
const HEADINGS: [&str; 10] =
    ["owner", "admin", "manager", "member", "member −", "viewer +", "viewer", "stranger", "removed", "anonymous"];
const SECOND_OWNER: u128 = 20;
const SECOND_MEMBER: u128 = 21;

/// One row of a table of the document.
struct Row {
    subject: String,
    case: String,
    allowed: Vec<(Person, &'static str, bool)>,
}

struct Scopes {
    tenant: Uuid,
    tenant_key: String,
    finance: Uuid,
    finance_key: String,
    /// Per member id, the scope and its key.
    users: BTreeMap<Uuid, (Uuid, String)>,
}

impl Scopes {
    /// The user scope that a row of the document speaks of: the person's own, or that of a member whom nobody in the columns is.
    fn user(&self, person: Person, case: &str) -> (Uuid, String) {
        let member = match person.0 {
            _ if case.contains("another's") => member_id(TENANT, Person::new(SECOND_MEMBER)),
            Some(_) => member_id(TENANT, person),
            None => Uuid::nil(),
        };
        self.users.get(&member).cloned().unwrap_or_default()
    }
}

#[tokio::test]
async fn every_cell_holds_under_the_grants_of_old_projects() {
    every_cell_holds(PlatformGrants::Old).await;
}

#[tokio::test]
async fn every_cell_holds_under_the_grants_of_new_projects() {
    every_cell_holds(PlatformGrants::New).await;
}

/// What a role may do must come from our grants, so both kinds of projects end with the same rights, and nothing extra.
#[tokio::test]
async fn rights_are_the_same_under_both_regimes() {
    let rights = "select json_agg(x order by x::text) from (
        select n.nspname, c.relname as name, a.grantee::regrole::text, a.privilege_type
        from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
        where n.nspname in ('public', 'sync') and a.grantee <> c.relowner
        union all
        select n.nspname, p.oid::regprocedure::text, a.grantee::regrole::text, a.privilege_type
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace,
          aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        where n.nspname in ('public', 'sync') and a.grantee <> p.proowner) x";
    let old = Db::with(PlatformGrants::Old).await.owner().await.run(rights).await.unwrap();
    let new = Db::new().await.owner().await.run(rights).await.unwrap();
    assert_eq!(old, new);
    let open: Vec<&Value> = new.as_array().unwrap().iter().filter(|right| right["grantee"] == "-").collect();
    assert_eq!(open, Vec::<&Value>::new(), "nothing is granted to public");
    let anonymous: Vec<&str> = new
        .as_array()
        .unwrap()
        .iter()
        .filter(|right| right["grantee"] == "anon")
        .map(|right| right["name"].as_str().unwrap())
        .collect();
    assert_eq!(anonymous, ["sync_health()"], "an anonymous caller may ask for the health and nothing else");
}

#[tokio::test]
async fn every_table_and_function_is_in_the_document() {
    let owner = Db::new().await.owner().await;
    let names = |rows: &[Row]| rows.iter().map(|row| row.subject.clone()).collect::<BTreeSet<_>>();
    let found = |value: Value| -> BTreeSet<String> { serde_json::from_value(value).unwrap() };
    let tables = "select json_agg(relname) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r','p','v','m','f')";
    assert_eq!(found(owner.run(tables).await.unwrap()), names(&table("Records")));
    let functions = "select json_agg(distinct proname) from pg_proc where pronamespace = 'public'::regnamespace";
    assert_eq!(found(owner.run(functions).await.unwrap()), names(&table("Functions")));
    for row in table("Records") {
        let security = format!("select relrowsecurity from pg_class where oid = 'public.{}'::regclass", row.subject);
        assert_eq!(owner.run(&security).await, Ok(json!(true)), "{} has row security", row.subject);
    }
    let described = "select json_agg(x.name) from (
        select oid::regclass::text as name, obj_description(oid, 'pg_class') as words from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r'
        union all
        select oid::regprocedure::text, obj_description(oid, 'pg_proc') from pg_proc where pronamespace = 'public'::regnamespace
      ) x where x.words is null";
    assert_eq!(owner.run(described).await, Ok(Value::Null), "everything public has a comment");
    let torn =
        "select json_agg(proname) from pg_proc where pronamespace = 'public'::regnamespace and provolatile <> 's'
        and proname in ('sync_pull', 'sync_page', 'my_workspaces')";
    assert_eq!(
        owner.run(torn).await,
        Ok(Value::Null),
        "heads and rows are read in one snapshot, which only STABLE gives"
    );
    let paths = "select json_agg(oid::regprocedure::text) from pg_proc
        where pronamespace in ('public'::regnamespace, 'sync'::regnamespace)
        and not coalesce('search_path=\"\"' = any (proconfig), false)";
    assert_eq!(owner.run(paths).await, Ok(Value::Null), "every function fixes its search path");
}

async fn every_cell_holds(grants: PlatformGrants) {
    let db = Db::with(grants).await;
    let scopes = lay_out(&db).await;
    let session = db.session().await;
    let mut wrong = Vec::new();
    let mut cells = 0;
    for (kind, rows) in ["Records", "Functions", "Topics"].map(|kind| (kind, table(kind))) {
        for row in rows {
            for (person, heading, expected) in &row.allowed {
                let allowed = match kind {
                    "Records" => record_act(&session, *person, &row.subject, &row.case).await,
                    "Functions" => function_works(&session, *person, &row.subject, &row.case, &scopes).await,
                    _ => topic_act(&session, *person, &row.subject, &row.case, &scopes).await,
                };
                cells += 1;
                if allowed != *expected {
                    wrong.push(format!("{} {} as {heading}: the document says {expected}", row.subject, row.case));
                }
            }
        }
    }
    for row in table("Records") {
        for (person, heading, _) in &row.allowed {
            for act in [
                "insert into public.{} (id) values (gen_random_uuid())",
                "update public.{} set id = id",
                "delete from public.{}",
                "truncate public.{} cascade",
                "update public.{} set deleted_at = null",
            ] {
                cells += 1;
                let answer = session.try_out(*person, &act.replace("{}", &row.subject)).await;
                // Invitations have no deleted_at.
                if answer != Err("42501".to_owned()) && answer != Err("42703".to_owned()) {
                    wrong.push(format!("{act} of {} as {heading}: {answer:?}", row.subject));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(cells > 1000, "only {cells} cells were tried");
}

async fn record_act(session: &Session, person: Person, tbl: &str, act: &str) -> bool {
    if PERSONAL.contains(&tbl) {
        return personal_act(session, TENANT, (person, Person::new(SECOND_MEMBER)), tbl, act).await;
    }
    if act == "read" {
        let of_the_workspace = match tbl {
            "economics_templates" => String::new(),
            _ => format!("where tenant_id = '{TENANT}'"),
        };
        let count = format!("select count(id) from public.{tbl} {of_the_workspace}");
        return session.try_out(person, &count).await.is_ok_and(|count| count != json!(0));
    }
    let existing = match tbl {
        "tenants" => TENANT,
        "tenant_members" => member_id(TENANT, Person::new(SECOND_MEMBER)),
        "invitations" => INVITATION,
        "clients" => CLIENT,
        "projects" | "project_budgets" => PROJECT,
        "tasks" => TASK,
        _ => RECORD,
    };
    let (op, record, values) = match act {
        "create" if tbl == "project_budgets" => ("insert", PROJECT_WITHOUT_BUDGET, json!({"budget": "100"})),
        "create" => ("insert", NEW, new_values(person, tbl)),
        "edit" if tbl == "project_budgets" => ("update", existing, json!({"budget": "250"})),
        "edit" if tbl == "invitations" => ("update", existing, json!({"role": "admin"})),
        "edit" => ("update", existing, edited_values(tbl)),
        "delete" => ("delete", existing, Value::Null),
        other => panic!("the document has an unknown act: {other}"),
    };
    let mutation = json!([{"id": NEW, "no": 1, "tbl": tbl, "record": record, "op": op, "set": values, "base": {"budget": "1000", "body": "Body", "amount": "10", "rate": "2"}}]);
    let answer = session.try_out(person, &apply_sql(TENANT, DEVICE, &mutation)).await;
    answer.is_ok_and(|answer| answer["results"][0]["status"] == "applied")
}

fn new_values(person: Person, tbl: &str) -> Value {
    let member = person.0.map(|_| member_id(TENANT, person));
    match tbl {
        "task_dependencies" => json!({"task_id": SECOND_TASK, "depends_on": TASK}),
        "task_links" => json!({"task_id": TASK, "url": "https://example.com"}),
        "comments" => json!({"task_id": TASK, "body": "New"}),
        "time_entries" => json!({"member_id": member, "session_date": "2026-02-03", "duration_seconds": 60}),
        "economics_model" => json!({"name": "New", "currency": "EUR"}),
        "rates" => {
            json!({"kind": "cost", "role": "member", "amount": "20", "currency": "EUR", "valid_from": "2026-02-03"})
        }
        "expenses" => json!({"project_id": PROJECT, "spent_on": "2026-02-03", "amount": "20", "currency": "EUR"}),
        "exchange_rates" => json!({"currency": "CHF", "valid_from": "2026-02-03", "rate": "1.05"}),
        _ => json!({"name": "New"}),
    }
}

fn edited_values(tbl: &str) -> Value {
    match tbl {
        "task_dependencies" => json!({"lag_days": 3}),
        "task_links" => json!({"title": "Edited"}),
        "comments" => json!({"body": "Edited"}),
        "time_entries" => json!({"session_name": "Edited"}),
        "rates" => json!({"amount": "30"}),
        "expenses" => json!({"description": "Edited"}),
        "exchange_rates" => json!({"rate": "3"}),
        _ => json!({"name": "Edited"}),
    }
}

async fn function_works(session: &Session, person: Person, function: &str, case: &str, scopes: &Scopes) -> bool {
    let member = member_id(TENANT, Person::new(SECOND_MEMBER));
    let second_owner = member_id(TENANT, Person::new(SECOND_OWNER));
    let (scope, page) = match case {
        "finance scope" => (scopes.finance, "project_budgets"),
        "own user scope" | "another's user scope" => (scopes.user(person, case).0, "inbox_items"),
        _ => (scopes.tenant, "tasks"),
    };
    let cursor = quoted(&json!([{"scope": scope, "epoch": 1, "seq": 0, "mark": null}]));
    let sql = match (function, case) {
        ("sync_health" | "my_workspaces", _) => format!("select {function}()"),
        ("sync_pull", _) => format!("select sync_pull({cursor}) -> 'scopes' -> 0"),
        ("sync_page", _) => format!("select sync_page('{scope}', '{page}')"),
        ("apply_mutations", _) => apply_sql(TENANT, DEVICE, &json!([])),
        ("lock_record", "a task") => format!("select lock_record('{TENANT}', '{DEVICE}', 'w', 'task', '{TASK}')"),
        ("lock_record", "a client") => format!("select lock_record('{TENANT}', '{DEVICE}', 'w', 'client', '{CLIENT}')"),
        ("lock_record", "a project") => {
            format!("select lock_record('{TENANT}', '{DEVICE}', 'w', 'project', '{PROJECT}')")
        }
        ("lock_record", _) => {
            format!("select lock_record('{TENANT}', '{DEVICE}', 'w', 'task', '{LOCKED_TASK}', 30, true)")
        }
        ("lock_heartbeat", _) => format!("select lock_heartbeat('{TENANT}', '{DEVICE}', '[]')"),
        ("unlock_record", _) => format!("select unlock_record('{TENANT}', '{DEVICE}', 'w', 'task', '{TASK}')"),
        ("create_workspace", _) => format!("select create_workspace('{NEW}', '{NEW}', 'Mine', 'Me')"),
        ("invite_member", "as admin") => format!("select invite_member('{TENANT}', '{NEW}', 'admin')"),
        ("invite_member", _) => format!("select invite_member('{TENANT}', '{NEW}', 'owner')"),
        ("revoke_invitation", _) => format!("select revoke_invitation('{TENANT}', '{INVITATION}')"),
        ("accept_invitation", "valid code") => format!("select accept_invitation('valid', '{NEW}', 'Me')"),
        ("accept_invitation", _) => format!("select accept_invitation('expired', '{NEW}', 'Me')"),
        ("set_member_role", "of a member") => {
            format!("select set_member_role('{TENANT}', '{member}', 'viewer', false)")
        }
        ("set_member_role", "of an owner") => {
            format!("select set_member_role('{TENANT}', '{second_owner}', 'admin', true)")
        }
        ("set_member_role", _) => format!("select set_member_role('{TENANT}', '{member}', 'owner', true)"),
        ("remove_member", "a member") => format!("select remove_member('{TENANT}', '{member}')"),
        ("remove_member", _) => format!("select remove_member('{TENANT}', '{second_owner}')"),
        ("leave_workspace", _) => format!("select leave_workspace('{TENANT}')"),
        ("update_workspace", _) => format!("select update_workspace('{TENANT}', 'New', 'CHF', 'Europe/Zurich', 7)"),
        ("update_member", case) => {
            let oneself = person.0.map_or(Uuid::nil(), |_| member_id(TENANT, person));
            let whom = if case.contains("oneself") { oneself } else { member };
            let change = if case.contains("hours") { json!({"weekly_hours": 30}) } else { json!({"name": "New"}) };
            format!("select update_member('{TENANT}', '{whom}', {})", quoted(&change))
        }
        ("transfer_ownership", _) => format!("select transfer_ownership('{TENANT}', '{member}')"),
        other => panic!("the document has a function without a test: {other:?}"),
    };
    match session.try_out(person, &sql).await {
        Ok(answer) => answer["state"] != "gone" && answer["granted"] != false,
        Err(code) => {
            assert!(code == "42501" || code.starts_with("CK"), "{function} {case}: {code} is no refusal");
            false
        }
    }
}

/// As Realtime asks: a probe row laid by the server is read, or one is inserted, under the caller's role with `realtime.topic` set.
async fn topic_act(session: &Session, person: Person, topic: &str, act: &str, scopes: &Scopes) -> bool {
    let topic = match topic {
        "changes of the tenant scope" => format!("fractal:{}:{}:changes", scopes.tenant, scopes.tenant_key),
        "changes of the finance scope" => format!("fractal:{}:{}:changes", scopes.finance, scopes.finance_key),
        "changes of one's own user scope" | "changes of another's user scope" => {
            let (scope, key) = scopes.user(person, topic);
            format!("fractal:{scope}:{key}:changes")
        }
        "workspace" => format!("fractal:{TENANT}:{}", scopes.tenant_key),
        _ => format!("presence:{TENANT}:{}", scopes.tenant_key),
    };
    may(session, person, &topic, act).await
}

pub(crate) async fn may(session: &Session, person: Person, topic: &str, act: &str) -> bool {
    session.begin(person).await;
    session.run(&format!("select set_config('realtime.topic', '{topic}', true)")).await.unwrap();
    let insert = |extension: &str| {
        format!("insert into realtime.messages (topic, extension, private) values ('{topic}', '{extension}', true)")
    };
    let answer: Answer = match act {
        "receive" => session.run("select count(*) > 0 from realtime.messages where event = 'probe'").await,
        other => session.run(&insert(other)).await,
    };
    session.end("rollback").await;
    match answer {
        Ok(answer) => answer != json!(false),
        Err(code) => {
            assert_eq!(code, "42501");
            false
        }
    }
}

async fn lay_out(db: &Db) -> Scopes {
    let people = [
        ("owner", true),
        ("admin", true),
        ("manager", true),
        ("member", true),
        ("member", false),
        ("viewer", true),
        ("viewer", false),
    ];
    let mut members: Vec<(Person, &str, bool)> =
        people.iter().zip(0..).map(|((role, finance), number)| (Person::new(number), *role, *finance)).collect();
    members.extend([
        (Person::new(8), "admin", true),
        (Person::new(SECOND_OWNER), "owner", true),
        (Person::new(SECOND_MEMBER), "member", true),
    ]);
    db.workspace(TENANT, &members).await;
    db.workspace(OTHER_TENANT, &[(Person::new(7), "owner", true)]).await;
    let owner = db.owner().await;
    lay_out_personal(&owner, TENANT, &members.iter().map(|(person, ..)| *person).collect::<Vec<_>>()).await;
    let creator = member_id(TENANT, Person::new(0));
    let removed = member_id(TENANT, Person::new(8));
    let holder = member_id(TENANT, Person::new(SECOND_MEMBER));
    owner.client.batch_execute(&format!("
        update tenant_members set removed_at = now() where id = '{removed}';
        insert into clients (id, tenant_id, name) values ('{CLIENT}', '{TENANT}', 'Client');
        insert into projects (id, tenant_id, name) values ('{PROJECT}', '{TENANT}', 'P'), ('{PROJECT_WITHOUT_BUDGET}', '{TENANT}', 'Q');
        insert into project_budgets (id, tenant_id, budget) values ('{PROJECT}', '{TENANT}', 1000);
        insert into tasks (id, tenant_id, name) values ('{TASK}', '{TENANT}', 'Task'), ('{SECOND_TASK}', '{TENANT}', 'Second'),
          ('{THIRD_TASK}', '{TENANT}', 'Third'), ('{LOCKED_TASK}', '{TENANT}', 'Locked');
        insert into task_dependencies (id, tenant_id, task_id, depends_on) values ('{RECORD}', '{TENANT}', '{TASK}', '{THIRD_TASK}');
        insert into task_links (id, tenant_id, task_id, url) values ('{RECORD}', '{TENANT}', '{TASK}', 'https://example.com');
        insert into comments (id, tenant_id, task_id, body, created_by) values ('{RECORD}', '{TENANT}', '{TASK}', 'Body', '{creator}');
        insert into time_entries (id, tenant_id, member_id, session_date, duration_seconds)
        values ('{RECORD}', '{TENANT}', '{creator}', '2026-02-02', 60);
        insert into economics_model (id, tenant_id, name, currency) values ('{RECORD}', '{TENANT}', 'Model', 'EUR');
        insert into rates (id, tenant_id, kind, role, amount, currency, valid_from)
        values ('{RECORD}', '{TENANT}', 'cost', 'member', 10, 'EUR', '2026-02-02');
        insert into expenses (id, tenant_id, project_id, spent_on, amount, currency)
        values ('{RECORD}', '{TENANT}', '{PROJECT}', '2026-02-02', 10, 'EUR');
        insert into scenarios (id, tenant_id, name) values ('{RECORD}', '{TENANT}', 'Scenario');
        insert into exchange_rates (id, tenant_id, currency, valid_from, rate) values ('{RECORD}', '{TENANT}', 'CHF', '2026-02-02', 2);
        insert into editing_locks (tenant_id, record_type, record_id, holder, user_id, device, window_label, fence, locked_at, expires_at)
        values ('{TENANT}', 'task', '{LOCKED_TASK}', '{holder}', '{DEVICE}', '{DEVICE}', 'w', 1, now(), now() + interval '1 hour');
        insert into invitations (id, tenant_id, role, code_hash, expires_at, created_by) values
          ('{INVITATION}', '{TENANT}', 'member', encode(sha256('valid'), 'hex'), now() + interval '1 day', '{creator}'),
          ('{EXPIRED_INVITATION}', '{TENANT}', 'member', encode(sha256('expired'), 'hex'), now() - interval '1 day', '{creator}');
        insert into realtime.messages (topic, extension, event, private) values ('probe', 'broadcast', 'probe', true);
    ")).await.unwrap();
    let scope = async |kind: &str, column: &str| {
        owner
            .run(&format!("select {column}::text from sync.scope where tenant_id = '{TENANT}' and kind = '{kind}'"))
            .await
            .unwrap()
    };
    let text = |value: Value| value.as_str().unwrap().to_owned();
    let users = "select json_object_agg(member_id, json_build_array(id, feed_key)) from sync.scope where kind = 'user'";
    Scopes {
        tenant: text(scope("tenant", "id").await).parse().unwrap(),
        tenant_key: text(scope("tenant", "feed_key").await),
        finance: text(scope("finance", "id").await).parse().unwrap(),
        finance_key: text(scope("finance", "feed_key").await),
        users: serde_json::from_value(owner.run(users).await.unwrap()).unwrap(),
    }
}

/// The rows of the table under a heading of the document.
fn table(heading: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(repository("docs/permissions.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let mut lines = section.lines().filter(|line| line.starts_with('|')).map(|line| {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(lines.next().unwrap()[2..], HEADINGS, "the columns under {heading}");
    lines
        .skip(1)
        .map(|cells| Row {
            subject: cells[0].clone(),
            case: cells[1].clone(),
            allowed: HEADINGS
                .iter()
                .zip(&cells[2..])
                .zip(0..)
                .map(|((heading, cell), number)| {
                    let person = if *heading == "anonymous" { Person::ANONYMOUS } else { Person::new(number) };
                    let allowed = match cell.as_str() {
                        "yes" => true,
                        "no" => false,
                        other => panic!("a cell of {} says {other:?}", cells[0]),
                    };
                    (person, *heading, allowed)
                })
                .collect(),
        })
        .collect()
}
