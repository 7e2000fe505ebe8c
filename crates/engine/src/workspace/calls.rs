//! The calls of sync: what the core asks for, sent to the server, and the answer as an event.

use cockpit_domain::TenantId;
use cockpit_supabase::Error;
use cockpit_sync::{
    CallError, Effect, Event,
    wire::{PAGE_LIMIT, PushRequest},
};
use serde_json::json;

use crate::session::{Connection, call_error};

/// Makes the call of an effect. None when the effect is no call.
pub(crate) async fn call(connection: Connection, tenant: TenantId, effect: Effect) -> Option<Event> {
    // A server whose schema does not fit is found by the first call, before anything is read from it or sent to it.
    let unfit = connection.ensure_schema().await.err();
    match effect {
        Effect::Pull { request, cursors } => {
            let args = json!({ "p_cursors": cursors, "p_limit": PAGE_LIMIT });
            let answer = or_call(unfit, connection.call("sync_pull", &args)).await;
            Some(Event::Pulled { request, answer })
        }
        Effect::Page { request, scope, table, after } => {
            let args = json!({ "p_scope": scope, "p_tbl": table.name(), "p_after": after, "p_limit": PAGE_LIMIT });
            let answer = or_call(unfit, connection.call("sync_page", &args)).await;
            Some(Event::Paged { request, answer })
        }
        Effect::Push { request, device, batch } => {
            let args = PushRequest { p_tenant: tenant, p_device: device, p_batch: batch };
            let answer = or_call(unfit, connection.call("apply_mutations", &args)).await;
            Some(Event::Pushed { request, answer })
        }
        Effect::Lock { request, device, window, record_type, record, seconds, take_over } => {
            let args = json!({
                "p_tenant": tenant, "p_device": device, "p_window": window, "p_type": record_type, "p_record": record,
                "p_seconds": seconds, "p_take_over": take_over,
            });
            let answer = or_call(unfit, connection.call("lock_record", &args)).await;
            Some(Event::Locked { request, answer })
        }
        Effect::Unlock { request, device, window, record_type, record } => {
            let args = json!({
                "p_tenant": tenant, "p_device": device, "p_window": window, "p_type": record_type, "p_record": record,
            });
            let answer = or_call(unfit, connection.call("unlock_record", &args)).await;
            Some(Event::Unlocked { request, answer })
        }
        Effect::Heartbeat { request, device, locks, seconds } => {
            let args = json!({ "p_tenant": tenant, "p_device": device, "p_locks": locks, "p_seconds": seconds });
            let answer = or_call(unfit, connection.call("lock_heartbeat", &args)).await;
            Some(Event::Beaten { request, answer })
        }
        _ => None,
    }
}

async fn or_call<T>(unfit: Option<CallError>, call: impl Future<Output = Result<T, Error>>) -> Result<T, CallError> {
    match unfit {
        Some(unfit) => Err(unfit),
        None => call.await.map_err(call_error),
    }
}
