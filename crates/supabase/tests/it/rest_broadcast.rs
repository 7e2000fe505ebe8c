//! Broadcasts over HTTP, against answers recorded from the real server (Realtime 2.129.8).

use cockpit_supabase::Error;
use cockpit_supabase::rest::BroadcastMessage;
use rstest::rstest;
use serde_json::{Map, json};
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::client;

fn message(topic: &str) -> BroadcastMessage {
    let payload = Map::from_iter([("a".to_owned(), json!(1))]);
    BroadcastMessage { topic: topic.into(), event: "e1".into(), payload, private: true }
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/realtime/v1/api/broadcast")).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn sends_the_bare_topic_because_with_the_wires_prefix_nobody_hears_it() {
    let server = MockServer::start().await;
    let messages = json!([
        { "topic": "room", "event": "e1", "payload": { "a": 1 }, "private": true },
        { "topic": "room", "event": "e1", "payload": { "a": 1 }, "private": true },
    ]);
    Mock::given(path("/realtime/v1/api/broadcast"))
        .and(header("apikey", "anon-key"))
        .and(header("authorization", "Bearer a1"))
        .and(body_json(json!({ "messages": messages })))
        .respond_with(ResponseTemplate::new(202))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    client.broadcast(&[message("room"), message("realtime:room")], Some("a1")).await.unwrap();
    client.broadcast(&[], Some("a1")).await.unwrap();
}

#[rstest]
#[case::blank(422, r#"{"errors":{"messages":[{"event":["can't be blank"]}]}}"#, "messages[0].event can't be blank")]
#[case::size(
    422,
    r#"{"errors":{"messages":[{"payload":["Payload size exceeds tenant limit"]}]}}"#,
    "messages[0].payload Payload size exceeds tenant limit"
)]
#[case::token(401, r#"{"message":"Unauthorized"}"#, "Unauthorized")]
#[case::tenant(401, r#"{"message":"Tenant not found in database"}"#, "Tenant not found in database")]
#[tokio::test]
async fn a_refusal_is_typed(#[case] status: u16, #[case] body: &str, #[case] expected: &str) {
    let answer = ResponseTemplate::new(status).set_body_raw(body.to_owned(), "application/json; charset=utf-8");
    let server = answering(answer).await;
    let error = client(&server.uri()).broadcast(&[message("room")], None).await.unwrap_err();
    assert_eq!(error, Error::Broadcast { status, message: expected.into() });
    assert_eq!(error.is_unauthorized(), status == 401);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn too_many_messages_are_a_rate_limit() {
    let body = json!({ "errors": { "messages": ["Too many messages to broadcast, please reduce the batch size"] } });
    let server = answering(ResponseTemplate::new(429).set_body_json(body)).await;
    let error = client(&server.uri()).broadcast(&[message("room")], None).await.unwrap_err();
    assert!(matches!(&error, Error::RateLimited { message, .. } if message.contains("reduce the batch")), "{error:?}");
}

#[rstest]
#[case::page(ResponseTemplate::new(200).set_body_raw("<html>hotel</html>", "text/html"), 200)]
#[case::gateway(ResponseTemplate::new(400).set_body_raw("Bad Request", "text/html"), 400)]
#[tokio::test]
async fn only_202_is_a_success(#[case] answer: ResponseTemplate, #[case] expected: u16) {
    let server = answering(answer).await;
    let error = client(&server.uri()).broadcast(&[message("room")], None).await.unwrap_err();
    assert!(matches!(error, Error::Http { status, .. } if status == expected), "{error:?}");
}
