//! A person at a device, who counts their mutations.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Db, Person, Session};

/// A device of a person in one workspace.
pub(crate) struct Desk {
    pub(crate) session: Session,
    person: Person,
    tenant: Uuid,
    device: Uuid,
    no: u64,
}

impl Desk {
    pub(crate) async fn new(db: &Db, tenant: Uuid, person: Person) -> Self {
        Self { session: db.session().await, person, tenant, device: Uuid::now_v7(), no: 0 }
    }

    /// Sends one mutation and answers its result.
    pub(crate) async fn send(&mut self, mutation: Value) -> Value {
        self.no += 1;
        let mut mutation = mutation;
        mutation["id"] = json!(Uuid::now_v7());
        mutation["no"] = json!(self.no);
        let answer = self.session.apply(self.person, self.tenant, self.device, &json!([mutation])).await.unwrap();
        answer["results"][0].clone()
    }

    pub(crate) async fn insert(&mut self, tbl: &str, record: Uuid, set: Value) -> Value {
        self.send(json!({"tbl": tbl, "record": record, "op": "insert", "set": set})).await
    }

    /// An update upon the version that the row has now.
    pub(crate) async fn update(&mut self, tbl: &str, record: Uuid, set: Value) -> Value {
        let version =
            self.session.ask(self.person, &format!("select version from {tbl} where id = '{record}'")).await.unwrap();
        self.send(
            json!({"tbl": tbl, "record": record, "op": "update", "base_version": version, "set": set, "base": {}}),
        )
        .await
    }

    pub(crate) async fn act(&mut self, tbl: &str, record: Uuid, op: &str) -> Value {
        self.send(json!({"tbl": tbl, "record": record, "op": op})).await
    }
}

/// The outcome of a result: its code when it was refused, else its status.
pub(crate) fn outcome(result: &Value) -> &str {
    result["code"].as_str().or(result["status"].as_str()).unwrap()
}
