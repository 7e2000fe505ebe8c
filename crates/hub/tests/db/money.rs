//! Economics models, rates, expenses, scenarios and exchange rates: the rules of the database, and who may.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::desk::{Desk, outcome};
use crate::support::{Db, Person, member_id};

const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000d1");
const OTHER: Uuid = uuid!("10000000-0000-4000-8000-0000000000d2");
const ANN: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000d1")));
const EVE: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-0000000000d2")));
const PROJECT: Uuid = uuid!("20000000-0000-4000-8000-0000000000d1");
const MODEL: Uuid = uuid!("20000000-0000-4000-8000-0000000000d2");
const THEIR_PROJECT: Uuid = uuid!("20000000-0000-4000-8000-0000000000d3");
const THEIR_MODEL: Uuid = uuid!("20000000-0000-4000-8000-0000000000d4");

/// Ann owns the workspace, Eve another.
async fn desk() -> (Db, Desk) {
    let db = Db::new().await;
    db.workspace(TENANT, &[(ANN, "owner", true)]).await;
    db.workspace(OTHER, &[(EVE, "owner", true)]).await;
    let sql = format!(
        "insert into projects (id, tenant_id, name) values ('{PROJECT}', '{TENANT}', 'P'), ('{THEIR_PROJECT}', '{OTHER}', 'Secret');
         insert into economics_model (id, tenant_id, name, currency)
         values ('{MODEL}', '{TENANT}', 'M', 'EUR'), ('{THEIR_MODEL}', '{OTHER}', 'Secret', 'EUR')"
    );
    db.owner().await.client.batch_execute(&sql).await.unwrap();
    let ann = Desk::new(&db, TENANT, ANN).await;
    (db, ann)
}

fn with(base: &Value, more: &Value) -> Value {
    let mut set = base.clone();
    set.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    set
}

fn rate() -> Value {
    json!({"kind": "billable", "amount": "90", "currency": "EUR", "valid_from": "2026-01-01"})
}

#[tokio::test]
async fn a_rate_is_of_exactly_one_subject() {
    let (_db, mut ann) = desk().await;
    let subjects = [
        json!({"member_id": member_id(TENANT, ANN)}),
        json!({"role": "member"}),
        json!({"project_id": PROJECT}),
        json!({"economics_model": MODEL}),
    ];
    assert_eq!(outcome(&ann.insert("rates", Uuid::now_v7(), rate()).await), "invalid", "none");
    for (at, subject) in subjects.iter().enumerate() {
        assert_eq!(outcome(&ann.insert("rates", Uuid::now_v7(), with(&rate(), subject)).await), "applied", "{subject}");
        let two = with(&with(&rate(), subject), &subjects[(at + 1) % subjects.len()]);
        assert_eq!(outcome(&ann.insert("rates", Uuid::now_v7(), two.clone()).await), "invalid", "{two}");
    }
}

#[tokio::test]
async fn one_rate_of_a_kind_begins_on_a_day() {
    let (_db, mut ann) = desk().await;
    let of_role = with(&rate(), &json!({"role": "member"}));
    let first = Uuid::now_v7();
    assert_eq!(outcome(&ann.insert("rates", first, of_role.clone()).await), "applied");
    let again = ann.insert("rates", Uuid::now_v7(), of_role.clone()).await;
    assert_eq!((outcome(&again), again["message"].as_str().unwrap().contains("already")), ("invalid", true));
    for other in [json!({"kind": "cost"}), json!({"valid_from": "2026-02-01"}), json!({"role": "manager"})] {
        assert_eq!(outcome(&ann.insert("rates", Uuid::now_v7(), with(&of_role, &other)).await), "applied", "{other}");
    }
    ann.act("rates", first, "delete").await;
    assert_eq!(outcome(&ann.insert("rates", Uuid::now_v7(), of_role).await), "applied");
    assert_eq!(outcome(&ann.act("rates", first, "restore").await), "invalid");
}

#[tokio::test]
async fn an_exchange_rate_is_above_nothing_and_one_a_day() {
    let (db, mut ann) = desk().await;
    let set = |rate: &str, day: &str| json!({"currency": "CHF", "valid_from": day, "rate": rate});
    for (rate, day, expected) in [
        ("0", "2026-01-01", "invalid"),
        ("-1", "2026-01-01", "invalid"),
        ("0.00000000001", "2026-01-01", "invalid"),
        ("10000000000", "2026-01-01", "invalid"),
        ("1", "infinity", "invalid"),
        ("1.0512345678", "2026-01-01", "applied"),
        ("1.06", "2026-01-01", "invalid"),
        ("0.0000000001", "2026-01-02", "applied"),
    ] {
        assert_eq!(
            outcome(&ann.insert("exchange_rates", Uuid::now_v7(), set(rate, day)).await),
            expected,
            "{rate} {day}"
        );
    }
    let logged = "select \"row\" -> 'rate' from sync.change where tbl = 'exchange_rates' order by seq limit 1";
    assert_eq!(db.owner().await.run(logged).await, Ok(json!("1.0512345678")), "to the last digit");
}

#[tokio::test]
async fn amounts_and_words_outside_the_list_of_columns_are_invalid() {
    let (_db, mut ann) = desk().await;
    let model = json!({"name": "N", "currency": "EUR"});
    let expense = json!({"project_id": PROJECT, "spent_on": "2026-01-01", "amount": "5", "currency": "EUR"});
    for (tbl, base, more, good) in [
        ("economics_model", &model, json!({}), true),
        ("economics_model", &model, json!({"base_rate": "999999999999"}), true),
        ("economics_model", &model, json!({"base_rate": "999999999999.01"}), false),
        ("economics_model", &model, json!({"base_rate": "-0.01"}), false),
        ("economics_model", &model, json!({"base_rate": "NaN"}), false),
        ("economics_model", &model, json!({"margin_target": "100.01"}), false),
        ("economics_model", &model, json!({"overhead_percent": "1000"}), true),
        ("economics_model", &model, json!({"overhead_percent": "1000.01"}), false),
        ("economics_model", &model, json!({"currency": "euro"}), false),
        ("economics_model", &model, json!({"name": " "}), false),
        ("economics_model", &model, json!({"name": "x".repeat(201)}), false),
        ("expenses", &expense, json!({}), true),
        ("expenses", &expense, json!({"amount": null}), false),
        ("expenses", &expense, json!({"description": "x".repeat(1001)}), false),
        ("expenses", &expense, json!({"project_id": null}), false),
        ("scenarios", &json!({"name": "S"}), json!({"assumptions": {"x": [1, 2]}}), true),
        ("scenarios", &json!({"name": "S"}), json!({"assumptions": "x".repeat(30_000)}), false),
    ] {
        let set = with(base, &more);
        let answer = ann.insert(tbl, Uuid::now_v7(), set).await;
        assert_eq!(outcome(&answer), if good { "applied" } else { "invalid" }, "{tbl} {more}");
    }
}

#[tokio::test]
async fn two_people_who_change_an_amount_are_asked() {
    let (db, mut ann) = desk().await;
    let mut phone = Desk::new(&db, TENANT, ANN).await;
    let change = |amount: &str| {
        json!({"tbl": "economics_model", "record": MODEL, "op": "update", "base_version": 1, "set": {"base_rate": amount},
        "base": {"base_rate": "0"}})
    };
    assert_eq!(outcome(&ann.send(change("10")).await), "applied");
    let refused = phone.send(change("20")).await;
    assert_eq!(outcome(&refused), "conflict");
    assert_eq!(refused["fields"], json!({"base_rate": {"base": "0.00", "mine": "20.00", "theirs": "10.00"}}));
    let budget = json!({"billing": "hourly", "economics_model": MODEL});
    assert_eq!(outcome(&ann.insert("project_budgets", PROJECT, budget).await), "applied");
    let later = json!({"tbl": "project_budgets", "record": PROJECT, "op": "update", "base_version": 1, "set": {"economics_model": null},
        "base": {"economics_model": MODEL}});
    assert_eq!(outcome(&phone.send(later).await), "applied");
}

#[tokio::test]
async fn another_workspaces_ids_are_refused_in_every_foreign_key() {
    let (_db, mut ann) = desk().await;
    for (tbl, record, set) in [
        ("rates", Uuid::now_v7(), with(&rate(), &json!({"member_id": member_id(OTHER, EVE)}))),
        ("rates", Uuid::now_v7(), with(&rate(), &json!({"project_id": THEIR_PROJECT}))),
        ("rates", Uuid::now_v7(), with(&rate(), &json!({"economics_model": THEIR_MODEL}))),
        (
            "expenses",
            Uuid::now_v7(),
            json!({"project_id": THEIR_PROJECT, "spent_on": "2026-01-01", "amount": "5", "currency": "EUR"}),
        ),
        ("scenarios", Uuid::now_v7(), json!({"name": "S", "project_id": THEIR_PROJECT})),
        ("scenarios", Uuid::now_v7(), json!({"name": "S", "economics_model": THEIR_MODEL})),
        ("project_budgets", PROJECT, json!({"economics_model": THEIR_MODEL})),
    ] {
        assert_eq!(outcome(&ann.insert(tbl, record, set.clone()).await), "invalid", "{tbl} {set}");
    }
}

#[tokio::test]
async fn finance_rows_are_never_in_the_tenant_log() {
    let (db, mut ann) = desk().await;
    let made = [
        ("economics_model", json!({"name": "N", "currency": "EUR"})),
        ("rates", with(&rate(), &json!({"role": "member"}))),
        ("expenses", json!({"project_id": PROJECT, "spent_on": "2026-01-01", "amount": "5", "currency": "EUR"})),
        ("scenarios", json!({"name": "S"})),
        ("exchange_rates", json!({"currency": "CHF", "valid_from": "2026-01-01", "rate": "1"})),
    ];
    for (tbl, set) in &made {
        let record = Uuid::now_v7();
        assert_eq!(outcome(&ann.insert(tbl, record, set.clone()).await), "applied", "{tbl}");
        assert_eq!(outcome(&ann.act(tbl, record, "delete").await), "applied", "{tbl}");
        db.owner().await.run(&format!("delete from {tbl} where id = '{record}'")).await.unwrap();
        let kinds = format!(
            "select json_agg(s.kind || ' ' || c.op order by c.seq) from sync.change c join sync.scope s on s.id = c.scope
             where c.record_id = '{record}'"
        );
        let expected = json!(["finance insert", "finance update", "finance delete"]);
        assert_eq!(db.owner().await.run(&kinds).await, Ok(expected), "{tbl}");
    }
}

#[tokio::test]
async fn the_templates_are_there_to_begin_with() {
    let (db, ann) = desk().await;
    let names = "select json_agg(name order by position) from economics_templates";
    assert_eq!(ann.session.ask(ANN, names).await, Ok(json!(["Freelancer", "Studio", "Consultancy"])));
    let logged = "select count(*) from sync.logged_table where tbl = 'economics_templates'";
    assert_eq!(db.owner().await.run(logged).await, Ok(json!(0)));
}
