//! The server goes away, or the process does: nothing is lost and nothing happens twice.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use cockpit_domain::{Command, ErrorCode, RecordId, SessionState, SyncPhase, TaskDraft, TaskField, TaskStatus};
use cockpit_hub::DEMO_PASSWORD;
use cockpit_supabase::SignOutScope;
use uuid::Uuid;

use crate::{
    convergence::agree,
    support::{ADA, BEN, Desk, Habits, Office, client_of, start_up},
};

#[tokio::test(flavor = "multi_thread")]
async fn edits_made_while_the_server_is_away_arrive_once_when_it_is_back() {
    let mut office = Office::open(10).await;
    let ada = Desk::signed_in(&office, ADA, Habits::listening()).await;
    let ben = Desk::signed_in(&office, BEN, Habits::listening()).await;
    let (adas, bens) = (ada.list().await, ben.list().await);
    let before = ada.screen.model("main").views[&adas].count;

    office.close().await;
    let mine = ada.create("Written by Ada while offline").await;
    ada.edit(mine, TaskField::Name("Written and edited by Ada".into())).await;
    ada.edit(mine, TaskField::Status(TaskStatus::InProgress)).await;
    let gone = ben.create("Written and deleted by Ben").await;
    ben.run(Command::TaskDelete { id: gone }).await;
    ben.create("Written by Ben while offline").await;
    let offline = |phase| matches!(phase, Some(SyncPhase::Offline));
    ada.wait("main", "the loss to be noticed", |model| offline(model.phase()) && model.rows[&mine].pending).await;
    ben.wait("main", "the loss to be noticed", |model| offline(model.phase())).await;

    office.reopen().await;
    ada.wait("main", "Ben's work", |model| model.named(adas, "Written by Ben while offline").is_some()).await;
    ben.wait("main", "Ada's work", |model| {
        model.named(bens, "Written and edited by Ada").is_some_and(|row| row.task.status == TaskStatus::InProgress)
    })
    .await;
    agree(&ada, &ben).await;
    assert_eq!(ada.screen.model("main").views[&adas].count, before + 2, "something was lost or doubled");
    for desk in [&ada, &ben] {
        assert_eq!(desk.screen.model("main").notices, [], "nothing was refused");
        desk.engine.shutdown().await;
    }
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_comes_back_with_its_unsent_work_and_sends_it() {
    let mut office = Office::open(5).await;
    let ada = Desk::signed_in(&office, ADA, Habits::listening()).await;
    let ben = Desk::signed_in(&office, BEN, Habits::listening()).await;
    let bens = ben.list().await;
    office.close().await;
    ada.create("Unsent").await;
    let (profile, secrets) = ada.kill().await;

    // The cache comes first: the server is still away, and the window shows everything all the same.
    let ada = Desk::at(profile, secrets, Habits::listening());
    ada.attach("main").await;
    let open = |session: &Option<SessionState>| matches!(session, Some(SessionState::Open { .. }));
    ada.wait("main", "the workspace", |model| open(&model.session)).await;
    let adas = ada.list().await;
    let model = ada.wait("main", "the unsent task", |model| model.named(adas, "Unsent").is_some()).await;
    assert!(model.named(adas, "Unsent").unwrap().pending);
    assert_eq!(model.sync.unwrap().pending, 1);

    office.reopen().await;
    ben.wait("main", "the task", |model| model.named(bens, "Unsent").is_some()).await;
    agree(&ada, &ben).await;
    ada.engine.shutdown().await;
    ben.engine.shutdown().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_server_ended_leaves_the_workspace_open_until_the_next_sign_in() {
    // Tokens so short that every call refreshes first.
    let mut office = Office::open_with(5, |options| options.token_ttl = Duration::from_secs(2)).await;
    let ada = Desk::signed_in(&office, ADA, Habits::polling()).await;
    let list = ada.list().await;

    let (client, token) = client_of(&office, ADA).await;
    client.auth().sign_out(&token, SignOutScope::Global).await.unwrap();
    let ended =
        |session: &Option<SessionState>| matches!(session, Some(SessionState::Open { sign_in_needed: true, .. }));
    ada.wait("main", "the end of the session", |model| ended(&model.session)).await;
    let id = ada.create("Written without a session").await;
    ada.wait("main", "the task", |model| model.rows.get(&id).is_some_and(|row| row.pending)).await;
    let error = ada.command("main", Command::SignOut { discard_unsent: false }).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::UnsentWork);

    ada.engine.sign_in_if_needed(start_up(&office.url, ADA, DEMO_PASSWORD)).await.unwrap();
    let model = ada
        .wait("main", "the task to be sent", |model| {
            model.settled() && model.rows[&id].task.version > 0 && !ended(&model.session)
        })
        .await;
    assert!(model.views[&list].ids.contains(&id));

    // Everything is sent, so the person may leave, and their rows leave this machine.
    ada.run(Command::SignOut { discard_unsent: false }).await;
    ada.wait("main", "the sign-in form", |model| matches!(model.session, Some(SessionState::SignedOut { .. }))).await;
    let left: Vec<_> = files_below(ada.profile.path())
        .into_iter()
        .filter(|name| name.contains("sqlite3") && !name.starts_with("profile"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    ada.engine.shutdown().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_a_while_loses_nothing() {
    let mut office = Office::open(3).await;
    let ada = Desk::signed_in(&office, ADA, Habits::polling()).await;
    ada.list().await;
    // A foreign program that holds the file's lock makes every write fail, like a full disk does.
    let path = paths_below(ada.profile.path()).into_iter().find(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".sqlite3") && !name.starts_with("profile")
    });
    let intruder = rusqlite::Connection::open(path.unwrap()).unwrap();
    intruder.execute_batch("begin immediate").unwrap();

    let refused = RecordId(Uuid::now_v7());
    let draft = |id| TaskDraft { id, name: "Kept in the form".into(), set: vec![] };
    let error = ada.command("main", Command::TaskCreate { draft: draft(refused) }).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal, "{error:?}");
    ada.wait("main", "the trouble", |model| model.sync.as_ref().is_some_and(|status| status.problem.is_some())).await;

    intruder.execute_batch("rollback").unwrap();
    ada.run(Command::TaskCreate { draft: draft(refused) }).await;
    ada.wait("main", "the end of the trouble", |model| {
        model.settled()
            && model.rows.get(&refused).is_some_and(|row| row.task.version > 0)
            && model.sync.as_ref().is_some_and(|status| status.problem.is_none())
    })
    .await;
    ada.engine.shutdown().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_person_is_told_and_their_rows_are_gone() {
    let mut office = Office::open(8).await;
    let ben = Desk::signed_in(&office, BEN, Habits::listening()).await;
    let list = ben.list().await;
    ben.wait("main", "the feed", |model| model.phase() == Some(SyncPhase::Live)).await;
    let Some(SessionState::Open { workspace, .. }) = ben.screen.model("main").session else { panic!("not open") };

    let (client, token) = client_of(&office, ADA).await;
    let args = serde_json::json!({ "p_tenant": workspace.tenant, "p_member": workspace.member });
    client.rpc::<serde_json::Value>("remove_member", &args, Some(&token)).await.unwrap();
    let model = ben
        .wait("main", "the removal", |model| {
            model.phase() == Some(SyncPhase::Removed) && model.views[&list].count == 0 && model.mirrored.is_empty()
        })
        .await;
    assert_eq!(model.views[&list].ids, []);
    ben.engine.shutdown().await;
    office.close().await;
}

fn files_below(path: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths_below(path).into_iter().map(name).collect()
}

fn paths_below(path: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { paths.extend(paths_below(&path)) } else { paths.push(path) }
    }
    paths
}
