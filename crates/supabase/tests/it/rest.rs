//! PostgREST, and whatever may answer in its place.

use std::time::Duration;

use cockpit_supabase::Error;
use rstest::rstest;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, client_with};

#[tokio::test]
async fn calls_a_function_as_the_owner_of_the_token() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/rest/v1/rpc/sync_pull"))
        .and(header("apikey", "anon-key"))
        .and(header("authorization", "Bearer a1"))
        .and(body_json(json!({ "p_limit": 10 })))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "server_ms": 5 })))
        .mount(&server)
        .await;
    let answer: Value = client(&server.uri()).rpc("sync_pull", &json!({ "p_limit": 10 }), Some("a1")).await.unwrap();
    assert_eq!(answer, json!({ "server_ms": 5 }));
}

#[tokio::test]
async fn a_function_that_returns_void_answers_nothing() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer anon-key"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    client(&server.uri()).rpc::<()>("leave", &json!({}), None).await.unwrap();
}

#[tokio::test]
async fn the_databases_error_comes_through_whole() {
    let server = MockServer::start().await;
    let body = json!({ "code": "CK001", "message": "No such workspace.", "details": null, "hint": "Ask its owner." });
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(400).set_body_json(body)).mount(&server).await;
    let error = client(&server.uri()).rpc::<Value>("f", &json!({}), None).await.unwrap_err();
    let expected = Error::Postgrest {
        status: 400,
        code: "CK001".into(),
        message: "No such workspace.".into(),
        details: None,
        hint: Some("Ask its owner.".into()),
    };
    assert_eq!(error, expected);
}

#[rstest]
#[case::gateway(502, "text/html", "<html>Bad gateway</html>", true)]
#[case::captive_portal(200, "text/html", "<html>Welcome to our hotel</html>", true)]
#[case::kong(401, "application/json", r#"{"message":"Invalid API key"}"#, false)]
#[case::another_service(404, "text/plain", "404 page not found", false)]
#[tokio::test]
async fn an_answer_that_is_not_the_services_own(
    #[case] status: u16,
    #[case] kind: &str,
    #[case] body: &str,
    #[case] retryable: bool,
) {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_raw(body.to_owned(), kind);
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let error = client(&server.uri()).rpc::<Value>("f", &json!({}), None).await.unwrap_err();
    assert_eq!(error, Error::Http { status, body: body.into() });
    assert_eq!(error.is_retryable(), retryable);
}

#[tokio::test]
async fn a_redirect_never_carries_the_token_elsewhere() {
    let (server, other) = (MockServer::start().await, MockServer::start().await);
    let to = ResponseTemplate::new(307).insert_header("location", format!("{}/x", other.uri()));
    Mock::given(method("POST")).respond_with(to).mount(&server).await;
    let error = client(&server.uri()).rpc::<Value>("f", &json!({}), Some("a1")).await.unwrap_err();
    assert!(matches!(error, Error::Http { status: 307, .. }), "{error:?}");
    assert_eq!(other.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_plain_read_stays_below_the_project() {
    let server = MockServer::start().await;
    Mock::given(path("/rest/v1/tasks"))
        .and(query_param("select", "id,name"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!([])))
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let rows: Vec<Value> = client.get_json("/rest/v1/tasks?select=id,name", Some("a1")).await.unwrap();
    assert_eq!(rows.len(), 0);
    // Joined as an address this would go to another host.
    let error = client.get_json::<Value>("//127.0.0.1:1/steal", Some("a1")).await.unwrap_err();
    assert!(matches!(error, Error::Http { status: 404, .. }), "{error:?}");
}

#[tokio::test]
async fn a_refusal_below_auth_is_an_auth_error() {
    let server = MockServer::start().await;
    let body = json!({ "code": "bad_jwt", "message": "invalid JWT" });
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(403).set_body_json(body)).mount(&server).await;
    let error = client(&server.uri()).get_json::<Value>("auth/v1/user", Some("a1")).await.unwrap_err();
    assert!(error.is_unauthorized(), "{error:?}");
}

#[tokio::test]
async fn a_slow_server_is_a_timeout_and_an_absent_one_is_not_reached() {
    let server = MockServer::start().await;
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(method("POST")).respond_with(late).mount(&server).await;
    let hasty = client_with(&server.uri(), Duration::from_millis(100));
    assert_eq!(hasty.rpc::<Value>("f", &json!({}), None).await, Err(Error::Timeout));
    let port = {
        // Bound and dropped: nobody listens there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let absent = client(&format!("http://127.0.0.1:{port}"));
    let error = absent.rpc::<Value>("f", &json!({}), None).await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn an_answer_of_another_shape_says_what_was_asked() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!("text")))
        .mount(&server)
        .await;
    let error = client(&server.uri()).rpc::<u64>("count", &json!({}), None).await.unwrap_err();
    assert!(matches!(&error, Error::Decode { what, .. } if what == "count"), "{error:?}");
}

#[test]
fn a_secure_address_needs_no_provider_to_be_installed_first() {
    let options = cockpit_supabase::ClientOptions::new("https://abc.supabase.co".parse().unwrap(), "k");
    // A machine without trusted roots cannot, and says so; neither may panic.
    let outcome = cockpit_supabase::Client::new(options);
    assert!(matches!(outcome, Ok(_) | Err(Error::Tls { .. })), "{outcome:?}");
}
