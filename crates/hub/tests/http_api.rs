//! Sign-in, functions and tables over HTTP, against real PostgreSQL.

mod http_support;

use http_support::{PASSWORD, answer, shared};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn the_hub_says_who_it_is_to_anybody_and_everything_else_needs_the_key() {
    let hub = shared();
    let client = http_support::http_client();
    let info: Value = client.get(format!("{}/hub/v1/info", hub.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (info["product"].as_str(), info["anon_key"].as_str()),
        (Some("cockpit-hub"), Some(hub.anon_key.as_str()))
    );
    assert_eq!(client.get(format!("{}/health", hub.url)).send().await.unwrap().status(), StatusCode::OK);

    for path in ["/auth/v1/health", "/rest/v1/tasks"] {
        let (status, body) = answer(client.get(format!("{}{path}", hub.url)).send().await.unwrap()).await;
        assert_eq!((status, body["message"].as_str()), (StatusCode::UNAUTHORIZED, Some("No API key found in request")));
        let wrong = client.get(format!("{}{path}", hub.url)).header("apikey", "wrong").send().await.unwrap();
        assert_eq!(answer(wrong).await.1["message"], "Invalid API key");
    }
    let with_key = hub.request(Method::GET, "/auth/v1/health").send().await.unwrap();
    assert_eq!(with_key.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_sign_in_answers_in_gotrues_shape_and_a_sign_out_ends_the_session() {
    let hub = shared();
    let ada = hub.person("ada").await;
    assert_eq!(ada.session["token_type"], "bearer");
    assert_eq!(ada.session["expires_in"], 3600);
    assert_eq!(ada.session["user"]["email"], ada.email.as_str());
    assert_eq!(ada.get("/auth/v1/user").await, (StatusCode::OK, ada.session["user"].clone()));

    let logout = hub.request(Method::POST, "/auth/v1/logout?scope=local").bearer_auth(&ada.token).send().await.unwrap();
    assert_eq!(logout.status(), StatusCode::NO_CONTENT);
    let (status, body) = ada.get("/auth/v1/user").await;
    assert_eq!((status, body["error_code"].as_str()), (StatusCode::FORBIDDEN, Some("session_not_found")));
    let (status, body) = hub.refresh(ada.session["refresh_token"].as_str().unwrap()).await;
    assert_eq!((status, body["error_code"].as_str()), (StatusCode::BAD_REQUEST, Some("refresh_token_not_found")));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let hub = shared();
    let ada = hub.person("ada").await;
    let expected = json!({ "code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials" });
    let long = "x".repeat(73);
    for (email, password) in
        [(ada.email.as_str(), "wrong"), ("nobody@cockpit.test", PASSWORD), (ada.email.as_str(), &long)]
    {
        assert_eq!(answer(hub.sign_in(email, password).await).await, (StatusCode::BAD_REQUEST, expected.clone()));
    }
    let upper = hub.sign_in(&format!(" {} ", ada.email.to_uppercase()), PASSWORD).await;
    assert_eq!(upper.status(), StatusCode::OK, "an address is the same in any case");
}

#[tokio::test]
async fn refresh_tokens_rotate_are_stored_as_hashes_and_a_stolen_one_ends_the_session() {
    let hub = shared();
    let ada = hub.person("ada").await;
    let owner = hub.owner().await;
    let token = |answer: &Value| answer["refresh_token"].as_str().unwrap().to_owned();
    // "Ten seconds later", without waiting for them.
    let later = "update auth.refresh_tokens set updated_at = updated_at - interval '11 s' where user_id = $1";
    let user: Uuid = ada.user().parse().unwrap();

    let first = token(&ada.session);
    let plain = owner.query("select from auth.refresh_tokens where token = $1", &[&first]).await.unwrap();
    assert!(plain.is_empty(), "the token itself is nowhere in the database");
    let (status, answered) = hub.refresh(&first).await;
    assert_eq!(status, StatusCode::OK);
    let second = token(&answered);
    assert_ne!(first, second);

    // A client that died before it saved the answer comes back with the parent of a token nobody used; its twin is void then.
    owner.execute(later, &[&user]).await.unwrap();
    let (status, answered) = hub.refresh(&first).await;
    assert_eq!(status, StatusCode::OK, "{answered}");
    let third = token(&answered);
    let (status, answered) = hub.refresh(&third).await;
    assert_eq!(status, StatusCode::OK, "{answered}");
    let fourth = token(&answered);
    // Two windows at the same moment: within the grace period a used token is answered again.
    assert_eq!(hub.refresh(&third).await.0, StatusCode::OK);

    // A token whose child was used long ago is a stolen one.
    owner.execute(later, &[&user]).await.unwrap();
    let (status, refused) = hub.refresh(&second).await;
    assert_eq!((status, refused["error_code"].as_str()), (StatusCode::BAD_REQUEST, Some("refresh_token_already_used")));
    assert_eq!(hub.refresh(&fourth).await.0, StatusCode::BAD_REQUEST, "the whole family has ended");
    assert_eq!(ada.get("/auth/v1/user").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn functions_run_under_the_callers_role_and_show_only_the_callers_rows() {
    let hub = shared();
    let (ada, ben) = (hub.person("ada").await, hub.person("ben").await);
    let workspace = ada.workspace().await;
    let (status, mine) = ada.rpc("my_workspaces", json!({})).await;
    assert_eq!((status, mine[0]["tenant"].as_str()), (StatusCode::OK, Some(workspace.tenant.to_string().as_str())));
    assert_eq!(ben.rpc("my_workspaces", json!({})).await, (StatusCode::OK, json!([])));
    assert_eq!(ada.get("/rest/v1/rpc/my_workspaces").await.1, mine, "a function that only reads may be called by GET");

    let by_id = format!("/rest/v1/tenants?id=eq.{}&select=id,name&order=name.asc", workspace.tenant);
    assert_eq!(ada.get(&by_id).await, (StatusCode::OK, json!([{ "id": workspace.tenant, "name": "Test" }])));
    assert_eq!(ben.get(&by_id).await, (StatusCode::OK, json!([])));

    let rename = json!({ "p_tenant": workspace.tenant, "p_invitation": Uuid::now_v7(), "p_role": "manager" });
    let (status, refused) = ben.rpc("invite_member", rename).await;
    assert!(status.is_client_error(), "a stranger may not invite: {status} {refused}");
    let (status, _) = ada.get("/rest/v1/rpc/leave_workspace?p_tenant=00000000-0000-7000-8000-000000000000").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "a function that writes is not called by GET");
}

#[tokio::test]
async fn without_a_session_one_is_anon_and_sees_the_health_only() {
    let hub = shared();
    let health = hub.request(Method::POST, "/rest/v1/rpc/sync_health").send().await.unwrap();
    let (status, health) = answer(health).await;
    assert_eq!((status, health["product"].as_str()), (StatusCode::OK, Some("cockpit")));
    assert_eq!(health["realtime"], json!({ "send": true, "policies": true }));
    for path in ["/rest/v1/rpc/my_workspaces", "/rest/v1/tasks"] {
        let (status, refused) = answer(hub.request(Method::GET, path).send().await.unwrap()).await;
        assert_eq!((status, refused["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("42501")), "{refused}");
    }
}

#[tokio::test]
async fn an_expired_or_forged_token_is_refused_as_postgrest_does() {
    let hub = shared();
    let mut ada = hub.person("ada").await;
    ada.token = hub.mint(&json!({ "sub": ada.user(), "role": "authenticated", "exp": 1_700_000_000 }));
    let (status, body) = ada.rpc("my_workspaces", json!({})).await;
    assert_eq!(
        (status, &body["code"], &body["message"]),
        (StatusCode::UNAUTHORIZED, &json!("PGRST301"), &json!("JWT expired"))
    );
    ada.token = hub.mint(&json!({ "sub": ada.user(), "role": "supabase_admin", "exp": 4_000_000_000_u64 }));
    assert_eq!(ada.rpc("my_workspaces", json!({})).await.0, StatusCode::UNAUTHORIZED);
    ada.token = "garbage".to_owned();
    assert_eq!(ada.rpc("my_workspaces", json!({})).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_unknown_function_or_argument_is_not_in_the_schema_cache() {
    let hub = shared();
    let ada = hub.person("ada").await;
    let expected = [
        ("no_such", json!({}), "Could not find the function public.no_such without parameters in the schema cache"),
        (
            "sync_pull",
            json!({ "p_cursor": [] }),
            "Could not find the function public.sync_pull(p_cursor) in the schema cache",
        ),
        (
            "create_workspace",
            json!({ "p_name": "x" }),
            "Could not find the function public.create_workspace(p_name) in the schema cache",
        ),
    ];
    for (function, arguments, message) in expected {
        let (status, body) = ada.rpc(function, arguments).await;
        assert_eq!(
            (status, &body["code"], &body["message"]),
            (StatusCode::NOT_FOUND, &json!("PGRST202"), &json!(message))
        );
    }
    let (status, body) = ada.rpc("sync_pull", json!([1])).await;
    assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("PGRST102")));
    let (status, body) = ada.rpc("sync_page", json!({ "p_scope": "no uuid", "p_tbl": "tasks" })).await;
    assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("22P02")));
}

#[tokio::test]
async fn arguments_take_their_declared_types_and_a_call_that_takes_too_long_is_cancelled() {
    let hub = shared();
    let ada = hub.person("ada").await;
    let functions = "
        create function public.test_types(p_days date[], p_amount numeric, p_text text default 'none', p_any json default null)
        returns json language sql as $$ select json_build_array(p_days[2], p_amount, p_text, p_any) $$;
        create function public.test_rows() returns setof int language sql stable as 'select generate_series(1, 1200)';
        create function public.test_nothing() returns void language sql as 'select';
        create function public.test_raises() returns json language plpgsql as
          $$ begin raise exception 'No.' using errcode = 'CK009', detail = 'd', hint = 'h'; end $$;
        create function public.test_nap() returns json language sql as 'select to_json(pg_sleep(60)::text)';
        grant execute on function public.test_types, public.test_rows, public.test_nothing, public.test_raises, public.test_nap
          to anon, authenticated;";
    hub.owner().await.batch_execute(functions).await.unwrap();
    let arguments = r#"{"p_days":["2026-01-01","2026-02-29"],"p_amount":1}"#;
    let (status, body) = ada.rpc("test_types", serde_json::from_str(arguments).unwrap()).await;
    assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("22008")), "no such day: {body}");

    // As text, because a JSON library here would round the number itself.
    let exact = r#"{"p_days":["2026-01-01","2026-02-28"],"p_amount":12345678901234567890.12,"p_any":{"b":1,"a":[2]}}"#;
    let request = hub.request(Method::POST, "/rest/v1/rpc/test_types").bearer_auth(&ada.token);
    let answer = request.body(exact).send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, r#"["2026-02-28", 12345678901234567890.12, "none", {"b":1,"a":[2]}]"#);
    let (_, by_get) = ada.get("/rest/v1/rpc/test_rows").await;
    assert_eq!(by_get.as_array().unwrap().len(), 1000, "a list is cut at a thousand rows, as on hosted Supabase");
    assert_eq!(ada.rpc("test_nothing", json!({})).await, (StatusCode::NO_CONTENT, Value::Null));
    let raised = json!({ "code": "CK009", "message": "No.", "details": "d", "hint": "h" });
    assert_eq!(ada.rpc("test_raises", json!({})).await, (StatusCode::BAD_REQUEST, raised));

    let nap = hub.request(Method::POST, "/rest/v1/rpc/test_nap").send().await.unwrap();
    let (status, body) = http_support::answer(nap).await;
    assert_eq!((status, &body["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("57014")), "anon has three seconds");
}

#[tokio::test]
async fn a_stopping_hub_finishes_what_it_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let hub = cockpit_hub::Hub::start(http_support::options(&folder)).await.unwrap();
    let (owner, connection) =
        tokio_postgres::connect(&hub.database_url_as_owner(), tokio_postgres::NoTls).await.unwrap();
    // Ends with an error when PostgreSQL stops, as it must.
    let connection = tokio::spawn(connection);
    let nap = "create function public.test_nap() returns json language sql as 'select to_json(pg_sleep(1)::text)';
               grant execute on function public.test_nap() to anon";
    owner.batch_execute(nap).await.unwrap();
    let request = http_support::http_client().post(format!("{}/rest/v1/rpc/test_nap", hub.url()));
    let request = tokio::spawn(request.header("apikey", hub.anon_key()).send());
    let napping = "select from pg_stat_activity where query like '%test_nap%' and pid <> pg_backend_pid() and wait_event = 'PgSleep'";
    while owner.query_opt(napping, &[]).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    hub.stop().await.unwrap();
    assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
    connection.await.unwrap().unwrap_err();
}
