//! The official client `@supabase/supabase-js` signs up, signs in and out through the hub: `official/auth.mjs` in Node.

mod http_support;

use std::{path::Path, process::Stdio, time::Duration};

use cockpit_hub::{AuthLimits, Rate};
use http_support::SharedHub;
use tokio::process::Command;

#[tokio::test]
async fn the_official_client_goes_through_every_flow() {
    let off = Rate { burst: 1, every: Duration::ZERO };
    let hub = SharedHub::start(|options| {
        options.auth.open = true;
        // The same person does everything within a minute.
        options.auth.limits =
            AuthLimits { mail_interval: Duration::ZERO, mail_requests_per_address: off, ..AuthLimits::default() };
    });
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = crate_folder.join("../../tools/node_modules/@supabase/supabase-js/package.json");
    assert!(package.exists(), "the official client is missing: run `cargo xtask setup`, which installs it in tools");
    let node = Command::new("node")
        .arg(crate_folder.join("tests/official/auth.mjs"))
        .env("HUB_URL", &hub.url)
        .env("HUB_KEY", &hub.anon_key)
        .env("HUB_PROGRAM", env!("CARGO_BIN_EXE_cockpit-hub"))
        .env("HUB_DATA", hub.folder.path().join("hub"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(300), node).await.expect("it ends").expect("node runs");
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("all flows work"), "{said}\n{complained}");
}
