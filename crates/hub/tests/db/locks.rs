//! Who gets a lock, for how long, what heartbeat and pull tell of it, and what nobody may do to one.

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::support::{Answer, Db, Person, Session, member_id, quoted};

pub(crate) const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000f1");
const ELSEWHERE: Uuid = uuid!("10000000-0000-4000-8000-0000000000f2");
pub(crate) const TASK: Uuid = uuid!("20000000-0000-4000-8000-0000000000f1");
pub(crate) const OTHER_TASK: Uuid = uuid!("20000000-0000-4000-8000-0000000000f2");
pub(crate) const PROJECT: Uuid = uuid!("20000000-0000-4000-8000-0000000000f3");
const CLIENT: Uuid = uuid!("20000000-0000-4000-8000-0000000000f4");
const TRASHED: Uuid = uuid!("20000000-0000-4000-8000-0000000000f5");
pub(crate) const ANN: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f1")));
pub(crate) const BOB: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f2")));
pub(crate) const MANAGER: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f3")));
pub(crate) const VIEWER: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f4")));
const REMOVED: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f5")));
const STRANGER: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f6")));
const CLERK: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f7")));
pub(crate) const LAPTOP: Uuid = uuid!("40000000-0000-4000-8000-0000000000f1");
pub(crate) const PHONE: Uuid = uuid!("40000000-0000-4000-8000-0000000000f2");

/// A workspace with two members, a manager, a viewer, a clerk without the finance right and somebody who left; and some records.
pub(crate) async fn workspace() -> (Db, Session, Session) {
    let db = Db::new().await;
    let people = [
        (MANAGER, "owner", true),
        (ANN, "member", true),
        (BOB, "member", true),
        (VIEWER, "viewer", true),
        (REMOVED, "admin", true),
        (CLERK, "member", false),
    ];
    db.workspace(TENANT, &people).await;
    db.workspace(ELSEWHERE, &[(STRANGER, "owner", true)]).await;
    let (session, owner) = (db.session().await, db.owner().await);
    let sql = format!(
        "update tenant_members set removed_at = now() where id = '{}';
         update tenant_members set name = 'Bob' where id = '{}';
         insert into clients (id, tenant_id, name) values ('{CLIENT}', '{TENANT}', 'C');
         insert into projects (id, tenant_id, name) values ('{PROJECT}', '{TENANT}', 'P');
         insert into project_budgets (id, tenant_id, budget) values ('{PROJECT}', '{TENANT}', 1000);
         insert into tasks (id, tenant_id, name, deleted_at)
         values ('{TASK}', '{TENANT}', 'T', null), ('{OTHER_TASK}', '{TENANT}', 'T', null), ('{TRASHED}', '{TENANT}', 'T', now());",
        member_id(TENANT, REMOVED),
        member_id(TENANT, BOB),
    );
    owner.client.batch_execute(&sql).await.unwrap();
    (db, session, owner)
}

pub(crate) fn lock_sql(device: Uuid, window: &str, kind: &str, record: Uuid, more: &str) -> String {
    format!("select lock_record('{TENANT}', '{device}', '{window}', '{kind}', '{record}'{more})")
}

/// Takes a task's lock for half a minute from window `main`, without taking over.
pub(crate) async fn lock(session: &Session, person: Person, device: Uuid, task: Uuid) -> Value {
    session.ask(person, &lock_sql(device, "main", "task", task, "")).await.unwrap()
}

pub(crate) async fn take_over(session: &Session, person: Person, device: Uuid, window: &str) -> Value {
    session.ask(person, &lock_sql(device, window, "task", TASK, ", 30, true")).await.unwrap()
}

pub(crate) async fn unlock(session: &Session, person: Person, device: Uuid, task: Uuid) -> Value {
    let sql = format!("select unlock_record('{TENANT}', '{device}', 'main', 'task', '{task}') -> 'released'");
    session.ask(person, &sql).await.unwrap()
}

async fn heartbeat(session: &Session, person: Person, device: Uuid, locks: &Value) -> Value {
    session.ask(person, &format!("select lock_heartbeat('{TENANT}', '{device}', {})", quoted(locks))).await.unwrap()
}

/// Half a minute later, without waiting for it.
pub(crate) async fn expire(owner: &Session) {
    owner.run("update editing_locks set expires_at = clock_timestamp() - interval '1 millisecond'").await.unwrap();
}

pub(crate) fn fence(answer: &Value) -> i64 {
    assert_eq!(answer["granted"], true, "{answer}");
    answer["lock"]["fence"].as_i64().unwrap()
}

fn named(fence: i64) -> Value {
    json!([{"record_type": "task", "record_id": TASK, "fence": fence}])
}

#[tokio::test]
async fn a_free_record_is_locked_and_others_are_told_by_whom() {
    let (_db, session, _owner) = workspace().await;
    let mine = lock(&session, BOB, LAPTOP, TASK).await;
    let held = &mine["lock"];
    assert_eq!((&mine["granted"], &held["member"]), (&json!(true), &json!(member_id(TENANT, BOB))));
    assert_eq!((&held["device"], &held["window"], &held["record_id"]), (&json!(LAPTOP), &json!("main"), &json!(TASK)));
    let left = held["expires_in_ms"].as_i64().unwrap();
    assert!((0..=30_000).contains(&left) && held["expires_at"].as_str().unwrap().ends_with('Z'), "{held}");

    let theirs = lock(&session, ANN, PHONE, TASK).await;
    assert_eq!((&theirs["granted"], &theirs["lock"]["fence"]), (&json!(false), &held["fence"]));
    assert_eq!((&theirs["lock"]["member"], &theirs["lock"]["expires_at"]), (&held["member"], &held["expires_at"]));
    assert_eq!(lock(&session, ANN, PHONE, OTHER_TASK).await["granted"], true, "another record is another lock");
}

#[tokio::test]
async fn the_fence_rises_with_each_tenure_and_never_else() {
    let (_db, session, owner) = workspace().await;
    let first = fence(&lock(&session, ANN, LAPTOP, TASK).await);
    assert_eq!(fence(&lock(&session, ANN, LAPTOP, TASK).await), first, "a renewal keeps it");
    expire(&owner).await;
    let second = fence(&lock(&session, ANN, LAPTOP, TASK).await);
    assert!(second > first, "who comes back after the lease has a new one");
    assert_eq!(unlock(&session, ANN, LAPTOP, TASK).await, true);
    assert_eq!(owner.run("select count(*) from editing_locks").await, Ok(json!(1)), "the row stays");
    let third = fence(&lock(&session, BOB, PHONE, TASK).await);
    assert!(third > second, "also after a release");
    assert!(fence(&take_over(&session, MANAGER, PHONE, "main").await) > third, "and when it is taken over");
}

#[tokio::test]
async fn an_expired_lock_is_free_for_anyone() {
    let (_db, session, owner) = workspace().await;
    lock(&session, ANN, LAPTOP, TASK).await;
    expire(&owner).await;
    assert_eq!(unlock(&session, ANN, LAPTOP, TASK).await, false, "there is nothing left to release");
    assert_eq!(lock(&session, BOB, PHONE, TASK).await["lock"]["member"], json!(member_id(TENANT, BOB)));
}

#[tokio::test]
async fn a_lock_is_taken_over_from_oneself_or_by_a_manager_and_only_when_asked_for() {
    let (_db, session, _owner) = workspace().await;
    let first = fence(&lock(&session, ANN, LAPTOP, TASK).await);
    assert_eq!(lock(&session, ANN, PHONE, TASK).await["granted"], false, "another device has to say so");
    assert_eq!(take_over(&session, BOB, PHONE, "main").await["granted"], false, "a member from another");
    let second = fence(&take_over(&session, ANN, LAPTOP, "second").await);
    let third = fence(&take_over(&session, ANN, PHONE, "main").await);
    assert!(first < second && second < third);
    assert_eq!(lock(&session, MANAGER, PHONE, TASK).await["granted"], false, "nor does a manager by accident");
    assert!(fence(&take_over(&session, MANAGER, PHONE, "main").await) > third);
    assert_eq!(unlock(&session, ANN, PHONE, TASK).await, false, "who lost it cannot release it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_connections_at_once_exactly_one_gets_the_lock_in_two_hundred_rounds() {
    let (db, _session, owner) = workspace().await;
    let people: Vec<Person> = (1..=8).map(Person::new).collect();
    for person in &people {
        let member = format!(
            "insert into auth.users (id, email) values ('{0}', '{1}');
             insert into tenant_members (id, tenant_id, auth_user, role, name) values ('{2}', '{TENANT}', '{0}', 'member', 'M')",
            person.id(),
            person.email(),
            member_id(TENANT, *person)
        );
        owner.client.batch_execute(&member).await.unwrap();
    }
    let sessions = join_all(people.iter().map(|_| db.session())).await;
    let (mut last, mut winners) = (0, [0_u32; 8]);
    for round in 0..200 {
        let calls = sessions.iter().zip(&people).map(|(session, person)| lock(session, *person, LAPTOP, TASK));
        let answers = join_all(calls).await;
        let granted: Vec<usize> = (0..8).filter(|at| answers[*at]["granted"] == true).collect();
        assert_eq!(granted.len(), 1, "round {round}");
        winners[granted[0]] += 1;
        let won = fence(&answers[granted[0]]);
        assert!(won > last, "round {round}: {won} after {last}");
        last = won;
        let held: Vec<&Value> = answers.iter().map(|answer| &answer["lock"]["member"]).collect();
        assert!(held.iter().all(|member| *member == held[granted[0]]), "all are told of the same holder");
        // In turn by release and by the clock.
        if round % 2 == 0 {
            assert_eq!(unlock(&sessions[granted[0]], people[granted[0]], LAPTOP, TASK).await, true);
        } else {
            expire(&owner).await;
        }
    }
    println!("locks won by each of eight: {winners:?}");
}

#[tokio::test]
async fn a_heartbeat_renews_what_is_held_and_names_what_is_gone() {
    let (_db, session, owner) = workspace().await;
    let mine = fence(&lock(&session, ANN, LAPTOP, TASK).await);
    owner.run("update editing_locks set expires_at = clock_timestamp() + interval '9 seconds'").await.unwrap();
    let beat = heartbeat(&session, ANN, LAPTOP, &named(mine)).await;
    assert_eq!((&beat["gone"], &beat["locks"][0]["fence"]), (&json!([]), &json!(mine)), "{beat}");
    assert!(beat["locks"][0]["expires_in_ms"].as_i64().unwrap() > 9000, "renewed: {beat}");

    owner.run("update editing_locks set expires_at = clock_timestamp() + interval '9 seconds'").await.unwrap();
    let gone = json!([{"record_type": "task", "record_id": TASK}]);
    assert_eq!(heartbeat(&session, ANN, LAPTOP, &named(mine - 1)).await["gone"], gone, "an earlier fence");
    assert_eq!(heartbeat(&session, ANN, PHONE, &named(mine)).await["gone"], gone, "another device");
    assert_eq!(heartbeat(&session, BOB, LAPTOP, &named(mine)).await["gone"], gone, "another person");
    let short = "select count(*) from editing_locks where expires_at < clock_timestamp() + interval '10 seconds'";
    assert_eq!(owner.run(short).await, Ok(json!(1)), "none of them renewed it");
    expire(&owner).await;
    let late = heartbeat(&session, ANN, LAPTOP, &named(mine)).await;
    assert_eq!((&late["gone"], &late["locks"]), (&gone, &json!([])), "a heartbeat that comes late brings nothing back");
    lock(&session, BOB, PHONE, TASK).await;
    let told = heartbeat(&session, ANN, LAPTOP, &json!([])).await;
    assert_eq!(told["locks"][0]["member"], json!(member_id(TENANT, BOB)), "others' locks are told to all");
}

#[tokio::test]
async fn a_lock_is_not_renewed_after_the_role_that_allowed_it_is_lost() {
    let (_db, session, _owner) = workspace().await;
    let mine = fence(&lock(&session, ANN, LAPTOP, TASK).await);
    let lower = format!("select set_member_role('{TENANT}', '{}', 'viewer', true)", member_id(TENANT, ANN));
    session.ask(MANAGER, &lower).await.unwrap();
    let gone = json!([{"record_type": "task", "record_id": TASK}]);
    assert_eq!(heartbeat(&session, ANN, LAPTOP, &named(mine)).await["gone"], gone);
    assert_eq!(unlock(&session, ANN, LAPTOP, TASK).await, true, "but it can be given back");
}

#[tokio::test]
async fn pull_tells_the_live_locks_and_those_on_economics_to_readers_of_finance_only() {
    let (_db, session, owner) = workspace().await;
    lock(&session, BOB, PHONE, TASK).await;
    // Laid by hand, as the record it covers is none of this test.
    let economics = format!(
        "insert into editing_locks (tenant_id, record_type, record_id, holder, user_id, device, window_label, fence, locked_at, expires_at)
         values ('{TENANT}', 'economics', '{PROJECT}', '{}', '{}', '{PHONE}', 'w', 1, now(), clock_timestamp() + interval '1 minute')",
        member_id(TENANT, MANAGER),
        MANAGER.id()
    );
    owner.run(&economics).await.unwrap();
    let scope = session.ask(ANN, "select my_workspaces() -> 0 -> 'scopes' -> 0 -> 'scope'").await.unwrap();
    let cursor = json!([{"scope": scope, "epoch": 1, "seq": 0, "mark": null}]);
    let types = |answer: &Value| -> Vec<String> {
        answer["locks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|lock| lock["record_type"].as_str().unwrap().to_owned())
            .collect()
    };
    let pulled = session.pull(ANN, &cursor, 10).await;
    assert_eq!(types(&pulled), ["economics", "task"]);
    assert!(pulled["locks"][1]["expires_in_ms"].as_i64().unwrap() > 0, "{pulled}");
    assert_eq!(types(&session.pull(CLERK, &cursor, 10).await), ["task"], "without the finance right");
    assert_eq!(types(&heartbeat(&session, CLERK, PHONE, &json!([])).await), ["task"]);
    let rows = "select count(*) from editing_locks";
    assert_eq!(session.ask(ANN, rows).await, Ok(json!(2)));
    assert_eq!(session.ask(CLERK, rows).await, Ok(json!(1)), "nor past the functions");
    for person in [STRANGER, REMOVED] {
        assert_eq!(types(&session.pull(person, &cursor, 10).await), Vec::<String>::new());
        assert_eq!(session.ask(person, rows).await, Ok(json!(0)));
    }
    assert_eq!(types(&session.pull(ANN, &json!([]), 10).await), Vec::<String>::new(), "of the cursors' workspaces");
    expire(&owner).await;
    assert_eq!(types(&session.pull(ANN, &cursor, 10).await), Vec::<String>::new(), "an expired lock is none");
}

#[tokio::test]
async fn a_hint_is_sent_when_a_lock_changes_hands_and_not_when_it_is_renewed() {
    let (db, session, owner) = workspace().await;
    let sent = async || {
        let hints = "select coalesce(json_agg(json_build_array(m.topic = format('fractal:%s:%s:changes', s.id, s.feed_key), m.payload - 'id',
            json_build_object('scope', s.id))), '[]')
            from realtime.messages m, sync.scope s where m.event = 'locks' and s.kind = 'tenant' and s.tenant_id = ";
        let hints = owner.run(&format!("{hints} '{TENANT}'")).await.unwrap();
        for hint in hints.as_array().unwrap() {
            assert_eq!((&hint[0], &hint[1]), (&json!(true), &hint[2]), "the topic of the tenant scope, and its id");
        }
        hints.as_array().unwrap().len()
    };
    let mine = fence(&lock(&session, ANN, LAPTOP, TASK).await);
    assert_eq!(sent().await, 1, "taken");
    lock(&session, ANN, LAPTOP, TASK).await;
    heartbeat(&session, ANN, LAPTOP, &named(mine)).await;
    lock(&session, BOB, PHONE, TASK).await;
    assert_eq!(sent().await, 1, "neither renewed nor refused");
    take_over(&session, MANAGER, PHONE, "main").await;
    assert_eq!(sent().await, 2, "taken over");
    assert_eq!(unlock(&session, MANAGER, PHONE, TASK).await, true);
    assert_eq!(sent().await, 3, "released");
    // A hint that cannot be sent is no reason to refuse a lock.
    let admin = crate::support::connect(cockpit_hub::postgres::SUPERUSER, db.name()).await;
    admin.batch_execute("drop table realtime.messages cascade").await.unwrap();
    fence(&lock(&session, ANN, LAPTOP, TASK).await);
}

#[tokio::test]
async fn who_may_not_write_a_record_may_not_lock_it() {
    let (_db, session, _owner) = workspace().await;
    let attempt = async |person: Person, kind: &str, record: Uuid| -> Answer {
        session.try_out(person, &format!("{} -> 'granted'", lock_sql(LAPTOP, "main", kind, record, ""))).await
    };
    let refused = |code: &str| Err::<Value, _>(code.to_owned());
    for (kind, record) in [("task", TASK), ("client", CLIENT), ("project", PROJECT)] {
        assert_eq!(attempt(MANAGER, kind, record).await, Ok(json!(true)), "{kind}");
        let member = if kind == "task" { Ok(json!(true)) } else { refused("CK003") };
        assert_eq!(attempt(ANN, kind, record).await, member, "{kind}");
        assert_eq!(attempt(VIEWER, kind, record).await, refused("CK003"), "{kind}");
        assert_eq!(attempt(STRANGER, kind, record).await, refused("CK002"), "{kind}");
        assert_eq!(attempt(REMOVED, kind, record).await, refused("CK002"), "{kind}");
        assert_eq!(attempt(Person::ANONYMOUS, kind, record).await, refused("42501"), "{kind}");
    }
    assert_eq!(attempt(ANN, "economics", PROJECT).await, refused("CK003"), "before it is said whether it exists");
    assert_eq!(attempt(VIEWER, "time", PROJECT).await, refused("CK003"));
    for kind in ["task", "client", "project", "economics", "time"] {
        assert_eq!(attempt(MANAGER, kind, Uuid::now_v7()).await, refused("CK006"), "a {kind} that is not there");
    }
    assert_eq!(attempt(MANAGER, "task", TRASHED).await, refused("CK006"), "in the trash");
    assert_eq!(attempt(MANAGER, "task", CLIENT).await, refused("CK006"), "of another type");
}

#[tokio::test]
async fn nobody_writes_a_lock_past_the_functions_or_sets_an_expiry_of_their_own() {
    let (_db, session, owner) = workspace().await;
    lock(&session, ANN, LAPTOP, TASK).await;
    for sql in [
        "update editing_locks set expires_at = 'infinity'".to_owned(),
        "delete from editing_locks".to_owned(),
        "truncate editing_locks".to_owned(),
        format!(
            "insert into editing_locks select gen_random_uuid(), '{TENANT}', 'task', '{OTHER_TASK}', holder, user_id, device, 'w', 9, now(), 'infinity' from editing_locks"
        ),
        "select nextval('sync.lock_fence')".to_owned(),
        format!("select sync.live_locks(array['{TENANT}'::uuid], '{{}}')"),
        format!("select sync.hint_locks('{TENANT}')"),
        "update sync.field set locked = false".to_owned(),
    ] {
        for person in [ANN, MANAGER, STRANGER, Person::ANONYMOUS] {
            assert_eq!(session.try_out(person, &sql).await, Err("42501".to_owned()), "{sql}");
        }
    }
    let bad = |sql: &str| format!("select {sql}").replace("TENANT", &TENANT.to_string());
    for sql in [
        lock_sql(LAPTOP, "main", "task", TASK, ", 301"),
        lock_sql(LAPTOP, "main", "task", TASK, ", 9"),
        lock_sql(LAPTOP, "main", "task", TASK, ", null"),
        lock_sql(LAPTOP, "", "task", TASK, ""),
        lock_sql(LAPTOP, &"w".repeat(201), "task", TASK, ""),
        lock_sql(LAPTOP, "main", "tenant", TENANT, ""),
        bad("lock_record('TENANT', null, null, null, null)"),
        bad("lock_heartbeat('TENANT', 'TENANT', '[]', 301)"),
        bad("lock_heartbeat('TENANT', 'TENANT', '{}')"),
        bad("lock_heartbeat('TENANT', null, null)"),
    ] {
        assert_eq!(session.try_out(ANN, &sql).await, Err("CK006".to_owned()), "{sql}");
    }
    let untouched = "select count(*) from editing_locks where expires_at < clock_timestamp() + interval '31 seconds'";
    assert_eq!(owner.run(untouched).await, Ok(json!(1)));
}

#[tokio::test]
async fn nobody_holds_more_than_a_hundred() {
    let (_db, session, owner) = workspace().await;
    let tasks = format!(
        "insert into tasks (id, tenant_id, name) select md5(i::text)::uuid, '{TENANT}', 'T' from generate_series(1, 101) i"
    );
    owner.run(&tasks).await.unwrap();
    let each = format!(
        "select lock_record('{TENANT}', '{LAPTOP}', 'main', 'task', md5(i::text)::uuid) from generate_series(1, 100) i"
    );
    session.ask(ANN, &each).await.unwrap();
    let one_more = each.replace("(1, 100)", "(101, 101)");
    assert_eq!(session.ask(ANN, &one_more).await, Err("CK006".to_owned()));
    assert_eq!(owner.run("select count(*) from editing_locks").await, Ok(json!(100)), "and nothing of it stays");
    session.ask(ANN, &each.replace("(1, 100)", "(1, 1)")).await.expect("renewing is no more");
    session.ask(BOB, &one_more).await.expect("each for themselves");
}
