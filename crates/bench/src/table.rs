//! What was measured, as tables that `cargo xtask bench` writes into the document.

use std::time::Duration;

use serde::Serialize;

/// Everything one part measured.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    /// What was measured and how, in sentences.
    pub(crate) about: String,
    /// The results.
    pub(crate) tables: Vec<Table>,
}

/// One table.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    /// What must be said with it.
    note: Option<String>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self { title: title.to_owned(), columns, rows: Vec::new(), note: None }
    }

    /// Adds a row and says it, so that a long run shows what it has so far.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let said: Vec<String> =
            self.columns.iter().zip(&cells).map(|(column, cell)| format!("{column} {cell}")).collect();
        say(&said.join(" · "));
        self.rows.push(cells.into());
    }

    /// Adds what must be said with it.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.note = Some(note.into());
    }
}

/// A goal and whether it was reached, as a cell.
pub(crate) fn goal(limit: Duration, measured: Duration) -> String {
    verdict(&crate::stats::milliseconds(limit), measured <= limit)
}

/// The same for what is counted per second.
pub(crate) fn goal_rate(least: f64, measured: f64) -> String {
    verdict(&format!("{}/s", crate::stats::thousands(least)), measured >= least)
}

/// Says what is going on.
pub(crate) fn say(line: &str) {
    eprintln!("  {line}");
}

fn verdict(goal: &str, reached: bool) -> String {
    if reached { format!("{goal}: reached") } else { format!("{goal}: **missed**") }
}
