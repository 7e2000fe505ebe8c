//! What crosses the network about locks, exactly as `docs/sync-protocol.md` states it.

use cockpit_domain::{DeviceId, MemberId, RecordId};
use serde::{Deserialize, Serialize};

/// A live lock as pull, `lock_record` and `lock_heartbeat` tell of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct LockInfo {
    /// `task`, `project`, `client`, `economics` or `time`; a newer server may know more.
    pub record_type: String,
    /// The record.
    pub record_id: RecordId,
    /// Who holds it.
    pub member: MemberId,
    /// On which device.
    pub device: DeviceId,
    /// In which window of that device.
    pub window: String,
    /// Raised whenever the lock changes hands; never lowered.
    pub fence: i64,
    /// Since when it is held, RFC 3339.
    pub locked_at: String,
    /// When it ends unless it is renewed, RFC 3339 by the server's clock.
    pub expires_at: String,
    /// The same as a span from the moment of the answer, in milliseconds.
    pub expires_in_ms: i64,
}

/// Answer of `lock_record`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct LockAnswer {
    /// The server's clock, Unix milliseconds.
    pub server_ms: i64,
    /// Whether the caller holds it now.
    pub granted: bool,
    /// The caller's lock, or the one in its way.
    pub lock: LockInfo,
}

/// Names a lock that is to be renewed, or that could not be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct LockName {
    /// See [`LockInfo::record_type`].
    pub record_type: String,
    /// The record.
    pub record_id: RecordId,
    /// The fence under which it is held; absent in answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<i64>,
}

/// Answer of `lock_heartbeat`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct HeartbeatAnswer {
    /// The server's clock, Unix milliseconds.
    pub server_ms: i64,
    /// All live locks that the caller may see.
    pub locks: Vec<LockInfo>,
    /// Those of the call that are not held under their fence any more.
    #[serde(default)]
    pub gone: Vec<LockName>,
}

/// Answer of `unlock_record`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct UnlockAnswer {
    /// The server's clock, Unix milliseconds.
    pub server_ms: i64,
    /// Whether there was anything to release.
    pub released: bool,
}
