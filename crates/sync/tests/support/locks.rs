//! Locks of the model server, by its clock alone. Written from docs/sync-protocol.md and decision 0022.

use std::collections::BTreeMap;

use cockpit_domain::{DeviceId, MemberId, RecordId, Table};
use cockpit_sync::{
    locks::wire::{HeartbeatAnswer, LockAnswer, LockInfo, LockName, UnlockAnswer},
    wire::{MutationOp, MutationResult, MutationStatus, WireMutation},
};
use serde_json::json;
use uuid::Uuid;

use super::model_server::{ModelServer, User};

/// A row of `editing_locks`; it stays with its fence when it has expired or was released.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) user: User,
    pub(crate) device: DeviceId,
    pub(crate) window: String,
    pub(crate) fence: i64,
    pub(crate) since_ms: i64,
    pub(crate) expires_ms: i64,
}

/// All rows, and the sequence of fences.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    pub(crate) of: BTreeMap<(String, RecordId), Lease>,
    last_fence: i64,
    /// Who may take a lock from anybody.
    pub(crate) managers: Vec<User>,
}

pub(crate) fn member(user: User) -> MemberId {
    MemberId(Uuid::from_u128(0x0eeb_0000 + u128::from(user)))
}

impl ModelServer {
    /// The live lock on a record.
    pub(crate) fn lease(&self, record_type: &str, record: RecordId) -> Option<&Lease> {
        self.leases.of.get(&(record_type.to_owned(), record)).filter(|lease| lease.expires_ms > self.now_ms)
    }

    fn info(&self, record_type: &str, record_id: RecordId, lease: &Lease) -> LockInfo {
        LockInfo {
            record_type: record_type.into(),
            record_id,
            member: member(lease.user),
            device: lease.device,
            window: lease.window.clone(),
            fence: lease.fence,
            locked_at: lease.since_ms.to_string(),
            expires_at: lease.expires_ms.to_string(),
            expires_in_ms: lease.expires_ms - self.now_ms,
        }
    }

    pub(crate) fn live_locks(&self) -> Vec<LockInfo> {
        let live = self.leases.of.iter().filter(|(_, lease)| lease.expires_ms > self.now_ms);
        live.map(|((record_type, id), lease)| self.info(record_type, *id, lease)).collect()
    }

    /// `lock_record`.
    #[allow(clippy::too_many_arguments, reason = "the arguments of the SQL function")]
    pub(crate) fn lock(
        &mut self,
        user: User,
        device: DeviceId,
        window: &str,
        record_type: &str,
        record: RecordId,
        seconds: i64,
        take_over: bool,
    ) -> LockAnswer {
        let expires_ms = self.now_ms + seconds.clamp(10, 300) * 1000;
        let live = self.lease(record_type, record).cloned();
        let own = |lease: &Lease| lease.user == user && lease.device == device && lease.window == window;
        let free = live.as_ref().is_none_or(|lease| {
            own(lease) || take_over && (lease.user == user || self.leases.managers.contains(&user))
        });
        let key = (record_type.to_owned(), record);
        if free {
            let lease = match live.filter(own) {
                Some(lease) => Lease { expires_ms, ..lease },
                None => {
                    self.leases.last_fence += 1;
                    let (fence, since_ms) = (self.leases.last_fence, self.now_ms);
                    Lease { user, device, window: window.into(), fence, since_ms, expires_ms }
                }
            };
            self.leases.of.insert(key.clone(), lease);
        }
        let lock = self.info(record_type, record, &self.leases.of[&key]);
        LockAnswer { server_ms: self.now_ms, granted: free, lock }
    }

    /// `lock_heartbeat`.
    pub(crate) fn heartbeat(
        &mut self,
        user: User,
        device: DeviceId,
        locks: &[LockName],
        seconds: i64,
    ) -> HeartbeatAnswer {
        let now_ms = self.now_ms;
        let mut gone = Vec::new();
        for name in locks {
            let lease = self.leases.of.get_mut(&(name.record_type.clone(), name.record_id));
            match lease.filter(|lease| {
                lease.user == user
                    && lease.device == device
                    && Some(lease.fence) == name.fence
                    && lease.expires_ms > now_ms
            }) {
                Some(lease) => lease.expires_ms = now_ms + seconds * 1000,
                None => gone.push(LockName { fence: None, ..name.clone() }),
            }
        }
        HeartbeatAnswer { server_ms: now_ms, locks: self.live_locks(), gone }
    }

    /// `unlock_record`.
    pub(crate) fn unlock(
        &mut self,
        user: User,
        device: DeviceId,
        window: &str,
        record_type: &str,
        record: RecordId,
    ) -> UnlockAnswer {
        let server_ms = self.now_ms;
        let lease = self.leases.of.get_mut(&(record_type.to_owned(), record));
        let own = |lease: &&mut Lease| {
            lease.user == user && lease.device == device && lease.window == window && lease.expires_ms > server_ms
        };
        let released = lease.filter(own).map(|lease| lease.expires_ms = server_ms).is_some();
        UnlockAnswer { server_ms, released }
    }

    /// What a lock has to say to a mutation: that it waits, or that it is fenced off.
    pub(crate) fn hindered(&self, device: DeviceId, sent: &WireMutation) -> Result<(), Box<MutationResult>> {
        let Some((table, record_type)) =
            Table::from_name(&sent.tbl).and_then(|table| Some((table, table.lock_type()?)))
        else {
            return Ok(());
        };
        let covered = sent.op == MutationOp::Delete
            || sent.op == MutationOp::Update
                && sent.set.keys().any(|name| table.column(name).is_some_and(|column| column.locked));
        let answer = |status, code: &str, fields: serde_json::Value| {
            let (code, message) = (Some(code.to_owned()), Some(format!("Hindered: {code}.")));
            let fields = fields.as_object().cloned();
            Box::new(MutationResult { id: sent.id, status, scope: None, seq: None, code, message, fields })
        };
        let key = (record_type.to_owned(), sent.record);
        if covered && let Some(lease) = self.lease(record_type, sent.record).filter(|lease| lease.device != device) {
            let holder =
                json!({ "member": member(lease.user), "name": format!("User {}", lease.user), "expires_at": "" });
            return Err(answer(MutationStatus::Waiting, "locked", json!({ "holder": holder })));
        }
        if let (Some(fence), Some(lease)) = (sent.fence, self.leases.of.get(&key))
            && fence < lease.fence
        {
            return Err(answer(MutationStatus::Rejected, "fenced", json!(null)));
        }
        Ok(())
    }
}
