//! Changes of records that somebody else is editing: they wait, and nothing else does.

use cockpit_domain::{DeviceId, RecordId, TaskField};
use cockpit_sync::{Effect, OutboxState};
use uuid::Uuid;

use crate::support::{
    Rig,
    client::{Kind, task},
    locks::member,
};

const OTHER: DeviceId = DeviceId(Uuid::from_u128(77));

/// A quiet client with `n` tasks that the server has, numbered by name.
fn with_tasks(n: usize) -> (Rig, Vec<RecordId>) {
    let mut rig = Rig::ready();
    let tasks = (0..n).map(|n| rig.client.create(&format!("Task {n}"))).collect();
    rig.settle();
    (rig, tasks)
}

fn lock(rig: &mut Rig, id: RecordId) {
    assert!(rig.server.lock(2, OTHER, "main", "task", id, 300, false).granted);
}

fn unlock(rig: &mut Rig, id: RecordId) {
    assert!(rig.server.unlock(2, OTHER, "main", "task", id).released);
}

fn name_there(rig: &Rig, id: RecordId) -> String {
    rig.server.row("tasks", id.0).unwrap()["name"].as_str().unwrap().to_owned()
}

fn records(push: &Effect) -> Vec<RecordId> {
    match push {
        Effect::Push { batch, .. } => batch.iter().map(|sent| sent.record).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_locked_record_holds_back_its_own_changes_only() {
    let (mut rig, tasks) = with_tasks(3);
    lock(&mut rig, tasks[0]);
    for id in &tasks {
        rig.client.rename(*id, "Changed");
    }
    rig.client.rename(tasks[0], "Changed again");
    // The clock stands still: whatever needs a pause is not sent.
    rig.settle();
    assert_eq!(name_there(&rig, tasks[0]), "Task 0", "a lock of another was written over");
    assert_eq!(name_there(&rig, tasks[1]), "Changed", "a free record waited for a locked one");
    assert_eq!(name_there(&rig, tasks[2]), "Changed", "a free record waited for a locked one");
    let left = rig.client.outbox();
    assert_eq!(left.iter().map(|entry| entry.key.id).collect::<Vec<_>>(), [tasks[0]; 2]);
    assert!(left.iter().all(|entry| entry.state == OutboxState::Queued), "a change that waits has no number");
    assert_eq!(rig.client.shows(tasks[0], "name"), "Changed again", "what waits is not on the screen");
    let holder = rig.client.core.waiting_for(task(tasks[0])).unwrap();
    assert_eq!((holder.member, holder.name.as_str()), (member(2), "User 2"));
    assert_eq!(rig.client.core.waiting_for(task(tasks[1])), None);
    unlock(&mut rig, tasks[0]);
    rig.pass(2_000);
    assert_eq!(name_there(&rig, tasks[0]), "Changed again");
    assert_eq!(rig.client.outbox(), []);
    assert_eq!(rig.client.core.waiting_for(task(tasks[0])), None);
    assert!(rig.server.db.effects.values().all(|times| *times == 1));
}

#[test]
fn what_a_lock_does_not_cover_goes_on_until_something_of_the_record_waits() {
    let (mut rig, tasks) = with_tasks(1);
    lock(&mut rig, tasks[0]);
    rig.client.set(tasks[0], TaskField::Tags(vec!["seen".into()]));
    rig.settle();
    assert_eq!(rig.client.outbox(), [], "tags are no part of the form");
    rig.client.rename(tasks[0], "Changed");
    rig.settle();
    rig.client.set(tasks[0], TaskField::Tags(vec!["late".into()]));
    rig.settle();
    assert_eq!(rig.client.outbox().len(), 2, "a later change of the record went before the one that waits");
    unlock(&mut rig, tasks[0]);
    rig.pass(2_000);
    let order: Vec<_> = rig.server.db.executed.iter().rev().take(2).map(|(_, id)| *id).collect();
    let row = rig.server.row("tasks", tasks[0].0).unwrap();
    assert_eq!((row["name"].as_str(), row["tags"][0].as_str()), (Some("Changed"), Some("late")));
    assert_eq!(order.len(), 2);
}

#[test]
fn many_locked_records_starve_neither_the_free_ones_nor_each_other() {
    let (mut rig, tasks) = with_tasks(12);
    let (locked, free) = tasks.split_at(8);
    for id in locked {
        lock(&mut rig, *id);
        // Far more than is looked at for one batch lies before the free ones.
        for n in 0..15 {
            rig.client.rename(*id, &format!("Waits {n}"));
        }
    }
    for id in free {
        rig.client.rename(*id, "Free");
    }
    // Every call takes so long that pauses end while other records are tried.
    for _ in 0..60 {
        rig.client.mono_ms += 400;
        if rig.wants(Kind::Push) {
            let push = rig.take(Kind::Push);
            rig.answer(&push);
        } else {
            rig.pass(0);
        }
        rig.client.calls.retain(|call| Kind::Push.is(call) || !matches!(call, Effect::Push { .. }));
    }
    for id in free {
        assert_eq!(name_there(&rig, *id), "Free", "a free record starved behind locked ones");
    }
    // New work on free records never stops, and still the others get their turn.
    for id in locked {
        unlock(&mut rig, *id);
    }
    let mut rounds = 0;
    while locked.iter().any(|id| name_there(&rig, *id) != "Waits 14") {
        rounds += 1;
        assert!(rounds < 40, "a record that was locked starves behind free ones");
        for (n, id) in free.iter().cycle().enumerate().take(50) {
            rig.client.rename(*id, &format!("Busy {rounds} {n}"));
        }
        rig.client.mono_ms += 400;
        if rig.wants(Kind::Push) {
            let push = rig.take(Kind::Push);
            assert!(records(&push).len() <= 50);
            rig.answer(&push);
        } else {
            rig.pass(0);
        }
    }
    rig.pass(60_000);
    assert_eq!(rig.client.outbox(), []);
    assert!(rig.server.db.effects.values().all(|times| *times == 1));
}

#[test]
fn a_pull_that_shows_the_lock_gone_ends_the_pause() {
    let (mut rig, tasks) = with_tasks(1);
    rig.client.options.waiting_ms = 2_000;
    lock(&mut rig, tasks[0]);
    rig.client.rename(tasks[0], "Changed");
    rig.settle();
    unlock(&mut rig, tasks[0]);
    rig.client.step(cockpit_sync::Event::Nudge);
    rig.settle();
    assert_eq!(name_there(&rig, tasks[0]), "Changed", "the pause went on although the lock was gone");
}

#[test]
fn numbers_have_no_holes_when_a_batch_ends_at_a_locked_record() {
    let (mut rig, tasks) = with_tasks(3);
    lock(&mut rig, tasks[1]);
    rig.client.rename(tasks[0], "First");
    let first = rig.take(Kind::Push);
    rig.client.rename(tasks[1], "Waits");
    rig.client.rename(tasks[2], "Last");
    rig.answer(&first);
    rig.settle();
    assert_eq!((rig.server.gaps, rig.server.forks), (0, 0));
    assert_eq!(name_there(&rig, tasks[2]), "Last");
    let mut restarted = rig.client.copy(5);
    std::mem::swap(&mut rig.client, &mut restarted);
    rig.sign_in();
    rig.settle();
    assert_eq!((rig.server.gaps, rig.server.forks), (0, 0), "a restart while a change waits loses count");
}
