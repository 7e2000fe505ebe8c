//! The table of known differences in `docs/hub-differences.md`. Each row must occur, and what occurs must have a row.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::compare::Side;

/// One row; a trailing `*` in a cell stands for anything.
#[derive(Debug)]
pub(crate) struct Row {
    recording: String,
    connection: String,
    /// Nothing for a recording that is not played at all.
    side: Option<Side>,
    kind: String,
    /// How often it occurs, `×2`; without, once or more.
    times: Option<usize>,
    occurred: AtomicUsize,
}

pub(crate) struct Table(Vec<Row>);

impl Table {
    pub(crate) fn read() -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/hub-differences.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")).map(|line| {
            let cells: Vec<&str> =
                line.trim_end_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [recording, connection, side, kind, reason] = cells[..] else { panic!("a row has five cells: {line}") };
            assert!(reason.len() > 8, "a row needs its reason: {line}");
            let side = match side {
                "only real" => Some(Side::OnlyReal),
                "only hub" => Some(Side::OnlyHub),
                "not played" => None,
                other => panic!("no such side: {other}"),
            };
            let (kind, times) = match kind.rsplit_once(" ×") {
                Some((kind, times)) => (kind.trim_matches('`'), Some(times.parse().expect(line))),
                None => (kind, None),
            };
            let [recording, connection, kind] = [recording, connection, kind].map(str::to_owned);
            Row { recording, connection, side, kind, times, occurred: AtomicUsize::new(0) }
        });
        Self(rows.collect())
    }

    /// Whether a recording is listed as not to be played.
    pub(crate) fn leaves_out(&self, recording: &str) -> bool {
        let row = self.0.iter().find(|row| row.side.is_none() && fits(&row.recording, recording));
        row.inspect(|row| _ = row.occurred.fetch_add(1, Ordering::Relaxed)).is_some()
    }

    /// Whether a difference is listed; it is counted as occurred.
    pub(crate) fn allows(&self, recording: &str, connection: &str, side: Side, kind: &str) -> bool {
        let row = self.row(recording, connection, side, kind);
        row.inspect(|row| _ = row.occurred.fetch_add(1, Ordering::Relaxed)).is_some()
    }

    /// Whether something from the real server is not to be waited for.
    pub(crate) fn expects_missing(&self, recording: &str, connection: &str, kind: &str) -> bool {
        self.row(recording, connection, Side::OnlyReal, kind).is_some()
    }

    /// Rows that did not occur, or not as often as they say; those of recordings that are not there cannot.
    pub(crate) fn stale(&self, recordings: &[String]) -> Vec<&Row> {
        let there = |row: &Row| recordings.iter().any(|recording| fits(&row.recording, recording));
        let holds = |row: &Row| {
            let occurred = row.occurred.load(Ordering::Relaxed);
            occurred > 0 && (row.times.is_none() || row.times == Some(occurred))
        };
        self.0.iter().filter(|row| there(row) && !holds(row)).collect()
    }

    fn row(&self, recording: &str, connection: &str, side: Side, kind: &str) -> Option<&Row> {
        self.0.iter().find(|row| {
            row.side == Some(side)
                && fits(&row.recording, recording)
                && fits(&row.connection, connection)
                && fits(&row.kind, kind)
        })
    }
}

fn fits(cell: &str, text: &str) -> bool {
    cell.strip_suffix('*').map_or(cell == text, |start| text.starts_with(start))
}
