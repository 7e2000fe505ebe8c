//! Timers and the ranges they leave: what start, pause, resume and stop make of an entry.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ts_rs::TS;

/// A break within a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Pause {
    /// When it began.
    #[ts(type = "string")]
    pub from: Timestamp,
    /// When it ended; null while it lasts.
    #[ts(type = "string | null")]
    pub to: Option<Timestamp>,
}

/// Pauses in the form of the wire; none when they overlap, are out of order, or one without an end is not the last.
pub(crate) fn checked_pauses(value: &Value) -> Option<Value> {
    let pauses: Vec<Pause> = serde_json::from_value(value.clone()).ok()?;
    let ordered = pauses.windows(2).all(|pair| match pair {
        [one, next] => one.to.is_some_and(|to| to <= next.from),
        _ => true,
    });
    let forward = pauses.iter().all(|pause| pause.to.is_none_or(|to| pause.from <= to));
    (ordered && forward).then(|| json!(pauses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_in_order_and_only_the_last_is_open() {
        let (a, b, c) = ("2026-01-01T09:00:00Z", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z");
        assert!(checked_pauses(&json!([{"from": a, "to": b}, {"from": c, "to": null}])).is_some());
        assert!(checked_pauses(&json!([{"from": a, "to": null}, {"from": c, "to": null}])).is_none());
        assert!(checked_pauses(&json!([{"from": b, "to": a}])).is_none());
        assert!(checked_pauses(&json!([{"from": a, "to": c}, {"from": b, "to": c}])).is_none());
        assert!(checked_pauses(&json!("none")).is_none());
    }
}
