//! The demo workspace: made once, however often it is asked for.

mod http_support;

use cockpit_hub::{DEMO_MANAGER, DEMO_OWNER, DEMO_PASSWORD, Hub};
use http_support::{http_client, options};
use serde_json::{Value, json};

#[tokio::test]
async fn the_demo_is_made_once_and_both_people_see_it() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(options(&folder)).await.unwrap();
    hub.make_demo(80).await.unwrap();
    hub.make_demo(80).await.unwrap();
    hub.make_demo(130).await.unwrap();
    let client = http_client();
    let post = async |path: &str, token: Option<&str>, body: Value| -> Value {
        let request = client.post(format!("{}{path}", hub.url())).header("apikey", hub.anon_key());
        let request = request.bearer_auth(token.unwrap_or(hub.anon_key()));
        request.json(&body).send().await.unwrap().json().await.unwrap()
    };
    for (email, role) in [(DEMO_OWNER, "owner"), (DEMO_MANAGER, "manager")] {
        let credentials = json!({ "email": email, "password": DEMO_PASSWORD });
        let session = post("/auth/v1/token?grant_type=password", None, credentials).await;
        let token = session["access_token"].as_str();
        let workspaces = post("/rest/v1/rpc/my_workspaces", token, json!({})).await;
        assert_eq!(workspaces.as_array().unwrap().len(), 1, "{workspaces}");
        assert_eq!((&workspaces[0]["name"], &workspaces[0]["role"]), (&json!("Studio North"), &json!(role)));
        for (table, count) in [("clients", 6), ("projects", 12), ("project_budgets", 12), ("tasks", 130)] {
            let request = client.get(format!("{}/rest/v1/{table}", hub.url())).header("apikey", hub.anon_key());
            let rows: Vec<Value> = request.bearer_auth(token.unwrap()).send().await.unwrap().json().await.unwrap();
            assert_eq!(rows.len(), count, "{table} as {email}");
        }
    }
    hub.stop().await.unwrap();
}
