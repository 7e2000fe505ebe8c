//! Answers as the server writes them, as text.

use cockpit_sync::wire::{PageAnswer, PullAnswer, PulledState, PushAnswer, PushError};

#[test]
fn a_pull_with_rows_is_read_whole() {
    let text = r#"{ "server_ms": 1, "scopes": [
        { "scope": "00000000-0000-0000-0000-000000000001", "tenant": "00000000-0000-0000-0000-000000000002", "kind": "tenant",
          "epoch": 1, "head": 7, "min_seq": 0, "feed_key": "k", "state": "ok", "changes": [
            { "seq": 7, "mark": "00000000-0000-0000-0000-000000000003", "tbl": "tasks", "id": "00000000-0000-0000-0000-000000000004",
              "op": "update", "version": 2, "columns": ["name"], "row": { "id": "x", "name": "Task" },
              "actor": null, "mutation": null, "xid": "123", "at": "2026-01-02T01:04:05.123456Z" } ],
          "tx_complete": false, "more": true },
        { "scope": "00000000-0000-0000-0000-000000000005", "state": "gone" } ], "locks": [] }"#;
    let answer: PullAnswer = serde_json::from_str(text).unwrap();
    let body = answer.scopes[0].body.as_ref().expect("the body of a visible scope was lost");
    assert_eq!((body.head, body.tx_complete, body.more), (7, false, true));
    assert_eq!(body.changes[0].row.as_ref().unwrap().get(), r#"{ "id": "x", "name": "Task" }"#);
    assert!(answer.scopes[1].state == PulledState::Gone && answer.scopes[1].body.is_none());
    let again: PullAnswer = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
    assert_eq!(again.scopes[0].body.as_ref().unwrap().changes.len(), 1);
}

#[test]
fn a_visible_scope_without_its_body_is_an_error_and_not_an_empty_answer() {
    let text =
        r#"{ "server_ms": 1, "scopes": [ { "scope": "00000000-0000-0000-0000-000000000001", "state": "ok" } ] }"#;
    assert!(serde_json::from_str::<PullAnswer>(text).is_err());
}

#[test]
fn pages_and_refusals_of_a_whole_batch_are_read() {
    let text = r#"{ "server_ms": 1, "scope": "00000000-0000-0000-0000-000000000001", "epoch": 1, "head": 0, "head_mark": null,
        "rows": [ { "id": 1 } ], "next": null }"#;
    assert_eq!(serde_json::from_str::<PageAnswer>(text).unwrap().rows[0].get(), r#"{ "id": 1 }"#);
    let text = r#"{ "server_ms": 1, "error": "out_of_order", "expected": 4 }"#;
    assert_eq!(serde_json::from_str::<PushAnswer>(text).unwrap().error, Some(PushError::OutOfOrder));
}
