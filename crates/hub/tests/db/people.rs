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
