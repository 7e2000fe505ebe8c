//! What happens to files that are new, older, newer, damaged, foreign or not writable.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use rusqlite_migration::M;
use tempfile::TempDir;

use super::*;
use crate::schema::WORKSPACE;

const FIRST: M<'static> = M::up(include_str!("../schema/workspace_1.sql"));
/// What the first release wrote.
static OLDEST: Schema = Schema { application_id: WORKSPACE.application_id, migrations: &[FIRST] };
static SECOND: Schema = Schema {
    application_id: WORKSPACE.application_id,
    migrations: &[FIRST, M::up("create table later (x integer) strict")],
};
static BROKEN_SECOND: Schema = Schema {
    application_id: WORKSPACE.application_id,
    migrations: &[FIRST, M::up("create table later (x integer); oops")],
};

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.sqlite3");
    (directory, path)
}

fn error(path: &Path, schema: &Schema) -> StoreError {
    open(path, schema).unwrap_err().into()
}

fn put_device(connection: &Connection) {
    let sql = "insert into meta (only, tenant, device, next_no) values (1, x'01', x'02', 7)";
    connection.execute(sql, []).unwrap();
}

#[test]
fn every_file_of_a_store_is_private() {
    let (directory, path) = place();
    // One that a careless copy left readable to all is made private again.
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let connection = open(&path, &WORKSPACE).unwrap();
    put_device(&connection);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["w.sqlite3", "w.sqlite3-shm", "w.sqlite3-wal"]);
}

#[test]
fn a_commit_is_on_the_disk() {
    let (_directory, path) = place();
    let connection = open(&path, &WORKSPACE).unwrap();
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!((mode.as_str(), number("synchronous"), number("foreign_keys")), ("wal", 2, 1));
}

#[test]
fn a_file_of_a_newer_app_is_refused_and_left_alone() {
    let (_directory, path) = place();
    drop(open(&path, &SECOND).unwrap());
    let before = fs::read(&path).unwrap();
    assert_eq!(error(&path, &OLDEST), StoreError::TooNew);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_older_file_is_copied_before_it_is_migrated() {
    let (directory, path) = place();
    put_device(&open(&path, &OLDEST).unwrap());
    let connection = open(&path, &SECOND).unwrap();
    connection.execute("insert into later values (1)", []).unwrap();

    let backup = directory.path().join("w.sqlite3.v1.bak");
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let backup = open(&backup, &OLDEST).unwrap();
    let no: i64 = backup.query_row("select next_no from meta", [], |row| row.get(0)).unwrap();
    assert_eq!(no, 7, "the copy holds what the file held");
    assert!(!directory.path().join("w.sqlite3.bak.new").exists());
}

#[test]
fn a_migration_that_fails_leaves_the_file_as_it_was() {
    let (_directory, path) = place();
    put_device(&open(&path, &OLDEST).unwrap());
    assert!(matches!(error(&path, &BROKEN_SECOND), StoreError::Other(_)));
    let connection = open(&path, &OLDEST).unwrap();
    let no: i64 = connection.query_row("select next_no from meta", [], |row| row.get(0)).unwrap();
    assert_eq!(no, 7);
}

#[test]
fn a_file_of_the_first_release_opens() {
    let (_directory, path) = place();
    put_device(&open(&path, &OLDEST).unwrap());
    let connection = open(&path, &WORKSPACE).unwrap();
    let no: i64 = connection.query_row("select next_no from meta", [], |row| row.get(0)).unwrap();
    let heads: i64 = connection.query_row("select count(read_at) from scope", [], |row| row.get(0)).unwrap();
    assert_eq!((no, heads), (7, 0));
}

#[test]
fn a_new_file_is_not_backed_up() {
    let (directory, path) = place();
    drop(open(&path, &SECOND).unwrap());
    assert!(
        fs::read_dir(directory.path()).unwrap().all(|entry| !entry.unwrap().path().to_string_lossy().contains("bak"))
    );
}

#[test]
fn overwritten_pages_are_noticed() {
    let (_directory, path) = place();
    let connection = open(&path, &WORKSPACE).unwrap();
    let fill = "insert into tenants with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
                select randomblob(16), x'00', 1, 1, 0, hex(randomblob(400)), null from n";
    connection.execute(fill, []).unwrap();
    drop(connection);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(error(&path, &WORKSPACE), StoreError::Damaged(_)));
}

#[test]
fn a_truncated_file_and_one_of_something_else_are_damaged() {
    let (_directory, path) = place();
    drop(open(&path, &WORKSPACE).unwrap());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(error(&path, &WORKSPACE), StoreError::Damaged(_)));
    fs::write(&path, "a letter to grandmother, long enough to be no header of a database".repeat(10)).unwrap();
    assert!(matches!(error(&path, &WORKSPACE), StoreError::Damaged(_)));
}

#[test]
fn the_file_of_another_program_is_not_touched() {
    let (_directory, path) = place();
    Connection::open(&path).unwrap().execute_batch("create table recipes (name text)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(error(&path, &WORKSPACE), StoreError::Damaged(_)));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn places_where_no_file_can_be_say_so() {
    let (directory, path) = place();
    assert!(matches!(error(directory.path(), &WORKSPACE), StoreError::Other(text) if text.contains("directory")));
    fs::write(&path, "").unwrap();
    assert!(matches!(error(&path.join("below-a-file"), &WORKSPACE), StoreError::Other(_)));
    assert!(matches!(make_private_dir(&path.join("x")), Err(StoreError::Other(_))));
}
