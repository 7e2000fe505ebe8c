//! A crash before or after any commit costs nothing that was committed.

use cockpit_domain::{RecordId, TaskField};
use cockpit_sync::{Effect, Event};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    Rig,
    client::{answer, failure, later},
};

/// What happens at the step that is struck.
#[derive(Clone, Copy, Debug)]
enum Strike {
    /// The transaction does not commit.
    BeforeCommit,
    /// It commits, and nothing of its effects happens.
    AfterCommit,
    /// The answer is lost on its way, then the process dies.
    AnswerLost,
}

/// A piece of work of many steps, struck at step `at`; answers whether it was long enough to be struck.
fn run(at: usize, strike: Strike) -> bool {
    let mut rig = Rig::new();
    for n in 1..=7 {
        rig.server.write("tasks", Uuid::from_u128(n), json!({ "name": "Theirs" }));
    }
    rig.server.limit = 3;
    let id = rig.client.create("One");
    let other = RecordId(Uuid::from_u128(2));
    let mut steps = 0;
    let mut struck = false;
    for round in 0..4 {
        rig.sign_in();
        match round {
            1 => rig.client.rename(id, "Two"),
            2 => rig.client.set(id, TaskField::Notes(Some("line\n".into()))),
            _ => {}
        }
        rig.server.write_many(
            "tasks",
            &[(other.0, json!({ "name": round })), (Uuid::from_u128(3), json!({ "name": round }))],
        );
        rig.client.step(Event::Nudge);
        while let Some(call) = rig.client.calls.pop_front() {
            steps += 1;
            if steps == at {
                struck = true;
                let event = answer(&mut rig.server, 1, &call);
                match strike {
                    Strike::BeforeCommit => rig.client.step_and_lose(event),
                    Strike::AfterCommit => drop(rig.client.step_and_die(event)),
                    Strike::AnswerLost => drop(rig.client.step_and_die(failure(&call, later()))),
                }
                rig.sign_in();
            } else {
                rig.answer(&call);
            }
            assert!(steps < 500, "the client never comes to rest after {strike:?} at {at}");
        }
    }
    assert_eq!(rig.client.outbox(), [], "{strike:?} at {at}");
    assert!(rig.server.db.effects.values().all(|times| *times == 1), "{strike:?} at {at}: something happened twice");
    assert_eq!(rig.server.db.effects.len(), 3, "{strike:?} at {at}: something was lost");
    for ((tbl, row_id), row) in &rig.server.db.rows {
        if tbl == "tasks" {
            let shown = rig.client.visible(RecordId(*row_id)).unwrap_or_default();
            assert_eq!(&shown, row, "{strike:?} at {at}");
        }
    }
    struck
}

#[test]
fn a_crash_at_every_step_loses_and_doubles_nothing() {
    for strike in [Strike::BeforeCommit, Strike::AfterCommit, Strike::AnswerLost] {
        let mut at = 1;
        while run(at, strike) {
            at += 1;
        }
        assert!(at > 15, "the work has only {at} steps to be struck at");
    }
}

#[test]
fn an_edit_whose_transaction_fails_never_was() {
    let mut rig = Rig::ready();
    let id = rig.client.create("One");
    rig.settle();
    rig.client.step_and_lose(Event::Nudge);
    rig.sign_in();
    rig.settle();
    assert_eq!(rig.client.shows(id, "name"), "One");
    assert!(!rig.client.told.iter().any(|effect| matches!(effect, Effect::Notice { .. })));
}
