//! Locks on forms: begun with the first change, believed no longer than is certain, and lost without losing a word.

use cockpit_domain::{DeviceId, RecordId, TaskField};
use cockpit_sync::{
    Edit, Effect, Event, OutboxState,
    locks::{LockRow, LockState, LostReason},
};
use uuid::Uuid;

use crate::support::{
    Rig,
    client::{Kind, later, task},
    locks::member,
};

const OTHER: DeviceId = DeviceId(Uuid::from_u128(77));

/// A quiet client with a task that the server has.
fn with_task() -> (Rig, RecordId) {
    let mut rig = Rig::ready();
    let id = rig.client.create("Task");
    rig.settle();
    rig.client.told.clear();
    (rig, id)
}

/// The same, with its lock held by the main window.
fn with_lock() -> (Rig, RecordId) {
    let (mut rig, id) = with_task();
    begin(&mut rig, id, "main");
    assert_eq!(state(&rig, "main"), Some(LockState::Held));
    (rig, id)
}

fn begin(rig: &mut Rig, id: RecordId, window: &str) {
    rig.client.step(Event::LockBegin { key: task(id), window: window.into() });
    rig.settle();
}

fn end(rig: &mut Rig, id: RecordId, window: &str) {
    rig.client.step(Event::LockEnd { key: task(id), window: window.into() });
}

/// Time passes for everybody, as it does on one machine and its server.
fn pass(rig: &mut Rig, ms: i64) {
    let end = rig.client.mono_ms + ms;
    while rig.client.mono_ms < end {
        rig.server.now_ms += 100;
        rig.pass(100);
    }
}

/// The same while the network is gone: every call fails.
fn pass_offline(rig: &mut Rig, ms: i64) {
    let end = rig.client.mono_ms + ms;
    while rig.client.mono_ms < end {
        (rig.server.now_ms, rig.client.mono_ms) = (rig.server.now_ms + 100, rig.client.mono_ms + 100);
        if rig.client.wake_ms.is_some_and(|wake| wake <= rig.client.mono_ms) {
            rig.client.wake_ms = None;
            rig.client.step(Event::Tick);
        }
        while let Some(call) = rig.client.calls.pop_front() {
            rig.fail(&call, later());
        }
    }
}

fn rows(rig: &Rig) -> Vec<LockRow> {
    let told = rig.client.told.iter().rev();
    let rows = told.filter_map(|effect| if let Effect::Locks { rows } = effect { Some(rows.clone()) } else { None });
    rows.take(1).next().unwrap_or_default()
}

fn state(rig: &Rig, window: &str) -> Option<LockState> {
    rows(rig).iter().find(|row| row.mine && row.window == window).map(|row| row.state)
}

fn held(rig: &Rig, id: RecordId) -> bool {
    rig.client.core.holds_lock(task(id), rig.client.now())
}

#[test]
fn a_lock_is_taken_renewed_and_released() {
    let (mut rig, id) = with_lock();
    begin(&mut rig, id, "main");
    let since = rig.server.lease("task", id).unwrap().since_ms;
    pass(&mut rig, 120_000);
    assert!(held(&rig, id), "a lock that is renewed was not believed");
    assert_eq!(rig.server.lease("task", id).unwrap().since_ms, since);
    end(&mut rig, id, "main");
    rig.settle();
    assert!(rig.server.lease("task", id).is_none(), "the lock was not released");
    assert!(!held(&rig, id));
    assert_eq!(rows(&rig), []);
    pass(&mut rig, 60_000);
    assert!(!rig.wants(Kind::Heartbeat));
}

#[test]
fn one_call_renews_all_locks_of_a_device() {
    let (mut rig, id) = with_lock();
    let second = rig.client.create("Second");
    rig.settle();
    begin(&mut rig, second, "record-2");
    rig.client.mono_ms += 5_000;
    rig.client.step(Event::Tick);
    let Effect::Heartbeat { locks, seconds, .. } = rig.take(Kind::Heartbeat) else { panic!() };
    assert_eq!((locks.len(), seconds), (2, 30));
    assert!(locks.iter().any(|lock| lock.record_id == id) && locks.iter().all(|lock| lock.fence.is_some()));
    assert!(!rig.wants(Kind::Heartbeat));
}

#[test]
fn a_covered_change_carries_the_fence_and_others_do_not() {
    let (mut rig, id) = with_lock();
    let fence = rig.server.lease("task", id).unwrap().fence;
    let sent = |rig: &mut Rig| {
        let push = rig.take(Kind::Push);
        rig.answer(&push);
        rig.settle();
        let Effect::Push { batch, .. } = push else { panic!() };
        batch[0].fence
    };
    rig.client.rename(id, "Under the lock");
    assert_eq!(sent(&mut rig), Some(fence));
    rig.client.set(id, TaskField::Tags(vec!["free".into()]));
    assert_eq!(sent(&mut rig), None, "tags are no part of the form");
    rig.client.edit(Edit::Delete { key: task(id) });
    assert_eq!(sent(&mut rig), Some(fence), "a delete is covered by the lock");
    rig.client.edit(Edit::Restore { key: task(id) });
    rig.settle();
    end(&mut rig, id, "main");
    rig.settle();
    rig.client.rename(id, "After it");
    assert_eq!(sent(&mut rig), None);
}

#[test]
fn a_lock_is_released_only_when_what_was_written_under_it_has_arrived() {
    let (mut rig, id) = with_lock();
    rig.client.rename(id, "Saved");
    end(&mut rig, id, "main");
    assert!(!rig.wants(Kind::Unlock), "released while a change under its fence is on its way");
    rig.settle();
    assert!(rig.server.lease("task", id).is_none());
    assert!(rig.server.rejected.is_empty());
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "Saved");
}

#[test]
fn a_lock_that_is_not_renewed_is_not_believed_five_seconds_before_its_end() {
    let (mut rig, id) = with_lock();
    pass_offline(&mut rig, 24_800);
    assert!(held(&rig, id));
    pass_offline(&mut rig, 400);
    assert!(!held(&rig, id), "believed longer than it is certain");
    assert!(rig.server.lease("task", id).is_some(), "the server ended it earlier than that");
    assert_eq!(state(&rig, "main"), Some(LockState::Unknown));
    rig.client.rename(id, "Offline");
    assert_eq!(rig.client.outbox()[0].fence, None, "a write without a certain lock carries no fence");
    pass(&mut rig, 10_000);
    assert_eq!(state(&rig, "main"), Some(LockState::Held), "back online the lock was not taken up again");
}

#[test]
fn a_long_call_shortens_what_is_believed() {
    let (mut rig, id) = with_task();
    rig.client.step(Event::LockBegin { key: task(id), window: "main".into() });
    let call = rig.take(Kind::Lock);
    let answer = crate::support::client::answer(&mut rig.server, 1, &call);
    rig.client.mono_ms += 26_000;
    rig.client.step(answer);
    assert!(!held(&rig, id), "an answer that is older than its lock was believed");
}

#[test]
fn after_sleep_nothing_is_believed_until_the_server_confirms_it() {
    let (mut rig, id) = with_lock();
    rig.client.step(Event::Nudge);
    assert!(!held(&rig, id));
    assert_eq!(state(&rig, "main"), Some(LockState::Unknown));
    rig.settle();
    assert!(held(&rig, id), "the server confirmed it");
    // Nobody nudges, but the wall clock has gone on while the monotonic one stood still.
    let slept = cockpit_sync::Now { wall_ms: rig.client.now().wall_ms + 60_000, ..rig.client.now() };
    assert!(!rig.client.core.holds_lock(task(id), slept), "sleep was not noticed");
}

#[test]
fn a_lock_of_another_is_refused_told_once_and_taken_when_it_is_free() {
    let (mut rig, id) = with_task();
    rig.server.write("tenant_members", member(2).0, serde_json::json!({ "name": "Ada" }));
    assert!(rig.server.lock(2, OTHER, "main", "task", id, 300, false).granted);
    begin(&mut rig, id, "main");
    pass(&mut rig, 20_000);
    assert_eq!(state(&rig, "main"), Some(LockState::Refused { holder: member(2) }));
    assert_eq!(rows(&rig).iter().filter(|row| !row.mine).count(), 1, "the other's lock is not shown");
    let notices = rig.client.take_notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    rig.client.rename(id, "Mine");
    rig.settle();
    assert_eq!(rig.client.outbox().len(), 1, "written over somebody who is editing");
    assert!(rig.server.unlock(2, OTHER, "main", "task", id).released);
    pass(&mut rig, 10_000);
    assert_eq!(state(&rig, "main"), Some(LockState::Held));
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "Mine");
}

#[test]
fn a_lock_that_is_taken_over_is_lost_and_what_was_written_under_it_is_parked() {
    let (mut rig, id) = with_lock();
    rig.server.leases.managers.push(2);
    rig.client.rename(id, "Too late");
    let push = rig.take(Kind::Push);
    assert!(rig.server.lock(2, OTHER, "main", "task", id, 300, true).granted);
    assert!(rig.server.unlock(2, OTHER, "main", "task", id).released);
    rig.answer(&push);
    let outbox = rig.client.outbox();
    assert!(matches!(&outbox[0].state, OutboxState::Parked { error } if error.details["code"] == "fenced"));
    assert_eq!(outbox[0].set["name"], "Too late", "what was written was thrown away");
    assert!(rig.server.lock(2, OTHER, "main", "task", id, 300, false).granted);
    rig.client.take_notices();
    pass(&mut rig, 6_000);
    assert_eq!(state(&rig, "main"), Some(LockState::Lost(LostReason::TakenOver { by: member(2) })));
    assert_eq!(rig.client.take_notices().len(), 1);
    let mutation = rig.client.outbox()[0].mutation;
    assert!(rig.server.unlock(2, OTHER, "main", "task", id).released);
    rig.client.edit(Edit::ParkedRetry { mutation });
    rig.settle();
    pass(&mut rig, 3_000);
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "Too late", "it was fenced off for ever");
}

#[test]
fn taking_over_is_the_servers_decision() {
    let (mut rig, id) = with_task();
    assert!(rig.server.lock(2, OTHER, "main", "task", id, 300, false).granted);
    let take = |rig: &mut Rig| {
        rig.client.step(Event::LockTakeOver { key: task(id), window: "main".into() });
        rig.settle();
        rig.client.told.retain(|effect| matches!(effect, Effect::Locks { .. }));
        state(rig, "main")
    };
    assert_eq!(take(&mut rig), Some(LockState::Refused { holder: member(2) }));
    rig.server.leases.managers.push(1);
    assert_eq!(take(&mut rig), Some(LockState::Held));
}

#[test]
fn another_window_of_the_same_device_is_refused_until_it_takes_over() {
    let (mut rig, id) = with_lock();
    begin(&mut rig, id, "record");
    assert_eq!(state(&rig, "record"), Some(LockState::Refused { holder: member(1) }));
    rig.client.rename(id, "Written in the first window");
    rig.client.step(Event::LockTakeOver { key: task(id), window: "record".into() });
    rig.settle();
    assert_eq!(state(&rig, "record"), Some(LockState::Held));
    assert_eq!(state(&rig, "main"), Some(LockState::Lost(LostReason::TakenOver { by: member(1) })));
    assert!(rig.server.rejected.is_empty(), "a window fenced off what the other had written before");
    rig.client.step(Event::LocksEnd { window: Some("record".into()) });
    rig.settle();
    assert!(rig.server.lease("task", id).is_none(), "a window that is gone keeps its lock");
}

#[test]
fn an_expired_lock_is_not_taken_again_before_what_was_written_under_it_arrived() {
    let (mut rig, id) = with_lock();
    rig.client.rename(id, "Under the first lease");
    let lost = rig.take(Kind::Push);
    rig.fail(&lost, later());
    pass_offline(&mut rig, 40_000);
    assert!(rig.server.lease("task", id).is_none());
    pass(&mut rig, 30_000);
    assert!(rig.server.rejected.is_empty(), "this device fenced itself off");
    assert_eq!(rig.server.row("tasks", id.0).unwrap()["name"], "Under the first lease");
    assert!(held(&rig, id));
}

#[test]
fn at_the_end_all_locks_are_released_at_once_and_after_a_restart_there_are_none() {
    let (mut rig, id) = with_lock();
    rig.client.rename(id, "Unsent");
    rig.client.step(Event::LocksEnd { window: None });
    let unlock = rig.take(Kind::Unlock);
    rig.answer(&unlock);
    assert!(rig.server.lease("task", id).is_none());
    begin(&mut rig, id, "main");
    rig.client.reopen();
    assert!(!held(&rig, id));
    rig.client.step(Event::SignedOut);
    rig.sign_in();
    rig.settle();
    assert!(rows(&rig).iter().all(|row| row.window != "main" || !row.mine || row.state != LockState::Held));
}

#[test]
fn a_hint_causes_pulls_and_not_more_than_ten_a_second() {
    let (mut rig, _) = with_task();
    let mut pulls = 0;
    for _ in 0..100 {
        rig.client.step(Event::Hint);
        rig.client.mono_ms += 10;
        if rig.client.wake_ms.is_some_and(|wake| wake <= rig.client.mono_ms) {
            rig.client.wake_ms = None;
            rig.client.step(Event::Tick);
        }
        pulls += rig.client.calls.iter().filter(|call| Kind::Pull.is(call)).count();
        rig.settle();
    }
    assert!((5..=11).contains(&pulls), "{pulls} pulls in a second");
}
