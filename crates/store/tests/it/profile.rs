//! A profile's directory, its lock, its accounts and preferences.

use std::{fs, os::unix::fs::PermissionsExt};

use cockpit_domain::{AppError, ErrorCode, MemberId, Role, ScopeId, ScopeKind, TenantId, UserId, WorkspaceBrief};
use cockpit_store::{Account, OpenOptions, Profile, ProfileError, SqliteStore, Workspace};
use cockpit_sync::{StoreError, wire::ScopeInfo};
use serde_json::json;
use uuid::Uuid;

fn uuid(n: u8) -> Uuid {
    Uuid::from_bytes([n; 16])
}

fn account(server: &str, user: u8) -> Account {
    Account {
        server: server.into(),
        user: UserId(uuid(user)),
        email: format!("{user}@example.org"),
        anon_key: "anon".into(),
        pinned_certificate: Some(format!("AB:{user}")),
    }
}

fn workspace(n: u8) -> Workspace {
    let brief = WorkspaceBrief {
        tenant: TenantId(uuid(n)),
        name: format!("Büro {n}"),
        member: MemberId(uuid(50)),
        role: Role::Manager,
        finance_right: true,
    };
    let scope = ScopeInfo { scope: ScopeId(uuid(60)), kind: ScopeKind::Finance, feed_key: "k".into() };
    Workspace { brief, scopes: vec![scope] }
}

#[test]
fn one_process_has_a_profile_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("deep/profile");
    let profile = Profile::open(&place).unwrap();
    let error = Profile::open(&place).unwrap_err();
    assert_eq!(error, ProfileError::InUse { directory: place.clone(), process: Some(std::process::id()) });
    let told = AppError::from(error);
    assert_eq!((told.code, told.retryable), (ErrorCode::ProfileInUse, true));
    drop(profile);
    Profile::open(&place).unwrap();
}

#[test]
fn everything_in_a_profile_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("profile");
    let profile = Profile::open(&place).unwrap();
    let path = profile.workspace_path(account("https://a", 1).id(), TenantId(uuid(1))).unwrap();
    assert!(path.ends_with(format!("{}/{}.sqlite3", account("https://a", 1).id().0, uuid(1))));
    let _store = SqliteStore::open(&path, OpenOptions::new(TenantId(uuid(1)))).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place), mode(path.parent().unwrap()), mode(&path)), (0o700, 0o700, 0o600));
    for name in ["profile.lock", "profile.sqlite3", "profile.sqlite3-wal"] {
        assert_eq!(mode(&place.join(name)), 0o600, "{name}");
    }
}

#[test]
fn accounts_and_workspaces_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut profile = Profile::open(directory.path()).unwrap();
    assert_eq!(profile.last_sign_in().unwrap(), (None, None));
    assert_eq!(profile.open_account().unwrap(), None);

    // The same user id on two servers is two accounts.
    let (one, two) = (account("https://a", 1), account("https://b", 1));
    let id = profile.put_account(&one).unwrap();
    profile.put_account(&two).unwrap();
    let renamed = Account { email: "new@example.org".into(), anon_key: "other".into(), ..one.clone() };
    assert_eq!(profile.put_account(&renamed).unwrap(), id);
    profile.set_workspaces(id, &[workspace(2), workspace(1)]).unwrap();
    profile.set_open(Some((id, Some(TenantId(uuid(2)))))).unwrap();
    drop(profile);

    let mut profile = Profile::open(directory.path()).unwrap();
    assert_eq!(profile.accounts().unwrap(), [renamed.clone(), two]);
    assert_eq!(profile.last_sign_in().unwrap(), (Some("https://a".into()), Some("new@example.org".into())));
    let kept = profile.workspaces(id).unwrap();
    assert_eq!(format!("{kept:?}"), format!("{:?}", [workspace(2), workspace(1)]));
    assert_eq!(profile.open_account().unwrap(), Some((renamed.clone(), Some(TenantId(uuid(2))))));

    // A workspace the person left is not open any more.
    profile.set_workspaces(id, &[workspace(1)]).unwrap();
    assert_eq!(profile.open_account().unwrap(), Some((renamed.clone(), None)));
    profile.remove_account(id).unwrap();
    assert_eq!(profile.open_account().unwrap(), None);
    assert!(profile.workspaces(id).unwrap().is_empty());
    assert!(profile.set_workspaces(id, &[workspace(1)]).is_err());
    profile.put_account(&renamed).unwrap();
    profile.set_open(None).unwrap();
    assert_eq!(profile.open_account().unwrap(), None);
}

#[test]
fn preferences_are_kept_and_null_removes() {
    let directory = tempfile::tempdir().unwrap();
    let profile = Profile::open(directory.path()).unwrap();
    profile.set_preference("theme", &json!("dark")).unwrap();
    profile.set_preference("sidebar", &json!({ "open": true, "width": 240 })).unwrap();
    profile.set_preference("theme", &json!("light")).unwrap();
    profile.set_preference("gone", &json!(1)).unwrap();
    profile.set_preference("gone", &json!(null)).unwrap();
    drop(profile);
    let kept = Profile::open(directory.path()).unwrap().preferences().unwrap();
    assert_eq!(kept, [("sidebar".into(), json!({ "open": true, "width": 240 })), ("theme".into(), json!("light"))]);
}

#[test]
fn a_place_that_cannot_hold_a_profile_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(Profile::open(&file), Err(ProfileError::Store(StoreError::Other(_)))));
    let place = directory.path().join("profile");
    fs::create_dir_all(place.join("profile.sqlite3")).unwrap();
    assert!(matches!(Profile::open(&place), Err(ProfileError::Store(StoreError::Other(_)))));
    // A workspace's file is no profile.
    let other = directory.path().join("other");
    fs::create_dir(&other).unwrap();
    drop(SqliteStore::open(&other.join("profile.sqlite3"), OpenOptions::new(TenantId(uuid(1)))).unwrap());
    let error = Profile::open(&other).unwrap_err();
    assert!(matches!(error, ProfileError::Store(StoreError::Damaged(_))));
    assert_eq!(AppError::from(error).code, ErrorCode::DataDamaged);
}
