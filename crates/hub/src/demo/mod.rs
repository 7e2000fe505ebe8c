//! The demo workspace: two people and a believable amount of work, made the way people make it. Ada founds "Studio North" and invites
//! Ben through the real functions, and all records are mutations of two devices under their own roles, so that nothing is here that
//! a client could not have done. Making it again adds only what is missing.

mod content;
mod ids;

use jiff::civil::Date;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    accounts::Accounts,
    database::{Access, Caller, Database, begin_as},
    error::{HubError, describe},
    token::Role,
};
use ids::Kind;

/// The password of both people.
pub const DEMO_PASSWORD: &str = "cockpit-demo";
/// The one who founded the workspace.
pub const DEMO_OWNER: &str = "ada@cockpit.test";
/// The one who was invited as a manager.
pub const DEMO_MANAGER: &str = "ben@cockpit.test";
/// So many tasks when nothing else is asked for.
pub const DEMO_TASKS: usize = 80;

/// The most mutations one call takes.
const BATCH: usize = 50;

/// Makes the workspace with `tasks` tasks, due around `today`.
pub(crate) async fn make(database: &Database, accounts: &Accounts, tasks: usize, today: Date) -> Result<(), HubError> {
    let ada = Person::sign_up(database, accounts, DEMO_OWNER, "Ada Lindqvist", Kind::Ada).await?;
    let ben = Person::sign_up(database, accounts, DEMO_MANAGER, "Ben Özdemir", Kind::Ben).await?;
    let tenant = ids::id(Kind::Tenant, 0);
    let founding =
        json!({ "p_tenant": tenant, "p_member": ada.member, "p_name": "Studio North", "p_member_name": ada.name });
    ada.call("create_workspace", &["p_tenant", "p_member", "p_name", "p_member_name"], founding).await?;
    if !ben.is_in(tenant).await? {
        // A new invitation each time: an earlier one may have been made by a demo that did not get this far.
        let invitation = json!({ "p_tenant": tenant, "p_invitation": Uuid::now_v7(), "p_role": "manager" });
        let invitation = ada.call("invite_member", &["p_tenant", "p_invitation", "p_role"], invitation).await?;
        let code = invitation
            .get("code")
            .and_then(Value::as_str)
            .ok_or_else(|| HubError::Demo("the invitation has no code".to_owned()))?;
        let acceptance = json!({ "p_code": code, "p_member": ben.member, "p_member_name": ben.name });
        ben.call("accept_invitation", &["p_code", "p_member", "p_member_name"], acceptance).await?;
    }
    let plan = content::Plan { ada: ada.member, ben: ben.member, today };
    // Two thirds of the tasks are Ada's. Her records come first, because Ben's tasks belong to her projects.
    let of_ben = tasks / 3;
    ada.send(tenant, content::FOUNDATION + tasks - of_ben, |n| match n.checked_sub(content::FOUNDATION) {
        None => plan.foundation(n),
        Some(task) => plan.task(task),
    })
    .await?;
    ben.send(tenant, of_ben, |n| plan.task(n + 1_000_000)).await?;
    tracing::info!(tasks, "the demo workspace is there");
    Ok(())
}

/// One record to be created.
struct Draft {
    table: &'static str,
    id: Uuid,
    columns: Value,
}

/// Somebody of the demo, acting under their own role and claims.
struct Person<'a> {
    database: &'a Database,
    caller: Caller,
    name: &'static str,
    member: Uuid,
    kind: Kind,
}

impl<'a> Person<'a> {
    async fn sign_up(
        database: &'a Database,
        accounts: &Accounts,
        email: &str,
        name: &'static str,
        kind: Kind,
    ) -> Result<Self, HubError> {
        let user = match accounts.find(email).await? {
            Some(user) => user,
            None => accounts.create(email, DEMO_PASSWORD).await?,
        };
        let claims = json!({ "sub": user, "role": Role::Authenticated, "aud": "authenticated", "email": email });
        let caller = Caller { role: Role::Authenticated, claims: claims.to_string() };
        Ok(Self { database, caller, name, member: ids::id(kind, 0), kind })
    }

    async fn is_in(&self, tenant: Uuid) -> Result<bool, HubError> {
        let workspaces = self.call("my_workspaces", &[], json!({})).await?;
        let tenant = tenant.to_string();
        let mut workspaces = workspaces.as_array().into_iter().flatten();
        Ok(workspaces.any(|workspace| workspace.get("tenant").and_then(Value::as_str) == Some(tenant.as_str())))
    }

    /// Sends the mutations this device has not sent yet, of `count` that `draft` describes by number.
    async fn send(&self, tenant: Uuid, count: usize, draft: impl Fn(usize) -> Draft) -> Result<(), HubError> {
        let mut sent = self.apply(tenant, json!([])).await?;
        while sent < count {
            let end = count.min(sent + BATCH);
            let batch = (sent..end).map(|n| {
                let Draft { table, id, columns } = draft(n);
                json!({
                    "id": ids::mutation(self.kind, n), "no": n + 1, "tbl": table, "record": id, "op": "insert",
                    "base_version": null, "set": columns, "base": {}, "fence": null
                })
            });
            let next = self.apply(tenant, batch.collect()).await?;
            if next <= sent {
                return Err(HubError::Demo("the database did not take the next changes".to_owned()));
            }
            sent = next;
            tracing::debug!(sent, count, "demo records sent");
        }
        Ok(())
    }

    /// Sends one batch and answers how many mutations of this device the database has now.
    async fn apply(&self, tenant: Uuid, batch: Value) -> Result<usize, HubError> {
        let arguments = json!({ "p_tenant": tenant, "p_device": ids::id(self.kind, 1), "p_batch": batch });
        let answer = self.call("apply_mutations", &["p_tenant", "p_device", "p_batch"], arguments).await?;
        for result in answer.get("results").and_then(Value::as_array).into_iter().flatten() {
            if result.get("status").and_then(Value::as_str) != Some("applied") {
                return Err(HubError::Demo(format!("a record was not taken: {result}")));
            }
        }
        let expected = answer.get("expected").and_then(Value::as_u64).and_then(|no| usize::try_from(no).ok());
        expected
            .and_then(|no| no.checked_sub(1))
            .ok_or_else(|| HubError::Demo(format!("apply_mutations answered {answer}")))
    }

    /// Calls a function as PostgREST would, with `arguments` as its body.
    async fn call(&self, function: &str, names: &[&str], arguments: Value) -> Result<Value, HubError> {
        let named: Vec<String> = names.iter().map(|name| format!("{name} := a.{name}")).collect();
        let sql = format!(
            "select public.{function}({})::text from json_to_record($1) as a(p_tenant uuid, p_member uuid, p_name text, \
             p_member_name text, p_invitation uuid, p_role text, p_code text, p_device uuid, p_batch json)",
            named.join(", ")
        );
        let mut connection = self.database.caller_connection().await?;
        let run = async {
            let transaction = begin_as(&mut connection, &self.caller, Access::Write).await?;
            let statement = transaction.prepare_cached(&sql).await?;
            let row = transaction.query_one(&statement, &[&arguments]).await?;
            let answer: Option<String> = row.try_get(0)?;
            transaction.commit().await?;
            Ok(answer)
        };
        let answer = run
            .await
            .map_err(|error: tokio_postgres::Error| HubError::Demo(format!("{function}: {}", describe(&error))))?;
        serde_json::from_str(answer.as_deref().unwrap_or("null")).map_err(|error| HubError::Demo(error.to_string()))
    }
}
