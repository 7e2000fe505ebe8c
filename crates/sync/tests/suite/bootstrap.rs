//! First copies, refetches, and scopes that come and go.

use cockpit_domain::{RecordId, ScopeKind, SyncPhase};
use cockpit_sync::{Effect, Event};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Rig,
    client::{Kind, later, mismatch},
};

fn write(rig: &mut Rig, n: u128, name: &str) -> RecordId {
    rig.server.write("tasks", Uuid::from_u128(n), json!({ "name": name }));
    RecordId(Uuid::from_u128(n))
}

/// Answers pages until the tasks are next.
fn up_to_tasks(rig: &mut Rig) -> Effect {
    loop {
        let call = rig.client.calls.pop_front().expect("no page of tasks was asked for");
        if matches!(call, Effect::Page { table: cockpit_domain::Table::Tasks, .. }) {
            return call;
        }
        rig.answer(&call);
    }
}

#[test]
fn the_first_copy_is_read_by_pages_and_continues_from_the_first_head() {
    let mut rig = Rig::new();
    for n in 1..=25 {
        write(&mut rig, n, "Task");
    }
    rig.server.limit = 10;
    rig.sign_in();
    assert_eq!(rig.client.phase(), SyncPhase::Bootstrap { rows: 0 });
    let page = up_to_tasks(&mut rig);
    // Changed after the head of the first page was taken: one that is read still, and one that was created before the pages passed it.
    let changed = write(&mut rig, 25, "Changed");
    rig.answer(&page);
    let early = write(&mut rig, 1, "Passed already");
    rig.settle();
    assert_eq!(rig.client.shows(changed, "name"), "Changed");
    assert_eq!(rig.client.shows(early, "name"), "Passed already");
    assert_eq!(rig.client.store.records().count(), 26);
    assert_eq!(rig.client.phase(), SyncPhase::Polling);
}

#[test]
fn a_bootstrap_goes_on_where_it_was_after_a_restart() {
    let mut rig = Rig::new();
    for n in 1..=25 {
        write(&mut rig, n, "Task");
    }
    rig.server.limit = 10;
    rig.sign_in();
    let page = up_to_tasks(&mut rig);
    rig.answer(&page);
    rig.client.reopen();
    rig.sign_in();
    assert!(matches!(rig.client.calls[0], Effect::Page { after: Some(_), .. }), "{:?}", rig.client.calls);
    rig.settle();
    assert_eq!(rig.client.store.records().count(), 26);
}

#[test]
fn a_refetch_sweeps_what_is_gone_and_keeps_the_screen_meanwhile() {
    let mut rig = Rig::ready();
    let (kept, gone) = (write(&mut rig, 1, "Kept"), write(&mut rig, 2, "Gone"));
    rig.client.step(Event::Nudge);
    rig.settle();
    rig.server.purge("tasks", gone.0);
    rig.server.replace_logs();
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    rig.answer(&pull);
    let page = up_to_tasks(&mut rig);
    assert_eq!(rig.client.shows(kept, "name"), "Kept", "the screen was emptied during a refetch");
    assert_eq!(rig.client.shows(gone, "name"), "Gone");
    rig.answer(&page);
    rig.settle();
    assert_eq!(rig.client.shows(kept, "name"), "Kept");
    assert_eq!(rig.client.visible(gone), None);
}

#[test]
fn an_acknowledgement_during_a_refetch_leaves_the_overlay_only_when_the_row_was_brought() {
    let mut rig = Rig::ready();
    let id = write(&mut rig, 1, "Task");
    for n in 0..20 {
        write(&mut rig, 2, &format!("Other {n}"));
    }
    rig.client.step(Event::Nudge);
    rig.settle();
    // The new log is shorter, so the place of the acknowledgement lies before the old cursor.
    rig.server.replace_logs();
    rig.client.step(Event::Nudge);
    let pull = rig.take(Kind::Pull);
    rig.answer(&pull);
    rig.client.rename(id, "Mine");
    let push = rig.take(Kind::Push);
    rig.answer(&push);
    assert_eq!(rig.client.shows(id, "name"), "Mine", "the cursor of the former log let the entry go");
    assert_eq!(rig.client.outbox().len(), 1);
    while let Some(call) = rig.client.calls.pop_front() {
        rig.answer(&call);
        assert_eq!(rig.client.shows(id, "name"), "Mine", "the screen went back during the refetch");
    }
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn an_acknowledgement_before_the_head_of_the_first_page_leaves_when_the_bootstrap_ends() {
    let mut rig = Rig::new();
    let id = rig.client.create("Written before the first contact");
    rig.sign_in();
    let push = rig.take(Kind::Push);
    rig.answer(&push);
    assert_eq!(rig.client.outbox().len(), 1);
    rig.settle();
    assert_eq!(rig.client.outbox(), [], "nothing is pulled after it, so nothing let it go");
    assert_eq!(rig.client.confirmed(id).unwrap()["name"], "Written before the first contact");
}

#[test]
fn a_scope_that_is_seen_newly_is_fetched_and_one_that_is_lost_is_removed() {
    let mut rig = Rig::ready();
    rig.server.write("project_budgets", Uuid::from_u128(5), json!({ "budget": "100.00" }));
    let budgets = |rig: &Rig| {
        rig.client.store.records().filter(|(key, _)| key.table == cockpit_domain::Table::ProjectBudgets).count()
    };
    rig.server.set_finance(1, true);
    rig.client.step(Event::Nudge);
    rig.settle();
    assert_eq!(budgets(&rig), 1);
    assert_eq!(rig.client.topics.len(), 2);
    rig.server.set_finance(1, false);
    rig.client.step(Event::Nudge);
    rig.settle();
    assert_eq!(budgets(&rig), 0, "rows of a lost scope stayed");
    assert_eq!(rig.client.topics.len(), 1);
    assert_eq!(rig.client.store.scopes().unwrap().len(), 1);
}

#[test]
fn a_removed_member_loses_the_rows_and_keeps_the_unsent_work() {
    let mut rig = Rig::ready();
    let id = write(&mut rig, 1, "Task");
    rig.client.step(Event::Nudge);
    rig.settle();
    rig.server.remove(1);
    let unsent = rig.client.create("Unsent");
    rig.settle();
    rig.pass(60_000);
    assert_eq!(rig.client.phase(), SyncPhase::Removed);
    assert!(rig.client.told.contains(&Effect::Removed));
    assert_eq!((rig.client.visible(id), rig.client.visible(unsent)), (None, None));
    assert_eq!(rig.client.store.records().count(), 0);
    assert_eq!(rig.client.outbox().len(), 1, "unsent work has to be offered as an export");
    assert!(rig.client.topics.is_empty() && rig.client.wake_ms.is_none_or(|wake| wake <= rig.client.mono_ms));
    // Invited again, everything is as it was.
    rig.server.join(1, false);
    rig.sign_in();
    rig.settle();
    assert_eq!(rig.client.shows(id, "name"), "Task");
    assert_eq!(rig.client.shows(unsent, "name"), "Unsent");
    assert_eq!(rig.client.outbox(), []);
}

#[test]
fn a_member_removed_during_the_first_copy_learns_of_it() {
    let mut rig = Rig::new();
    write(&mut rig, 1, "Task");
    rig.sign_in();
    rig.server.remove(1);
    rig.settle();
    rig.pass(10_000);
    assert_eq!(rig.client.phase(), SyncPhase::Removed, "pages fail for good, and nobody asked why");
}

#[test]
fn a_failing_page_is_asked_for_again() {
    let mut rig = Rig::new();
    write(&mut rig, 1, "Task");
    rig.sign_in();
    let page = rig.take(Kind::Page);
    rig.fail(&page, later());
    assert_eq!(rig.client.phase(), SyncPhase::Offline);
    rig.settle();
    rig.pass(1_000);
    assert_eq!(rig.client.phase(), SyncPhase::Polling);
    assert_eq!(rig.client.store.records().count(), 2);
}

#[test]
fn rows_that_the_app_cannot_read_are_a_mismatch_and_not_damage() {
    let mut rig = Rig::new();
    rig.sign_in();
    let Effect::Page { request, scope, .. } = rig.take(Kind::Page) else { panic!() };
    let mut answer = rig.server.page(1, scope, "tenants", None).unwrap();
    answer.rows = vec![serde_json::value::RawValue::from_string("{\"uuid\":1}".into()).unwrap()];
    rig.client.step(Event::Paged { request, answer: Ok(answer) });
    assert_eq!(rig.client.phase(), SyncPhase::UpdateRequired);
    let page = {
        rig.client.step(Event::Nudge);
        rig.take(Kind::Page)
    };
    rig.fail(&page, mismatch());
    assert_eq!(rig.client.phase(), SyncPhase::UpdateRequired);
}

#[test]
fn a_log_that_is_replaced_between_two_pages_begins_the_bootstrap_anew() {
    let mut rig = Rig::new();
    for n in 1..=25 {
        write(&mut rig, n, "Task");
    }
    rig.server.limit = 10;
    rig.sign_in();
    let page = up_to_tasks(&mut rig);
    rig.answer(&page);
    rig.server.replace_logs();
    rig.settle();
    assert_eq!(rig.client.store.records().count(), 26);
    let scope = rig.client.store.scopes().unwrap().remove(0);
    assert_eq!((scope.cursor.epoch, scope.bootstrap), (2, None));
    assert_eq!(rig.server.scope(ScopeKind::Tenant).epoch, 2);
}
