//! Reads of tables: the exact request, every shape of answer.

use std::sync::Arc;
use std::time::Duration;

use cockpit_supabase::rest::{Container, Count, Filter, Is, Order, Select, TextSearch, all_of, any_of};
use cockpit_supabase::{Client, Error, TokenSource};
use rstest::rstest;
use serde_json::{Value, json};
use wiremock::matchers::{header, header_regex, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::server::Tokens;
use crate::support::client;

fn tasks(client: &Client) -> Select {
    client.from("tasks").select("id")
}

/// The query's parameters, decoded, without the columns.
fn parameters(query: &Select) -> Vec<String> {
    let url = query.url().unwrap();
    url.query_pairs().skip(1).map(|(name, value)| format!("{name}={value}")).collect()
}

async fn answering(answer: ResponseTemplate) -> (MockServer, Client) {
    let server = MockServer::start().await;
    Mock::given(path("/rest/v1/tasks")).respond_with(answer).mount(&server).await;
    let client = client(&server.uri());
    (server, client)
}

fn rows(rows: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(rows)
}

#[test]
fn the_address_is_that_of_the_documentation() {
    let client = client("http://127.0.0.1:1/prefix");
    let query = client
        .from("my tasks")
        .select("id, name,\n  client ( name ), \"a b\"")
        .eq("status", "open")
        .order("due")
        .range(0, 49);
    assert_eq!(
        query.url().unwrap().as_str(),
        "http://127.0.0.1:1/prefix/rest/v1/my%20tasks?select=id%2Cname%2Cclient%28name%29%2C%22a+b%22&status=eq.open\
         &order=due.asc&limit=50&offset=0"
    );
}

#[test]
fn every_condition_is_written_as_postgrest_reads_it() {
    let client = client("http://127.0.0.1:1");
    let query = tasks(&client)
        .eq("a", "x, (y) \"z\"")
        .neq("a", 1)
        .gt("a", 1.5)
        .gte("a", -1_i64)
        .lt("a", true)
        .lte("a", "")
        .like("a", "x*")
        .ilike("data->>b", "%x")
        .matches("a", "^x")
        .imatches("a", "x$")
        .is("a", Is::Null)
        .is("a", Is::NotNull)
        .is_in("a", ["x", "y,z", "", "\"", "\\"])
        .is_in("a", Vec::<i64>::new())
        .is_in("a", ["only, one"])
        .contains("a", ["x", "y z"])
        .contained_by("a", json!({ "k": [1] }))
        .overlaps("a", Container::range("[1,2)"))
        .filter(Filter::text_search("a", TextSearch::Websearch, Some("english"), "a -b"))
        .filter(Filter::text_search("a", TextSearch::Plain, None, "a b"))
        .not(Filter::eq("a", "x"))
        .or([
            Filter::eq("a", "x,y"),
            Filter::is("b", Is::NotNull),
            all_of([Filter::lt("c", 1), Filter::gt("c", 0).not()]),
        ])
        .not(any_of([Filter::contains("a", ["x)", "y"]), Filter::is_in("b", [1, 2])]))
        .eq("order", 5)
        .not(Filter::eq("client.limit", "a b"))
        .filter(Filter::new("a", "isdistinct", "x"));
    let expected = [
        "a=eq.x, (y) \"z\"",
        "a=neq.1",
        "a=gt.1.5",
        "a=gte.-1",
        "a=lt.true",
        "a=lte.",
        "a=like.x*",
        "data->>b=ilike.%x",
        "a=match.^x",
        "a=imatch.x$",
        "a=is.null",
        "a=not.is.null",
        r#"a=in.(x,"y,z","","\"","\\")"#,
        "a=in.()",
        "a=eq.only, one",
        r#"a=cs.{x,"y z"}"#,
        r#"a=cd.{"k":[1]}"#,
        "a=ov.[1,2)",
        "a=wfts(english).a -b",
        "a=plfts.a b",
        "a=not.eq.x",
        r#"or=(a.eq."x,y",b.not.is.null,and(c.lt.1,c.not.gt.0))"#,
        r#"not.or=(a.cs."{\"x)\",y}",b.in.(1,2))"#,
        "and=(order.eq.5)",
        r#"client.and=(limit.not.eq."a b")"#,
        "a=isdistinct.x",
    ];
    assert_eq!(parameters(&query), expected);
}

#[test]
fn orders_follow_each_other() {
    let client = client("http://127.0.0.1:1");
    let query = tasks(&client)
        .order(Order::desc("rank").nulls_last())
        .order(Order::by("due").nulls_first())
        .order("id")
        .limit(10);
    assert_eq!(parameters(&query), ["order=rank.desc.nullslast,due.asc.nullsfirst,id.asc", "limit=10"]);
}

#[rstest]
#[case::empty_group(|query: Select| query.or([]))]
#[case::group_in_group(|query: Select| query.or([Filter::eq("a", 1), all_of([])]))]
#[case::no_column(|query: Select| query.eq(" ", 1))]
#[case::backwards(|query: Select| query.range(5, 4))]
#[case::endless(|query: Select| query.range(0, u64::MAX))]
#[tokio::test]
async fn what_cannot_be_asked_is_not_sent(#[case] spoil: fn(Select) -> Select) {
    let (server, client) = answering(rows(json!([]))).await;
    let error = spoil(tasks(&client)).rows::<Value>().await.unwrap_err();
    assert!(matches!(error, Error::InvalidQuery { .. }), "{error:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_address_too_long_for_gateways_is_refused_here_and_not_by_a_page_of_theirs() {
    let (server, client) = answering(rows(json!([]))).await;
    let query = tasks(&client).is_in("id", 0..3000_i64);
    let error = query.rows::<Value>().await.unwrap_err();
    assert!(matches!(error, Error::UrlTooLong { length, limit: 8000 } if length > 8000), "{error:?}");
    assert!(error.to_string().contains("function"), "it says what to do: {error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
    query.url_limit(100_000).rows::<Value>().await.unwrap();
}

#[tokio::test]
async fn reads_a_page_with_its_place_and_the_count() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/rest/v1/tasks"))
        .and(header("authorization", "Bearer a1"))
        .and(header("apikey", "anon-key"))
        .and(header("accept", "application/json"))
        .and(header("prefer", "count=exact"))
        .and(header("accept-profile", "crm"))
        .respond_with(
            ResponseTemplate::new(206)
                .insert_header("content-range", "50-51/573")
                .set_body_json(json!([{ "id": 1 }, { "id": 2 }])),
        )
        .expect(1)
        .mount(&server)
        .await;
    let query = client(&server.uri()).from("tasks").schema("crm").select("id").range(50, 99).count(Count::Exact);
    let page = query.token("a1").page::<Value>().await.unwrap();
    assert_eq!((page.rows.len(), page.first, page.total), (2, Some(50), Some(573)));
}

#[rstest]
#[case(Count::Planned, "count=planned")]
#[case(Count::Estimated, "count=estimated")]
#[tokio::test]
async fn counts_without_rows(#[case] how: Count, #[case] preference: &str) {
    let server = MockServer::start().await;
    Mock::given(method("HEAD"))
        .and(header("prefer", preference))
        .and(header("authorization", "Bearer anon-key"))
        .respond_with(ResponseTemplate::new(200).insert_header("content-range", "0-24/573"))
        .mount(&server)
        .await;
    assert_eq!(tasks(&client(&server.uri())).count(how).head().await, Ok(573));
}

#[tokio::test]
async fn a_count_that_does_not_come_is_an_error_and_so_is_a_refusal_without_a_body() {
    let (_server, client) = answering(ResponseTemplate::new(200).insert_header("content-range", "0-24/*")).await;
    assert!(matches!(tasks(&client).head().await, Err(Error::Decode { .. })));
    let (_server, client) = answering(ResponseTemplate::new(401)).await;
    assert!(tasks(&client).head().await.unwrap_err().is_unauthorized());
}

#[tokio::test]
async fn a_single_row_is_asked_for_as_one() {
    let server = MockServer::start().await;
    // Exactly this, and not the usual one beside it.
    Mock::given(header_regex("accept", "^application/vnd.pgrst.object\\+json$"))
        .respond_with(
            ResponseTemplate::new(200).set_body_raw(r#"{"id":1}"#, "application/vnd.pgrst.object+json; charset=utf-8"),
        )
        .mount(&server)
        .await;
    let row: Value = tasks(&client(&server.uri())).single().await.unwrap();
    assert_eq!(row, json!({ "id": 1 }));
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked[0].headers.get_all("accept").iter().count(), 1);
}

#[tokio::test]
async fn no_single_row_is_postgrests_own_error() {
    let body = json!({ "code": "PGRST116", "details": "The result contains 0 rows", "hint": null, "message": "Cannot coerce" });
    let (_server, client) = answering(ResponseTemplate::new(406).set_body_json(body)).await;
    let error = tasks(&client).single::<Value>().await.unwrap_err();
    assert!(matches!(&error, Error::Postgrest { status: 406, code, .. } if code == "PGRST116"), "{error:?}");
}

#[rstest]
#[case(json!([]), Ok(None))]
#[case(json!([{ "id": 1 }]), Ok(Some(1)))]
#[case(json!([{ "id": 1 }, { "id": 2 }]), Err("PGRST116"))]
#[tokio::test]
async fn maybe_a_row(#[case] body: Value, #[case] expected: Result<Option<i64>, &str>) {
    let (server, client) = answering(rows(body)).await;
    let outcome = tasks(&client).maybe_single::<Value>().await;
    match (outcome, expected) {
        (Ok(row), Ok(expected)) => assert_eq!(row.map(|row| row["id"].as_i64().unwrap()), expected),
        (Err(Error::Postgrest { code, .. }), Err(expected)) => assert_eq!(code, expected),
        (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
    }
    let asked = server.received_requests().await.unwrap();
    assert!(asked[0].url.query().unwrap().contains("limit=2"), "no more is read than decides it");
}

#[tokio::test]
async fn a_range_beyond_the_end_is_postgrests_own_error() {
    let body = json!({ "code": "PGRST103", "details": "An offset of 100 was requested, but there are only 5 rows.", "hint": null, "message": "Requested range not satisfiable" });
    let answer = ResponseTemplate::new(416).insert_header("content-range", "*/5").set_body_json(body);
    let (_server, client) = answering(answer).await;
    let error = tasks(&client).range(100, 110).count(Count::Exact).page::<Value>().await.unwrap_err();
    assert!(matches!(&error, Error::Postgrest { code, .. } if code == "PGRST103"), "{error:?}");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    struct Source(Arc<Tokens>);
    #[async_trait::async_trait]
    impl TokenSource for Source {
        async fn access_token(&self) -> Result<String, Error> {
            self.0.access_token().await
        }
        fn reject(&self, access_token: &str) {
            self.0.reject(access_token);
            self.0.set("fresh", true);
        }
    }
    let server = MockServer::start().await;
    let expired = json!({ "code": "PGRST303", "details": null, "hint": null, "message": "JWT expired" });
    let refusal = ResponseTemplate::new(401).set_body_json(expired);
    Mock::given(header("authorization", "Bearer stale")).respond_with(refusal).expect(2).mount(&server).await;
    Mock::given(header("authorization", "Bearer fresh")).respond_with(rows(json!([]))).expect(1).mount(&server).await;
    let client = client(&server.uri());
    let tokens = Tokens::new("stale");
    tasks(&client).tokens(Source(tokens.clone())).rows::<Value>().await.unwrap();
    assert_eq!(*tokens.rejected.lock().unwrap(), ["stale"]);
    // One that has no other is not asked for ever.
    let error = tasks(&client).token("stale").rows::<Value>().await.unwrap_err();
    assert!(error.is_unauthorized());
}

#[tokio::test]
async fn a_read_may_have_a_time_out_of_its_own() {
    let (_server, client) = answering(rows(json!([])).set_delay(Duration::from_secs(30))).await;
    let query = tasks(&client).timeout(Duration::from_millis(100));
    assert_eq!(query.rows::<Value>().await, Err(Error::Timeout));
}
