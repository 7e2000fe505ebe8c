//! Workspaces and membership: the calls repeat safely, the last owner stays, and who lost access hears nothing more.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::{
    permissions::may,
    support::{Answer, Db, Person, Session, member_id},
};

const TENANT: Uuid = uuid!("10000000-0000-4000-8000-0000000000a1");
const INVITATION: Uuid = uuid!("20000000-0000-4000-8000-0000000000a1");
const OWNER: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-000000000001")));
const BOB: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-000000000002")));
const CAROL: Person = Person(Some(uuid!("aaaaaaaa-0000-4000-8000-000000000003")));

async fn accounts(db: &Db) {
    for person in [OWNER, BOB, CAROL] {
        let sql = format!("insert into auth.users (id, email) values ('{}', '{}')", person.id(), person.email());
        db.owner().await.run(&sql).await.unwrap();
    }
}

async fn create(session: &Session) -> Answer {
    session.ask(OWNER, &format!("select create_workspace('{TENANT}', '{}', 'Acme', 'Ann')", OWNER.id())).await
}

async fn accept(session: &Session, person: Person, code: &str) -> Answer {
    session.ask(person, &format!("select accept_invitation('{code}', '{}', 'New')", person.id())).await
}

async fn invite(session: &Session, email: &str) -> String {
    let sql = format!("select invite_member('{TENANT}', '{INVITATION}', 'member', {email})");
    session.ask(OWNER, &sql).await.unwrap()["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn creating_and_accepting_repeat_safely() {
    let db = Db::new().await;
    accounts(&db).await;
    let session = db.session().await;
    let made = create(&session).await.unwrap();
    assert_eq!(made["role"], "owner");
    let kinds: Vec<&str> =
        made["scopes"].as_array().unwrap().iter().map(|scope| scope["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tenant", "finance", "user"]);
    assert_eq!(create(&session).await.unwrap(), made, "the same ids answer the same");
    let taken = format!("select create_workspace('{TENANT}', '{}', 'Mine now', 'Bob')", BOB.id());
    assert_eq!(session.ask(BOB, &taken).await, Err("CK007".to_owned()), "someone else's id is refused");
    let nameless = "select create_workspace(gen_random_uuid(), gen_random_uuid(), ' ', 'Bob')";
    assert_eq!(session.ask(BOB, nameless).await, Err("CK006".to_owned()));

    let first = invite(&session, "null").await;
    let code = invite(&session, "null").await;
    assert_eq!(accept(&session, BOB, &first).await, Err("CK005".to_owned()), "a resend makes the first code worthless");
    let joined = accept(&session, BOB, &code).await.unwrap();
    assert_eq!((&joined["role"], &joined["finance_right"]), (&json!("member"), &json!(true)));
    assert_eq!(accept(&session, BOB, &code).await.unwrap(), joined);
    assert_eq!(accept(&session, CAROL, &code).await, Err("CK005".to_owned()), "a code is good for one person");
    assert_eq!(session.ask(BOB, "select my_workspaces() -> 0").await.unwrap(), joined);
}

#[tokio::test]
async fn an_invitation_ends_when_revoked_and_can_be_for_one_address() {
    let db = Db::new().await;
    accounts(&db).await;
    let session = db.session().await;
    create(&session).await.unwrap();
    let code = invite(&session, &format!("'{}'", BOB.email().to_uppercase())).await;
    assert_eq!(accept(&session, CAROL, &code).await, Err("CK005".to_owned()), "it is for another address");
    let revoke = format!("select revoke_invitation('{TENANT}', '{INVITATION}')");
    session.ask(OWNER, &revoke).await.unwrap();
    assert_eq!(accept(&session, BOB, &code).await, Err("CK005".to_owned()));
    let code = invite(&session, &format!("'{}'", BOB.email())).await;
    accept(&session, BOB, &code).await.unwrap();
}

#[tokio::test]
async fn the_last_owner_stays_even_when_two_leave_at_once() {
    let db = Db::new().await;
    db.workspace(TENANT, &[(OWNER, "owner", true), (BOB, "owner", true), (CAROL, "admin", true)]).await;
    let (first, second) = (db.session().await, db.session().await);
    let leave = format!("select leave_workspace('{TENANT}')");
    let both = tokio::join!(first.ask(OWNER, &leave), second.ask(BOB, &leave));
    let refused = [both.0, both.1].into_iter().filter(|answer| *answer == Err("CK004".to_owned())).count();
    assert_eq!(refused, 1, "one of the two stays");
    let left = "select count(*) from tenant_members where role = 'owner' and removed_at is null";
    assert_eq!(db.owner().await.run(left).await, Ok(json!(1)));
    // However the rows are written, even by the owner of the schema.
    let demote = db.owner().await.run("update tenant_members set role = 'viewer'").await;
    assert_eq!(demote, Err("CK004".to_owned()));
}

#[tokio::test]
async fn an_account_that_goes_leaves_its_member_behind() {
    let db = Db::new().await;
    db.workspace(TENANT, &[(OWNER, "owner", true), (BOB, "member", true)]).await;
    db.owner().await.run(&format!("delete from auth.users where id = '{}'", BOB.id())).await.unwrap();
    let logged = format!(
        "select \"row\" -> 'auth_user' from sync.change where record_id = '{}' order by seq desc limit 1",
        member_id(TENANT, BOB)
    );
    assert_eq!(db.owner().await.run(&logged).await, Ok(Value::Null), "and the log says so");
}

#[tokio::test]
async fn who_lost_access_cannot_join_with_the_old_key_nor_the_new() {
    let db = Db::new().await;
    db.workspace(TENANT, &[(OWNER, "owner", true), (BOB, "member", true)]).await;
    let session = db.session().await;
    let scopes = session.ask(BOB, "select my_workspaces() -> 0 -> 'scopes'").await.unwrap();
    let topic = |scopes: &Value, at: usize| {
        format!(
            "fractal:{}:{}:changes",
            scopes[at]["scope"].as_str().unwrap(),
            scopes[at]["feed_key"].as_str().unwrap()
        )
    };
    let (old, old_finance) = (topic(&scopes, 0), topic(&scopes, 1));
    db.owner()
        .await
        .run("insert into realtime.messages (topic, extension, event) values ('x', 'broadcast', 'probe')")
        .await
        .unwrap();
    assert!(may(&session, BOB, &old, "receive").await && may(&session, BOB, &old_finance, "receive").await);

    // The finance right withdrawn: the workspace is still heard, by its new key, and finance no more.
    let withdraw = format!("select set_member_role('{TENANT}', '{}', 'member', false)", member_id(TENANT, BOB));
    session.ask(OWNER, &withdraw).await.unwrap();
    let scopes = session.ask(OWNER, "select my_workspaces() -> 0 -> 'scopes'").await.unwrap();
    let (new, new_finance) = (topic(&scopes, 0), topic(&scopes, 1));
    assert!(may(&session, BOB, &new, "receive").await);
    for topic in [&old, &old_finance, &new_finance] {
        assert!(!may(&session, BOB, topic, "receive").await, "{topic}");
    }
    assert!(!may(&session, OWNER, &old, "receive").await, "an old key is good for nobody");
    let moved =
        format!("select count(*) from realtime.messages where event = 'moved' and topic in ('{old}', '{old_finance}')");
    assert_eq!(db.owner().await.run(&moved).await, Ok(json!(2)), "one word on each old topic");

    // Removed: nothing at all.
    session.ask(OWNER, &format!("select remove_member('{TENANT}', '{}')", member_id(TENANT, BOB))).await.unwrap();
    let scopes = session.ask(OWNER, "select my_workspaces() -> 0 -> 'scopes'").await.unwrap();
    for topic in [new, topic(&scopes, 0)] {
        assert!(!may(&session, BOB, &topic, "receive").await, "{topic}");
    }
    // Nor does a name that is no topic of ours raise anything but a refusal.
    for odd in ["", "fractal", "fractal:x:y:changes", "presence::", "'';--"] {
        assert!(!may(&session, BOB, &odd.replace('\'', "''"), "receive").await, "{odd}");
    }
}

#[tokio::test]
async fn a_workspace_is_changed_by_what_is_given_and_only_if_it_differs() {
    let db = Db::new().await;
    db.workspace(TENANT, &[(OWNER, "owner", true)]).await;
    let (session, owner) = (db.session().await, db.owner().await);
    let head = "select head from sync.scope where kind = 'tenant'";
    let before = owner.run(head).await.unwrap().as_i64().unwrap();
    let changed = session.ask(OWNER, &format!("select update_workspace('{TENANT}', ' New ', p_week_start => 7)")).await;
    assert_eq!(changed.unwrap()["name"], "New");
    let row = owner.run("select json_build_array(name, currency, zone, week_start) from tenants").await;
    assert_eq!(row, Ok(json!(["New", "EUR", "UTC", 7])));
    session.ask(OWNER, &format!("select update_workspace('{TENANT}', 'New', 'EUR', 'UTC', 7)")).await.unwrap();
    assert_eq!(owner.run(head).await, Ok(json!(before + 1)), "what is so already is not logged");
    for wrong in [
        "' '",
        "null, 'eur'",
        "null, null, 'Europe; drop'",
        "null, null, ''",
        "null, null, null, 8",
        "null, null, null, 99999",
    ] {
        let answer = session.ask(OWNER, &format!("select update_workspace('{TENANT}', {wrong})")).await;
        assert_eq!(answer, Err("CK006".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn a_member_changes_themself_and_an_admin_sets_the_hours() {
    let db = Db::new().await;
    db.workspace(TENANT, &[(OWNER, "owner", true), (BOB, "member", true)]).await;
    let (session, owner) = (db.session().await, db.owner().await);
    let update = async |who: Person, whom: Person, changes: &str| {
        let sql = format!("select update_member('{TENANT}', '{}', '{changes}')", member_id(TENANT, whom));
        session.ask(who, &sql).await
    };
    update(
        BOB,
        BOB,
        r##"{"name": " Bob ", "avatar": "https://a.example/b.png", "colour": "#3366ff", "zone": "Asia/Tokyo"}"##,
    )
    .await
    .unwrap();
    update(OWNER, BOB, r#"{"weekly_hours": "37.5"}"#).await.unwrap();
    update(BOB, BOB, r#"{"avatar": null}"#).await.unwrap();
    let row = format!(
        "select json_build_array(name, avatar, colour, zone, weekly_hours::text) from tenant_members where id = '{}'",
        member_id(TENANT, BOB)
    );
    assert_eq!(owner.run(&row).await, Ok(json!(["Bob", null, "#3366ff", "Asia/Tokyo", "37.50"])));
    for (wrong, code) in [
        (r#"{"name": ""}"#, "CK006"),
        (r#"{"name": null}"#, "CK006"),
        (r#"{"name": ["x"]}"#, "CK006"),
        (r#"{"colour": "red"}"#, "CK006"),
        (r#"{"zone": "a b"}"#, "CK006"),
        (r#"{"role": "owner"}"#, "CK006"),
        (r#"{"auth_user": null}"#, "CK006"),
        ("[]", "CK006"),
        (r#"{"weekly_hours": 10}"#, "CK003"),
    ] {
        assert_eq!(update(BOB, BOB, wrong).await, Err(code.to_owned()), "{wrong}");
    }
    for wrong in [r#"{"weekly_hours": 169}"#, r#"{"weekly_hours": "many"}"#, r#"{"weekly_hours": 1e9}"#] {
        assert_eq!(update(OWNER, BOB, wrong).await, Err("CK006".to_owned()), "{wrong}");
    }
    assert_eq!(
        update(OWNER, BOB, r#"{"name": "B", "weekly_hours": 10}"#).await,
        Err("CK003".to_owned()),
        "all or nothing"
    );
    assert_eq!(update(OWNER, CAROL, r#"{"weekly_hours": 10}"#).await, Err("CK002".to_owned()));
}

#[tokio::test]
async fn ownership_goes_to_a_member_and_the_keys_are_renewed() {
    let db = Db::new().await;
    db.workspace(TENANT, &[(OWNER, "owner", true), (BOB, "viewer", false), (CAROL, "member", true)]).await;
    let (session, owner) = (db.session().await, db.owner().await);
    let transfer = |whom: Person| format!("select transfer_ownership('{TENANT}', '{}')", member_id(TENANT, whom));
    let keys = "select json_agg(feed_key order by kind) from sync.scope where kind <> 'user'";
    session.ask(OWNER, &format!("select remove_member('{TENANT}', '{}')", member_id(TENANT, CAROL))).await.unwrap();
    assert_eq!(session.ask(OWNER, &transfer(CAROL)).await, Err("CK002".to_owned()), "a former member");
    assert_eq!(session.ask(OWNER, &transfer(OWNER)).await, Err("CK006".to_owned()), "oneself");
    assert_eq!(session.ask(BOB, &transfer(BOB)).await, Err("CK003".to_owned()), "nobody takes it");
    let before = owner.run(keys).await.unwrap();
    session.ask(OWNER, &transfer(BOB)).await.unwrap();
    let roles = "select json_object_agg(auth_user, role) from tenant_members where removed_at is null";
    assert_eq!(owner.run(roles).await, Ok(json!({OWNER.id().to_string(): "admin", BOB.id().to_string(): "owner"})));
    let after = owner.run(keys).await.unwrap();
    assert!(before[0] != after[0] && before[1] != after[1]);
    assert_eq!(session.ask(OWNER, &transfer(BOB)).await, Err("CK003".to_owned()), "who gave it away has it no more");
}

#[tokio::test]
async fn two_owners_who_hand_over_to_each_other_at_once_leave_one_owner_at_least() {
    let db = Db::new().await;
    db.workspace(TENANT, &[(OWNER, "owner", true), (BOB, "owner", true)]).await;
    let (first, second) = (db.session().await, db.session().await);
    let transfer = |whom: Person| format!("select transfer_ownership('{TENANT}', '{}')", member_id(TENANT, whom));
    let (to_bob, to_owner) = (transfer(BOB), transfer(OWNER));
    let both = tokio::join!(first.ask(OWNER, &to_bob), second.ask(BOB, &to_owner));
    assert!(both.0.is_ok() || both.1.is_ok(), "{both:?}");
    let left = "select count(*) > 0 from tenant_members where role = 'owner' and removed_at is null";
    assert_eq!(db.owner().await.run(left).await, Ok(json!(true)));
}
