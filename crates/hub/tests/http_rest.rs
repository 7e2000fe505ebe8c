//! Reading tables as PostgREST offers it, against real PostgreSQL: every filter, ranges and counts, single rows, refusals, and what an
//! attacker would try.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;

use http_support::{Person, SharedHub, answer, shared};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// A table of seven letters that every signed-in person may read, and one whose rows belong to people.
const TABLES: &str = "
  create table if not exists public.rest_letters (
    id int primary key, name text not null, due date, score numeric, tags text[], facts jsonb, span int4range, flag boolean,
    \"a b\" text default 'spaced', r text default 'the letter r');
  insert into public.rest_letters (id, name, due, score, tags, facts, span, flag) values
    (1, 'alpha', '2026-01-01', 1.5, '{x,y}', '{\"k\":1}', '[1,5)', true),
    (2, 'Beta', '2026-01-02', 12345678901234567890.123, '{y}', '{\"k\":2}', '[5,9)', false),
    (3, 'gamma, with \"quotes\"', null, null, null, null, null, null),
    (4, 'del%ta', '2026-02-01', 0, '{}', '{}', 'empty', true),
    (5, 'a_e', '2026-03-01', -1, '{x}', '{\"k\":1,\"l\":[1]}', '[2,3)', false)
    on conflict do nothing;
  create table if not exists public.rest_secrets (id int primary key, owner uuid not null, secret text not null);
  alter table public.rest_secrets enable row level security;
  drop policy if exists own on public.rest_secrets;
  create policy own on public.rest_secrets for select using (owner = (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid);
  create table if not exists public.rest_hidden (id int);
  create or replace function public.rest_leak(public.rest_letters) returns text language sql as 'select ''leaked''';
  revoke all on public.rest_letters, public.rest_secrets, public.rest_hidden from public, anon, authenticated;
  grant select on public.rest_letters, public.rest_secrets to authenticated;
  grant select (id, name) on public.rest_letters to anon;";

async fn tables(hub: &SharedHub) {
    let mut owner = hub.owner().await;
    let transaction = owner.transaction().await.unwrap();
    // The tests of the binary run at once.
    transaction.batch_execute("select pg_advisory_xact_lock(7)").await.unwrap();
    transaction.batch_execute(TABLES).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn read(hub: &SharedHub, ada: &Person<'_>, query: &[(&str, &str)]) -> Response {
    let path = format!("/rest/v1/rest_letters?{}", encoded(query));
    hub.request(Method::GET, &path).bearer_auth(&ada.token).send().await.unwrap()
}

fn encoded(query: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://h").unwrap();
    url.query_pairs_mut().extend_pairs(query);
    url.query().unwrap_or_default().to_owned()
}

fn ids(body: &Value) -> Vec<i64> {
    body.as_array().unwrap_or_else(|| panic!("{body}")).iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn every_filter_lets_through_what_it_says() {
    let hub = shared();
    tables(&hub).await;
    let ada = hub.person("ada").await;
    type Query = &'static [(&'static str, &'static str)];
    let cases: &[(Query, &[i64])] = &[
        (&[("id", "eq.2")], &[2]),
        (&[("id", "neq.2")], &[1, 3, 4, 5]),
        (&[("id", "gt.3")], &[4, 5]),
        (&[("id", "gte.3"), ("id", "lt.5")], &[3, 4]),
        (&[("score", "lte.0")], &[4, 5]),
        (&[("score", "eq.12345678901234567890.123")], &[2]),
        (&[("due", "lt.2026-01-02")], &[1]),
        (&[("name", "like.*eta")], &[2]),
        (&[("name", "like.a%")], &[1, 5]),
        (&[("name", "ilike.BETA")], &[2]),
        (&[("name", "match.^a.*a$")], &[1]),
        (&[("name", "imatch.^B")], &[2]),
        (&[("name", "eq.gamma, with \"quotes\"")], &[3]),
        (&[("name", "in.(Beta,\"gamma, with \\\"quotes\\\"\")")], &[2, 3]),
        (&[("id", "in.()")], &[]),
        (&[("id", "not.in.(1,2)")], &[3, 4, 5]),
        (&[("flag", "is.true")], &[1, 4]),
        (&[("flag", "is.NULL")], &[3]),
        (&[("flag", "not.is.null")], &[1, 2, 4, 5]),
        (&[("flag", "is.not_null")], &[1, 2, 4, 5]),
        (&[("flag", "isdistinct.true")], &[2, 3, 5]),
        (&[("flag", "not.isdistinct.true")], &[1, 4]),
        (&[("tags", "cs.{x}")], &[1, 5]),
        (&[("tags", "cd.{y,z}")], &[2, 4]),
        (&[("tags", "ov.{y,z}")], &[1, 2]),
        (&[("facts", "cs.{\"k\":1}")], &[1, 5]),
        (&[("span", "ov.[4,6)")], &[1, 2]),
        (&[("span", "cd.[1,5)")], &[1, 4, 5]),
        (&[("a b", "eq.spaced"), ("id", "eq.1")], &[1]),
        (&[("\"a b\"", "eq.spaced"), ("id", "eq.1")], &[1]),
        (&[("or", "(id.eq.1,name.eq.Beta)")], &[1, 2]),
        (&[("or", "(id.eq.1,and(id.gt.3,flag.is.true))")], &[1, 4]),
        (&[("not.or", "(id.eq.1, id.gt.3)")], &[2, 3]),
        (&[("and", "(tags.cs.{x,y},not.or(id.eq.2,id.eq.3))")], &[1]),
        (&[("or", "(name.eq.\"gamma, with \\\"quotes\\\"\",name.in.(Beta,x))")], &[2, 3]),
        (&[("or", "(id.lt.2,id.gt.4)"), ("flag", "is.false")], &[5]),
    ];
    for (query, expected) in cases {
        let ordered: Vec<_> = [("select", "id"), ("order", "id")].into_iter().chain(query.iter().copied()).collect();
        let (status, body) = answer(read(&hub, &ada, &ordered).await).await;
        assert_eq!(status, StatusCode::OK, "{query:?}: {body}");
        assert_eq!(ids(&body), *expected, "{query:?}");
    }
}

#[tokio::test]
async fn a_selection_renames_casts_and_keeps_every_digit_and_an_order_places_nulls() {
    let hub = shared();
    tables(&hub).await;
    let ada = hub.person("ada").await;
    let query = [("select", "n:id::text,label:name,score,\"a b\",r"), ("id", "eq.2")];
    let text = read(&hub, &ada, &query).await.text().await.unwrap();
    assert_eq!(
        text,
        r#"[{"n":"2","label":"Beta","score":12345678901234567890.123,"a b":"spaced","r":"the letter r"}]"#
    );
    for (order, expected) in [
        ("due", [1, 2, 4, 5, 3]),
        ("due.desc", [3, 5, 4, 2, 1]),
        ("due.desc.nullslast", [5, 4, 2, 1, 3]),
        ("due.nullsfirst,id", [3, 1, 2, 4, 5]),
        ("flag.desc.nullslast,id.desc", [4, 1, 5, 2, 3]),
    ] {
        let (_, body) = answer(read(&hub, &ada, &[("select", "id"), ("order", order)]).await).await;
        assert_eq!(ids(&body), expected, "{order}");
    }
}

#[tokio::test]
async fn ranges_and_counts_are_told_in_content_range() {
    let hub = shared();
    tables(&hub).await;
    let ada = hub.person("ada").await;
    let ask = |method: Method, query: &str, range: &str, count: bool| {
        let request = hub.request(method, &format!("/rest/v1/rest_letters?select=id&order=id&{query}"));
        let request = if range.is_empty() { request } else { request.header("range", range) };
        let request = if count { request.header("prefer", "return=minimal, count=exact") } else { request };
        request.bearer_auth(&ada.token).send()
    };
    let cases = [
        ("", "", false, 200, "0-4/*", 5),
        ("", "", true, 200, "0-4/5", 5),
        ("limit=2&offset=1", "", true, 206, "1-2/5", 2),
        ("", "1-2", false, 200, "1-2/*", 2),
        ("", "3-", true, 206, "3-4/5", 2),
        ("limit=0", "", true, 206, "*/5", 0),
        ("offset=5", "", true, 206, "*/5", 0),
        ("offset=9", "", false, 200, "*/*", 0),
        ("id=gt.3", "", true, 200, "0-1/2", 2),
    ];
    for (query, range, count, status, expected, rows) in cases {
        let response = ask(Method::GET, query, range, count).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), header(&response, "content-range")),
            (status, expected),
            "{query} {range}"
        );
        assert_eq!(answer(response).await.1.as_array().unwrap().len(), rows);
    }
    let head = ask(Method::HEAD, "", "", true).await.unwrap();
    assert_eq!((head.status(), header(&head, "content-range")), (StatusCode::OK, "0-4/5"));
    assert_eq!(head.text().await.unwrap(), "");

    let beyond = ask(Method::GET, "offset=9", "", true).await.unwrap();
    assert_eq!(header(&beyond, "content-range"), "*/5");
    let (status, body) = answer(beyond).await;
    let expected = json!({ "code": "PGRST103", "message": "Requested range not satisfiable", "hint": null,
        "details": "An offset of 9 was requested, but there are only 5 rows." });
    assert_eq!((status, body), (StatusCode::RANGE_NOT_SATISFIABLE, expected));
    for (query, range) in [("limit=-1", ""), ("offset=-1", ""), ("", "5-2")] {
        let (status, body) = answer(ask(Method::GET, query, range, false).await.unwrap()).await;
        assert_eq!((status, &body["code"]), (StatusCode::RANGE_NOT_SATISFIABLE, &json!("PGRST103")));
    }
}

#[tokio::test]
async fn a_single_row_is_an_object_and_none_or_several_are_refused() {
    let hub = shared();
    tables(&hub).await;
    let ada = hub.person("ada").await;
    let single = |query: &str| {
        let request = hub.request(Method::GET, &format!("/rest/v1/rest_letters?select=id,name&{query}"));
        request.bearer_auth(&ada.token).header("accept", "application/vnd.pgrst.object+json").send()
    };
    let response = single("id=eq.1").await.unwrap();
    assert_eq!(header(&response, "content-type"), "application/vnd.pgrst.object+json; charset=utf-8");
    assert_eq!(answer(response).await, (StatusCode::OK, json!({ "id": 1, "name": "alpha" })));
    for (query, rows) in [("id=eq.99", 0), ("id=gt.3", 2)] {
        let expected = json!({ "code": "PGRST116", "message": "Cannot coerce the result to a single JSON object",
            "details": format!("The result contains {rows} rows"), "hint": null });
        assert_eq!(answer(single(query).await.unwrap()).await, (StatusCode::NOT_ACCEPTABLE, expected));
    }
}

#[tokio::test]
async fn refusals_have_postgrests_codes() {
    let hub = shared();
    tables(&hub).await;
    let ada = hub.person("ada").await;
    let cases = [
        ("rest_letters?id=sounds.like", 400, "PGRST100"),
        ("rest_letters?or=(id.eq.1", 400, "PGRST100"),
        ("rest_letters?order=id.sideways", 400, "PGRST100"),
        ("rest_letters?select=id,other(id)", 400, "PGRST200"),
        ("rest_letters?select=count()", 400, "PGRST123"),
        ("rest_letters?other.id=eq.1", 400, "PGRST108"),
        ("rest_letters?nope=eq.1", 400, "42703"),
        ("rest_letters?select=nope", 400, "42703"),
        ("rest_letters?order=nope", 400, "42703"),
        ("rest_letters?or=(id.eq.1,nope.is.null)", 400, "42703"),
        ("no_such_table", 404, "PGRST205"),
        ("pg_class", 404, "PGRST205"),
        ("rest_letters?id=eq.abc", 400, "22P02"),
        ("rest_letters?due=eq.2026-02-30", 400, "22008"),
        ("rest_letters?name=match.(", 400, "2201B"),
        ("rest_letters?id=like.1", 404, "42883"),
        ("rest_hidden", 403, "42501"),
    ];
    for (path, status, code) in cases {
        let (got, body) = ada.get(&format!("/rest/v1/{path}")).await;
        assert_eq!((got.as_u16(), body["code"].as_str()), (status, Some(code)), "{path}: {body}");
        assert!(body["message"].is_string() && body.get("details").is_some() && body.get("hint").is_some(), "{body}");
    }
    let request = |method: Method| hub.request(method, "/rest/v1/rest_letters?id=eq.1").bearer_auth(&ada.token);
    for method in [Method::POST, Method::PATCH, Method::DELETE, Method::PUT] {
        let (status, body) = answer(request(method.clone()).body("{}").send().await.unwrap()).await;
        assert_eq!((status, &body["code"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("PGRST117")), "{method}");
    }
    let csv = request(Method::GET).header("accept", "text/csv").send().await.unwrap();
    assert_eq!(answer(csv).await.1["code"], "PGRST107");
    let other = request(Method::GET).header("accept-profile", "auth").send().await.unwrap();
    assert_eq!(answer(other).await.1["code"], "PGRST106");
    // A table made after the hub has started is found.
    hub.owner()
        .await
        .batch_execute(
            "create table if not exists public.rest_late (id int); grant select on public.rest_late to authenticated",
        )
        .await
        .unwrap();
    assert_eq!(ada.get("/rest/v1/rest_late").await, (StatusCode::OK, json!([])));
    hub.owner().await.batch_execute("alter table public.rest_late add column if not exists more text").await.unwrap();
    assert_eq!(ada.get("/rest/v1/rest_late?more=is.null").await, (StatusCode::OK, json!([])));
}

/// Whatever is written into any part of a request, the table stands, nothing is read that the caller may not read, and the answer is
/// an error object or the rows that were asked for.
#[tokio::test]
async fn attack_no_part_of_a_query_becomes_sql() {
    let hub = shared();
    tables(&hub).await;
    let ada = hub.person("ada").await;
    let evil = [
        "id;drop table public.rest_letters;--",
        "id\" or true --",
        "\"id\\\" or true --\"",
        "id'); delete from public.rest_letters; --",
        "id) or (1=1",
        "rest_letters",
        "rest_leak",
        "row_to_json",
        "ctid",
        "tableoid",
        "pg_sleep(10)",
        "id::text",
        "auth.users.email",
        "\u{0}",
        "\u{202e}id",
        "\\",
        "*",
        "$1",
    ];
    let values = [
        "eq.1'; drop table public.rest_letters; --",
        "eq.1) or true --",
        "in.(1);drop table public.rest_letters)",
        "in.(1,2) or true",
        "in.(\"1\"},{)",
        "is.null or true",
        "is.null;--",
        "like.%' or '1'='1",
        "cs.{\"}'); drop table public.rest_letters; --}",
        "eq.$2",
        "eq.\\",
        "eq.\u{0}",
        "not.not.eq.1",
        "eq.(select 1)",
    ];
    let mut queries: Vec<Vec<(&str, &str)>> = Vec::new();
    for text in evil {
        queries.extend([
            vec![(text, "eq.1")],
            vec![("order", text)],
            vec![("select", text)],
            vec![("or", text)],
            vec![("limit", text)],
        ]);
    }
    for value in values {
        queries.extend([vec![("id", value)], vec![("name", value)], vec![("tags", value)]]);
    }
    for query in &queries {
        let (status, body) = answer(read(&hub, &ada, query).await).await;
        match status.as_u16() {
            200 => {
                // The only ones that mean something: the columns as they are, or a text to compare a name with.
                let allowed = query[0].0 == "name" || matches!(query[0], ("select", "*" | "id::text"));
                assert!(allowed, "{query:?} was answered: {body}");
                assert!(query[0].0 != "name" || body == json!([]), "{query:?} let rows through: {body}");
            }
            400 | 404 => assert!(body["code"].is_string(), "{query:?}: {body}"),
            other => panic!("{query:?} was answered {other}: {body}"),
        }
        assert!(!body.to_string().contains("leaked"), "{query:?}");
    }
    for table in ["rest_letters;drop table rest_letters", "rest_letters\" --", "auth.users", "..%2f..%2fauth", "%00"] {
        let (status, _) = ada.get(&format!("/rest/v1/{table}")).await;
        assert!(status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST, "{table}: {status}");
    }
    let (_, body) = answer(read(&hub, &ada, &[("select", "id"), ("order", "id")]).await).await;
    assert_eq!(ids(&body), [1, 2, 3, 4, 5], "the table is as it was");
}

#[tokio::test]
async fn attack_garbage_of_any_kind_is_answered_400_and_the_hub_lives() {
    let hub = shared();
    tables(&hub).await;
    let ada = hub.person("ada").await;
    let deep = format!("({}id.eq.1{}", "or(".repeat(5_000), ")".repeat(5_001));
    let wide = format!("({})", vec!["id.eq.1"; 3_000].join(","));
    let quotes = "\"".repeat(10_000);
    let list = format!("in.({}", "\"a\",".repeat(5_000));
    for garbage in ["((((", ")", "{", "a.b.c.d", "(,)", "(a)", "é.ü", "not.", "not.not.", &deep, &wide, &quotes, &list]
    {
        for key in ["or", "not.and", "id", "order", "select"] {
            let (status, body) = answer(read(&hub, &ada, &[(key, garbage)]).await).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{key}={}: {body}", &garbage[..garbage.len().min(40)]);
        }
    }
    assert_eq!(hub.request(Method::GET, "/health").send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn attack_row_policies_and_grants_hold_for_every_filter_count_and_order() {
    let hub = shared();
    tables(&hub).await;
    let (ada, ben) = (hub.person("ada").await, hub.person("ben").await);
    let owner = hub.owner().await;
    let insert =
        "insert into public.rest_secrets select $1 + coalesce((select max(id) from public.rest_secrets), 0), $2, $3";
    let (first, second): (uuid::Uuid, uuid::Uuid) = (ada.user().parse().unwrap(), ben.user().parse().unwrap());
    owner.execute(insert, &[&1, &first, &"of ada"]).await.unwrap();
    owner.execute(insert, &[&1, &second, &"of ben"]).await.unwrap();
    for query in [
        "select=secret",
        "select=secret&or=(id.gt.0,secret.not.is.null)",
        "select=secret&not.and=(id.lt.0)",
        "select=secret&secret=like.*&order=secret.desc",
        "select=secret&secret=match..",
        "select=secret&owner=in.(00000000-0000-0000-0000-000000000000)&or=(id.gt.0)",
    ] {
        let request = hub.request(Method::GET, &format!("/rest/v1/rest_secrets?{query}")).bearer_auth(&ada.token);
        let response = request.header("prefer", "count=exact").send().await.unwrap();
        let total = header(&response, "content-range").rsplit('/').next().unwrap().parse::<usize>().unwrap();
        let (_, body) = answer(response).await;
        let rows = body.as_array().unwrap();
        assert!(rows.iter().all(|row| row["secret"] == "of ada"), "{query}: {body}");
        assert_eq!(total, rows.len(), "the count tells of rows that may not be seen: {query}");
    }
    let anonymous = |path: &str| hub.request(Method::GET, &format!("/rest/v1/{path}")).send();
    let (status, body) = answer(anonymous("rest_secrets?select=id").await.unwrap()).await;
    assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("42501")));
    let (status, body) = answer(anonymous("rest_letters?select=id&order=id&limit=1").await.unwrap()).await;
    assert_eq!((status, ids(&body)), (StatusCode::OK, vec![1]), "columns may be granted one by one");
    for query in
        ["select=score", "select=id&score=gt.0", "select=id&order=score", "select=id&or=(id.eq.1,score.is.null)"]
    {
        let (status, body) = answer(anonymous(&format!("rest_letters?{query}")).await.unwrap()).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("42501")), "{query}: {body}");
    }
}
