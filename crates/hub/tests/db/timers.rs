//! The rules of `docs/timers.md`.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::desk::{Desk, outcome};
use crate::support::{Db, Person, member_id};

const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000f1");
const ANN: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f1")));
const BOB: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f2")));
const EVE: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000f3")));
const ONE: Uuid = uuid!("20000000-0000-4000-8000-0000000000f1");
const TWO: Uuid = uuid!("20000000-0000-4000-8000-0000000000f2");

/// That minute of a morning long past, as the protocol writes it.
fn at(minute: u32) -> String {
    format!("2026-01-05T{:02}:{:02}:00.000000Z", 8 + minute / 60, minute % 60)
}

/// Ann is a member, Bob a manager, Eve a viewer.
async fn db() -> Db {
    let db = Db::new().await;
    let owner = Person::new(0xf0);
    db.workspace(
        TENANT,
        &[(owner, "owner", true), (ANN, "member", true), (BOB, "manager", true), (EVE, "viewer", true)],
    )
    .await;
    db
}

fn entry(started_at: &str) -> Value {
    json!({"session_date": "2026-01-05", "started_at": started_at})
}

async fn start(desk: &mut Desk, record: Uuid, minute: u32) -> Value {
    desk.send(json!({"tbl": "time_entries", "record": record, "op": "start", "set": entry(&at(minute))})).await
}

async fn turn(desk: &mut Desk, record: Uuid, op: &str, minute: u32) -> Value {
    desk.send(json!({"tbl": "time_entries", "record": record, "op": op, "set": {"at": at(minute)}})).await
}

async fn stop(desk: &mut Desk, record: Uuid, minute: u32) -> Value {
    turn(desk, record, "stop", minute).await
}

/// The entry as the log has it.
async fn row(db: &Db, record: Uuid) -> Value {
    let sql = format!(
        "select \"row\" from sync.change where tbl = 'time_entries' and record_id = '{record}' order by version desc limit 1"
    );
    db.owner().await.run(&sql).await.unwrap()
}

fn is_done(result: &Value, merged: bool) {
    assert_eq!((&result["status"], &result["merged"]), (&json!("applied"), &json!(merged)), "{result}");
}

#[tokio::test]
async fn a_timer_runs_pauses_goes_on_and_stops() {
    let db = db().await;
    let mut ann = Desk::new(&db, TENANT, ANN).await;
    is_done(&start(&mut ann, ONE, 0).await, false);
    is_done(&turn(&mut ann, ONE, "pause", 10).await, false);
    assert_eq!(row(&db, ONE).await["pauses"], json!([{"from": at(10), "to": null}]));
    is_done(&turn(&mut ann, ONE, "resume", 20).await, false);
    is_done(&stop(&mut ann, ONE, 30).await, false);
    let row = row(&db, ONE).await;
    assert_eq!(row["pauses"], json!([{"from": at(10), "to": at(20)}]));
    assert_eq!((&row["ended_at"], &row["ended_by"]), (&json!(at(30)), &json!("stop")));
    assert_eq!(row["member_id"], json!(member_id(TENANT, ANN)), "the caller's own when nobody is named");
}

#[tokio::test]
async fn a_repeated_start_changes_nothing() {
    let db = db().await;
    let (mut desk, mut phone) = (Desk::new(&db, TENANT, ANN).await, Desk::new(&db, TENANT, ANN).await);
    start(&mut desk, ONE, 0).await;
    let before = row(&db, ONE).await;
    is_done(&start(&mut phone, ONE, 5).await, true);
    assert_eq!(row(&db, ONE).await, before);
}

#[tokio::test]
async fn a_start_in_the_future_or_with_an_end_is_invalid() {
    let db = db().await;
    let mut ann = Desk::new(&db, TENANT, ANN).await;
    let soon = |seconds: i64| {
        format!(
            "select to_char((now() + interval '{seconds} s') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        )
    };
    for (seconds, expected) in [(600, "invalid"), (240, "applied")] {
        let when = db.owner().await.run(&soon(seconds)).await.unwrap();
        let set = entry(when.as_str().unwrap());
        let answer =
            ann.send(json!({"tbl": "time_entries", "record": Uuid::now_v7(), "op": "start", "set": set})).await;
        assert_eq!(outcome(&answer), expected, "{seconds} seconds ahead");
    }
    for extra in [
        json!({"ended_at": at(5)}),
        json!({"duration_seconds": 5}),
        json!({"started_at": null}),
        json!({"started_at": "infinity"}),
    ] {
        let mut set = entry(&at(0));
        set.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let answer = ann.send(json!({"tbl": "time_entries", "record": ONE, "op": "start", "set": set})).await;
        assert_eq!(outcome(&answer), "invalid", "{extra}");
    }
    let other = ann.send(json!({"tbl": "tasks", "record": ONE, "op": "start", "set": {"name": "T"}})).await;
    assert_eq!(outcome(&other), "invalid", "only time can be started");
    let forged = ann.send(json!({"tbl": "time_entries", "record": ONE, "op": "start", "set": {"version": 7}})).await;
    assert_eq!(outcome(&forged), "unknown_column");
}

#[tokio::test]
async fn a_later_start_ends_the_earlier_timer_and_its_pause() {
    let db = db().await;
    let mut ann = Desk::new(&db, TENANT, ANN).await;
    start(&mut ann, ONE, 0).await;
    turn(&mut ann, ONE, "pause", 10).await;
    is_done(&start(&mut ann, TWO, 30).await, false);
    let one = row(&db, ONE).await;
    assert_eq!((&one["ended_at"], &one["ended_by"]), (&json!(at(30)), &json!("switch")));
    assert_eq!(one["pauses"], json!([{"from": at(10), "to": at(30)}]));
    assert_eq!(row(&db, TWO).await["ended_at"], Value::Null);
}

#[tokio::test]
async fn a_start_within_a_pause_cuts_what_comes_after() {
    let db = db().await;
    let (mut desk, mut phone) = (Desk::new(&db, TENANT, ANN).await, Desk::new(&db, TENANT, ANN).await);
    start(&mut desk, ONE, 0).await;
    for (op, minute) in [("pause", 10), ("resume", 20), ("pause", 40), ("resume", 50)] {
        is_done(&turn(&mut desk, ONE, op, minute).await, false);
    }
    is_done(&start(&mut phone, TWO, 15).await, false);
    assert_eq!(row(&db, ONE).await["pauses"], json!([{"from": at(10), "to": at(15)}]));
}

#[tokio::test]
async fn an_offline_start_that_turns_out_earlier_is_stored_as_ended() {
    let db = db().await;
    let (mut desk, mut phone) = (Desk::new(&db, TENANT, ANN).await, Desk::new(&db, TENANT, ANN).await);
    start(&mut desk, ONE, 30).await;
    is_done(&start(&mut phone, TWO, 0).await, true);
    let two = row(&db, TWO).await;
    assert_eq!((&two["ended_at"], &two["ended_by"]), (&json!(at(30)), &json!("switch")));
    assert_eq!(row(&db, ONE).await["ended_at"], Value::Null, "the later one goes on");
    // What the phone did meanwhile arrives after it: its pause is of an ended entry, its stop wins.
    is_done(&turn(&mut phone, TWO, "pause", 10).await, true);
    is_done(&stop(&mut phone, TWO, 20).await, false);
    assert_eq!((&row(&db, TWO).await["ended_at"], &row(&db, TWO).await["ended_by"]), (&json!(at(20)), &json!("stop")));
}

#[tokio::test]
async fn a_stop_wins_over_a_switch_and_only_once() {
    let db = db().await;
    let (mut desk, mut phone) = (Desk::new(&db, TENANT, ANN).await, Desk::new(&db, TENANT, ANN).await);
    start(&mut desk, ONE, 0).await;
    start(&mut phone, TWO, 30).await;
    is_done(&stop(&mut desk, ONE, 45).await, false);
    let one = row(&db, ONE).await;
    assert_eq!(
        (&one["ended_at"], &one["ended_by"]),
        (&json!(at(45)), &json!("stop")),
        "it overlaps, and is not shortened"
    );
    assert_eq!(row(&db, TWO).await["ended_at"], Value::Null);
    is_done(&stop(&mut phone, ONE, 50).await, true);
    assert_eq!(row(&db, ONE).await["ended_at"], json!(at(45)), "it was stopped, and stays so");
}

#[tokio::test]
async fn what_is_so_already_stays_so_and_nothing_moves_backwards() {
    let db = db().await;
    let mut ann = Desk::new(&db, TENANT, ANN).await;
    start(&mut ann, ONE, 10).await;
    is_done(&turn(&mut ann, ONE, "resume", 11).await, true);
    is_done(&turn(&mut ann, ONE, "pause", 5).await, false);
    is_done(&turn(&mut ann, ONE, "pause", 12).await, true);
    is_done(&turn(&mut ann, ONE, "resume", 20).await, false);
    is_done(&turn(&mut ann, ONE, "pause", 15).await, false);
    assert_eq!(row(&db, ONE).await["pauses"], json!([{"from": at(10), "to": at(20)}, {"from": at(20), "to": null}]));
    is_done(&stop(&mut ann, ONE, 12).await, false);
    let one = row(&db, ONE).await;
    assert_eq!(one["ended_at"], json!(at(20)));
    assert_eq!(one["pauses"], json!([{"from": at(10), "to": at(20)}, {"from": at(20), "to": at(20)}]));
    for op in ["pause", "resume", "stop"] {
        is_done(&turn(&mut ann, ONE, op, 60).await, true);
    }
    assert_eq!(row(&db, ONE).await, one);
    let unsaid = ann.send(json!({"tbl": "time_entries", "record": ONE, "op": "stop", "set": {}})).await;
    assert_eq!(outcome(&unsaid), "invalid");
}

#[tokio::test]
async fn a_paused_timer_that_is_stopped_ends_when_it_was_stopped() {
    let db = db().await;
    let mut ann = Desk::new(&db, TENANT, ANN).await;
    start(&mut ann, ONE, 0).await;
    turn(&mut ann, ONE, "pause", 10).await;
    let idle = json!({"tbl": "time_entries", "record": ONE, "op": "stop", "set": {"at": at(30), "ended_by": "idle"}});
    is_done(&ann.send(idle).await, false);
    let one = row(&db, ONE).await;
    assert_eq!((&one["ended_at"], &one["ended_by"]), (&json!(at(30)), &json!("idle")));
    assert_eq!(one["pauses"], json!([{"from": at(10), "to": at(30)}]));
}

#[tokio::test]
async fn a_discarded_timer_makes_room_and_does_not_come_back_beside_another() {
    let db = db().await;
    let mut ann = Desk::new(&db, TENANT, ANN).await;
    start(&mut ann, ONE, 0).await;
    is_done(&ann.act("time_entries", ONE, "delete").await, false);
    assert_eq!(outcome(&stop(&mut ann, ONE, 10).await), "deleted");
    start(&mut ann, TWO, 5).await;
    assert_eq!(row(&db, TWO).await["ended_at"], Value::Null);
    assert_eq!(outcome(&ann.act("time_entries", ONE, "restore").await), "invalid", "two would run");
    let mut third = entry(&at(7));
    third["member_id"] = json!(member_id(TENANT, ANN));
    assert_eq!(outcome(&ann.insert("time_entries", Uuid::now_v7(), third).await), "invalid", "nor by a plain insert");
    stop(&mut ann, TWO, 20).await;
    is_done(&ann.act("time_entries", ONE, "restore").await, false);
    assert_eq!(outcome(&turn(&mut ann, Uuid::now_v7(), "pause", 1).await), "not_found");
}

#[tokio::test]
async fn members_turn_their_own_timers_managers_anybodys_and_viewers_none() {
    let db = db().await;
    let [mut ann, mut bob, mut eve] =
        [Desk::new(&db, TENANT, ANN).await, Desk::new(&db, TENANT, BOB).await, Desk::new(&db, TENANT, EVE).await];
    start(&mut bob, ONE, 0).await;
    for op in ["pause", "stop", "delete"] {
        assert_eq!(outcome(&turn(&mut ann, ONE, op, 5).await), "forbidden", "{op} of another's");
        assert_eq!(outcome(&turn(&mut eve, ONE, op, 5).await), "forbidden", "{op} by a viewer");
    }
    let for_bob = json!({"tbl": "time_entries", "record": TWO, "op": "start", "set": {"member_id": member_id(TENANT, BOB),
        "session_date": "2026-01-05", "started_at": at(30)}});
    assert_eq!(outcome(&ann.send(for_bob).await), "forbidden");
    assert_eq!(row(&db, ONE).await["ended_at"], Value::Null, "and it was not ended on the way");
    assert_eq!(outcome(&start(&mut eve, TWO, 0).await), "forbidden");
    start(&mut ann, TWO, 0).await;
    is_done(&turn(&mut bob, TWO, "pause", 5).await, false);
    is_done(&stop(&mut bob, TWO, 10).await, false);
    let theirs = ann.update("time_entries", TWO, json!({"member_id": member_id(TENANT, BOB)})).await;
    assert_eq!(outcome(&theirs), "forbidden", "nor is one's time given away");
}

#[tokio::test]
async fn who_is_removed_stops_working() {
    let db = db().await;
    let (mut ann, owner) = (Desk::new(&db, TENANT, ANN).await, db.session().await);
    start(&mut ann, ONE, 0).await;
    turn(&mut ann, ONE, "pause", 10).await;
    let remove = format!("select remove_member('{TENANT}', '{}')", member_id(TENANT, ANN));
    owner.ask(Person::new(0xf0), &remove).await.unwrap();
    let one = row(&db, ONE).await;
    assert_eq!(one["ended_by"], "removed");
    assert_eq!(one["pauses"], json!([{"from": at(10), "to": one["ended_at"]}]));
}

/// The database holds the shape of an entry against whoever writes it.
#[tokio::test]
async fn an_entry_is_a_range_or_a_duration_and_pauses_lie_inside() {
    let db = db().await;
    let mut ann = Desk::new(&db, TENANT, ANN).await;
    let me = json!(member_id(TENANT, ANN));
    let pause = |from: u32, to: u32| json!({"from": at(from), "to": at(to)});
    let range = |pauses: Value| json!({"started_at": at(0), "ended_at": at(60), "pauses": pauses});
    let many: Vec<Value> = (0..1001).map(|_| pause(10, 10)).collect();
    let cases = [
        (json!({}), false),
        (json!({"duration_seconds": 60}), true),
        (json!({"duration_seconds": -1}), false),
        (json!({"duration_seconds": 366 * 86_400 + 1}), false),
        (json!({"duration_seconds": 60, "session_date": null}), false),
        (json!({"duration_seconds": 60, "started_at": at(0), "ended_at": at(1)}), false),
        (json!({"duration_seconds": 60, "pauses": [pause(1, 2)]}), false),
        (json!({"duration_seconds": 60, "ended_at": at(1)}), false),
        (json!({"started_at": at(5), "ended_at": at(4)}), false),
        (range(json!([])), true),
        (range(json!([pause(0, 10), pause(10, 60)])), true),
        (range(json!([pause(10, 20), pause(5, 30)])), false),
        (range(json!([pause(10, 5)])), false),
        (range(json!([pause(10, 61)])), false),
        (range(json!([{"from": at(10), "to": null}])), false),
        (range(json!([{"from": at(10)}])), false),
        (range(json!([{"from": at(10), "to": at(11), "why": "tea"}])), false),
        (range(json!([{"from": "2026-01-05 08:10", "to": at(11)}])), false),
        (range(json!([{"from": "2026-13-05T08:10:00Z", "to": at(11)}])), false),
        (range(json!([7])), false),
        (range(json!({})), false),
        (range(json!(null)), false),
        (range(json!(many)), false),
        (json!({"duration_seconds": 60, "ended_by": "whim"}), false),
    ];
    for (case, good) in cases {
        let mut set = json!({"member_id": me, "session_date": "2026-01-05"});
        set.as_object_mut().unwrap().extend(case.as_object().unwrap().clone());
        let answer = ann.insert("time_entries", Uuid::now_v7(), set).await;
        assert_eq!(outcome(&answer), if good { "applied" } else { "invalid" }, "{case}: {answer}");
    }
}

#[tokio::test]
async fn time_takes_its_tasks_project_and_keeps_it_when_the_task_is_gone() {
    let db = db().await;
    let (project, other, task, second) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let owner = db.owner().await;
    let sql = format!(
        "insert into projects (id, tenant_id, name) values ('{project}', '{TENANT}', 'P'), ('{other}', '{TENANT}', 'Q');
         insert into tasks (id, tenant_id, name, project_id)
         values ('{task}', '{TENANT}', 'T', '{project}'), ('{second}', '{TENANT}', 'U', '{other}')"
    );
    owner.client.batch_execute(&sql).await.unwrap();
    let mut ann = Desk::new(&db, TENANT, ANN).await;
    let mut set = entry(&at(0));
    set["task_id"] = json!(second);
    ann.send(json!({"tbl": "time_entries", "record": ONE, "op": "start", "set": set})).await;
    assert_eq!(row(&db, ONE).await["project_id"], json!(other));
    ann.update("time_entries", ONE, json!({"task_id": task})).await;
    assert_eq!(row(&db, ONE).await["project_id"], json!(project), "it moves with the task");
    owner.run(&format!("delete from tasks where id = '{task}'")).await.unwrap();
    let one = row(&db, ONE).await;
    assert_eq!((&one["task_id"], &one["project_id"]), (&Value::Null, &json!(project)));
}

/// Two devices of one person start at once, a hundred times: one timer is open each time, the one that started later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_that_start_at_once_leave_exactly_one_open() {
    let db = db().await;
    let (mut desk, mut phone) = (Desk::new(&db, TENANT, ANN).await, Desk::new(&db, TENANT, ANN).await);
    let owner = db.owner().await;
    let mut orders = [0, 0];
    for round in 0..100_u32 {
        let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
        let answers = tokio::join!(start(&mut desk, one, round * 4), start(&mut phone, two, round * 4 + 1));
        assert_eq!((outcome(&answers.0), outcome(&answers.1)), ("applied", "applied"));
        let open = "select json_agg(id) from time_entries where ended_at is null";
        assert_eq!(owner.run(open).await, Ok(json!([two])), "round {round}");
        let ended = row(&db, one).await;
        assert_eq!((&ended["ended_at"], &ended["ended_by"]), (&json!(at(round * 4 + 1)), &json!("switch")));
        orders[usize::from(answers.0["merged"] == true)] += 1;
    }
    println!("the desk came first {} times, the phone {}", orders[0], orders[1]);
}
