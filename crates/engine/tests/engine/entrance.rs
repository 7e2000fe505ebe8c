//! Signing in, and everything that can be wrong about it.

use cockpit_domain::{Command, ErrorCode, Reply, SessionState, SyncPhase};
use cockpit_hub::DEMO_PASSWORD;
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::Runtime,
};

use crate::support::{ADA, Desk, Habits, Office, start_up};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_as_such_and_a_right_one_opens_the_workspace() {
    let mut office = Office::open(3).await;
    let desk = Desk::new(Habits::polling());
    desk.attach("main").await;
    let Reply::Server { address, key_needed } =
        desk.run(Command::ProbeServer { address: office.url.clone(), certificate: None }).await
    else {
        panic!("no server");
    };
    assert_eq!((address.trim_end_matches('/'), key_needed), (office.url.as_str(), false));

    let refused = desk.engine.sign_in_if_needed(start_up(&office.url, ADA, "wrong")).await.unwrap_err();
    assert_eq!((refused.code, refused.retryable), (ErrorCode::WrongPassword, false));
    let refused =
        desk.engine.sign_in_if_needed(start_up(&office.url, "nobody@cockpit.test", "wrong")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::WrongPassword, "who has an account is not told");
    assert!(matches!(desk.screen.model("main").session, Some(SessionState::SignedOut { .. })));

    desk.engine.sign_in_if_needed(start_up(&office.url, ADA, DEMO_PASSWORD)).await.unwrap();
    let model = desk.wait("main", "the workspace", |model| model.settled()).await;
    let Some(SessionState::Open { workspace, email, .. }) = model.session else { panic!("not open") };
    assert_eq!((workspace.name.as_str(), email.as_str()), ("Studio North", ADA));
    desk.engine.shutdown().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_workspace_can_be_made_and_both_can_be_opened() {
    let mut office = Office::open(3).await;
    let desk = Desk::signed_in(&office, ADA, Habits::polling()).await;
    let list = desk.list().await;
    let first = desk.wait("main", "the demo's tasks", |model| model.views[&list].count == 3).await;
    let Some(SessionState::Open { workspace: first, .. }) = first.session else { panic!("not open") };

    desk.run(Command::CreateWorkspace { name: "Studio South".into(), member_name: "Ada".into() }).await;
    let south = |session: &Option<SessionState>| match session {
        Some(SessionState::Open { workspace, others, .. }) => workspace.name == "Studio South" && others.len() == 1,
        _ => false,
    };
    desk.wait("main", "the new workspace", |model| south(&model.session) && model.settled()).await;
    // The window's view looks at the new workspace now.
    desk.wait("main", "its empty list", |model| model.views[&list].count == 0).await;
    desk.create("First task of the South").await;
    desk.wait("main", "its confirmation", |model| model.settled() && model.views[&list].count == 1).await;

    desk.run(Command::OpenWorkspace { tenant: first.tenant }).await;
    let model = desk
        .wait("main", "the first workspace", |model| model.views.get(&list).is_some_and(|list| list.count == 3))
        .await;
    assert!(model.named(list, "First task of the South").is_none(), "rows of another workspace are shown");
    desk.engine.shutdown().await;
    office.close().await;
}

#[rstest]
#[case::nobody("http://127.0.0.1:9", ErrorCode::ServerUnreachable, true)]
#[case::nonsense("not an address", ErrorCode::InvalidAddress, false)]
#[case::unencrypted("http://cockpit.example.com", ErrorCode::InvalidAddress, false)]
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_is_told_as_such(#[case] address: &str, #[case] code: ErrorCode, #[case] retryable: bool) {
    let desk = Desk::new(Habits::polling());
    let error = desk.engine.sign_in_if_needed(start_up(address, ADA, DEMO_PASSWORD)).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (code, retryable), "{error}");
    desk.engine.shutdown().await;
}

#[rstest]
#[case::a_web_server(&[], ErrorCode::NotACockpitServer)]
#[case::a_supabase_project(&[("/auth/v1/health", 401, r#"{"message":"No API key found in request"}"#)], ErrorCode::KeyNeeded)]
#[case::no_schema(&[
    ("/hub/v1/info", 200, r#"{"product":"cockpit-hub","anon_key":"k","version":"1"}"#),
    ("/rest/v1/rpc/sync_health", 404, r#"{"code":"PGRST202","message":"Could not find the function","details":null,"hint":null}"#),
], ErrorCode::SchemaMissing)]
#[case::an_old_schema(&[
    ("/hub/v1/info", 200, r#"{"product":"cockpit-hub","anon_key":"k","version":"1"}"#),
    ("/rest/v1/rpc/sync_health", 200, r#"{"product":"cockpit","schema_version":3,"server_ms":1}"#),
], ErrorCode::SchemaTooOld)]
#[case::a_new_schema(&[
    ("/hub/v1/info", 200, r#"{"product":"cockpit-hub","anon_key":"k","version":"1"}"#),
    ("/rest/v1/rpc/sync_health", 200, r#"{"product":"cockpit","schema_version":1000,"server_ms":1}"#),
], ErrorCode::SchemaTooNew)]
#[case::too_often(&[
    ("/hub/v1/info", 200, r#"{"product":"cockpit-hub","anon_key":"k","version":"1"}"#),
    ("/rest/v1/rpc/sync_health", 200, r#"{"product":"cockpit","schema_version":13,"server_ms":1}"#),
    ("/auth/v1/token", 429, r#"{"code":"over_request_rate_limit","message":"Request rate limit reached"}"#),
], ErrorCode::RateLimited)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_fit_is_told_as_such(
    #[case] answers: &'static [(&'static str, u16, &'static str)],
    #[case] code: ErrorCode,
) {
    let url = scripted(answers).await;
    let desk = Desk::new(Habits::polling());
    let error = desk.engine.sign_in_if_needed(start_up(&url, ADA, DEMO_PASSWORD)).await.unwrap_err();
    assert_eq!(error.code, code, "{error}");
    desk.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_in_use_is_told_as_such() {
    let first = Desk::new(Habits::polling());
    first.engine.session().await.unwrap();
    let second = Desk::at(first.profile.clone(), std::sync::Arc::default(), Habits::polling());
    let SessionState::Broken { error } = second.engine.session().await.unwrap() else { panic!("not refused") };
    assert_eq!(error.code, ErrorCode::ProfileInUse);
    first.engine.shutdown().await;
    second.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_leaves_no_task_behind() {
    let mut office = Office::open(3).await;
    let url = office.url.clone();
    // A runtime of its own, so that the hub's tasks are not counted.
    let left = tokio::task::spawn_blocking(move || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let desk = Desk::signed_in_at(&url, ADA, Habits::listening()).await;
            desk.wait("main", "the feed", |model| model.phase() == Some(SyncPhase::Live)).await;
            assert!(runtime.metrics().num_alive_tasks() > 0, "a count that is always 0 proves nothing");
            desk.engine.shutdown().await;
            drop(desk);
            // Aborted tasks (those of the test and of the HTTP connections) end at their next turn.
            let gone = async {
                while runtime.metrics().num_alive_tasks() > 0 {
                    tokio::task::yield_now().await;
                }
            };
            let gone = tokio::time::timeout(std::time::Duration::from_secs(10), gone).await;
            gone.map_err(|_| runtime.metrics().num_alive_tasks())
        })
    });
    assert_eq!(left.await.unwrap(), Ok(()), "tasks are left");
    office.close().await;
}

/// A server that knows only these answers.
async fn scripted(answers: &'static [(&'static str, u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                let length = socket.read(&mut buffer).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
                let (status, body) = answers
                    .iter()
                    .find(|(known, ..)| path.split('?').next() == Some(known))
                    .map_or((404, "<html>not found</html>"), |(_, status, body)| (*status, *body));
                let kind = if body.starts_with('{') { "application/json" } else { "text/html" };
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                // A client that has hung up needs no answer.
                drop(socket.write_all(answer.as_bytes()).await);
            });
        }
    });
    url
}
