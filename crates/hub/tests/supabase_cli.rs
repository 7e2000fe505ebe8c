//! Hosted Supabase gets the migrations through the Supabase CLI, a hub gets them from the hub: both must come to one schema.
//!
//! `cargo xtask supabase` lays the files out, the CLI itself pushes them (without a network, to a database with the platform and
//! nothing else, as the ordinary role `postgres`), and what pg_dump then says of it is compared.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod supabase_cli_support;

use std::fs;

use cockpit_hub::postgres::{MIGRATIONS, PlatformGrants};
use rstest::rstest;
use supabase_cli_support::{Project, Server};

#[rstest]
#[tokio::test]
async fn the_cli_and_the_hub_make_the_same_schema(
    #[values(PlatformGrants::New, PlatformGrants::Old)] grants: PlatformGrants,
) {
    let server = Server::start().await;
    let project = Project::laid_out();
    for database in ["by_cli", "by_hub"] {
        server.create(database, grants).await;
    }
    let said = project.push(&server, "by_cli", &[]);
    assert_eq!(said.matches("Applying migration").count(), MIGRATIONS.len(), "{said}");
    server.postgres.apply_migrations_to("by_hub", MIGRATIONS).await.unwrap();

    let by_cli = server.dump("by_cli");
    for part in
        ["CREATE FUNCTION public.sync_pull", "CREATE POLICY cockpit_receive", "GRANT SELECT ON TABLE public.tasks"]
    {
        assert!(by_cli.contains(part), "the dump is of our schema: {part}");
    }
    assert_same(&by_cli, &server.dump("by_hub"));
}

#[tokio::test]
async fn old_and_new_grants_end_in_the_same_rights() {
    let server = Server::start().await;
    let project = Project::laid_out();
    for (database, grants) in [("new_project", PlatformGrants::New), ("old_project", PlatformGrants::Old)] {
        server.create(database, grants).await;
        project.push(&server, database, &[]);
    }
    let [new, old] = ["new_project", "old_project"].map(|database| server.dump(database));
    assert_ne!(new, old, "the defaults for what is made later are the project's own");
    let without_defaults = |dump: &str| {
        let other = |line: &&str| *line != "--" && !line.contains("DEFAULT PRIVILEGES");
        dump.lines().filter(other).collect::<Vec<_>>().join("\n")
    };
    assert_same(&without_defaults(&new), &without_defaults(&old));
}

#[tokio::test]
async fn applied_again_nothing_changes() {
    let server = Server::start().await;
    let project = Project::laid_out();
    for database in ["by_cli", "by_hub"] {
        server.create(database, PlatformGrants::New).await;
    }
    project.push(&server, "by_cli", &[]);
    server.postgres.apply_migrations_to("by_hub", MIGRATIONS).await.unwrap();
    let before = [server.dump("by_cli"), server.dump("by_hub")];

    // Laid out again too, as after an update of the checkout.
    project.lay_out();
    let said = project.push(&server, "by_cli", &[]);
    assert!(said.contains("up to date") && !said.contains("Applying migration"), "{said}");
    server.postgres.apply_migrations_to("by_hub", MIGRATIONS).await.unwrap();
    assert_same(&before[0], &server.dump("by_cli"));
    assert_same(&before[1], &server.dump("by_hub"));

    let recorded = server.versions("by_cli").await;
    assert_eq!(recorded.len(), MIGRATIONS.len(), "{recorded:?}");
    assert!(recorded.iter().all(|version| version.len() == 14), "{recorded:?}");
}

/// The reason for the 14 digits: the CLI knows a migration by its number alone, and would take their 0001 for ours.
#[tokio::test]
async fn a_project_with_migrations_of_its_own_gets_ours_too() {
    let server = Server::start().await;
    server.create("theirs", PlatformGrants::Old).await;
    let project = Project::new();
    let folder = project.migrations();
    fs::create_dir_all(&folder).unwrap();
    for number in 1..=9 {
        let sql = format!("create table public.theirs_{number} (id int primary key);");
        fs::write(folder.join(format!("000{number}_theirs.sql")), sql).unwrap();
    }
    // Newer than any of ours, so that the CLI must be told that we mean it.
    fs::write(folder.join("20990101000000_newest.sql"), "create table public.theirs_newest (id int primary key);")
        .unwrap();
    project.push(&server, "theirs", &[]);

    project.lay_out();
    let said = project.push(&server, "theirs", &["--include-all"]);
    assert_eq!(said.matches("Applying migration").count(), MIGRATIONS.len(), "{said}");
    assert_eq!(server.versions("theirs").await.len(), 10 + MIGRATIONS.len());
    let dump = server.dump("theirs");
    assert!(dump.contains("CREATE TABLE public.theirs_9") && dump.contains("CREATE FUNCTION public.sync_pull"));
}

/// As with the hub: a push that broke off can simply be repeated.
#[tokio::test]
async fn nothing_of_a_failed_file_stays() {
    let server = Server::start().await;
    server.create("failing", PlatformGrants::New).await;
    let project = Project::laid_out();
    let failing = project.migrations().join("20990101000000_fails.sql");
    fs::write(&failing, "create table public.half (n int);\nselect 1 / 0;\n").unwrap();
    let (success, said) = project.try_push(&server, "failing", &[]);
    assert!(!success && said.contains("division by zero"), "{said}");
    assert_eq!(server.versions("failing").await.len(), MIGRATIONS.len(), "the files before it are whole");
    assert!(!server.dump("failing").contains("public.half"));

    fs::write(&failing, "create table public.half (n int);").unwrap();
    project.push(&server, "failing", &[]);
    assert!(server.dump("failing").contains("public.half"));
}

/// Names the first difference; two whole dumps would be unreadable.
#[track_caller]
fn assert_same(one: &str, other: &str) {
    for (number, (left, right)) in one.lines().zip(other.lines()).enumerate() {
        assert_eq!(left, right, "line {} of the two schemas", number + 1);
    }
    assert_eq!(one.lines().count(), other.lines().count(), "one of the schemas has more at its end");
}
