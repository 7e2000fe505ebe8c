//! `docs/figures.md`: a fixed beginning and a section for each part, between marks that a later run finds again.

use anyhow::{Context, Result};
use serde_json::Value;

/// One thing that is measured, by the name that `cockpit-bench` knows it by.
#[derive(Debug)]
pub(crate) struct Part {
    /// On the command line.
    pub(crate) name: &'static str,
    /// In the document.
    title: &'static str,
}

/// All of them, in the order of the document.
pub(crate) const PARTS: [Part; 6] = [
    Part { name: "windows", title: "From one person's window to the other's" },
    Part { name: "engine", title: "The engine and its store" },
    Part { name: "client", title: "The Supabase client beside others, and the hub's Realtime" },
    CHURN,
    SIMULATION,
    Part { name: "server", title: "The server" },
];

/// The one that `cargo xtask churn` measures.
pub(crate) const CHURN: Part = Part { name: "churn", title: "The Supabase client on a network that misbehaves" };

/// The one that `cargo xtask sim` counts.
pub(crate) const SIMULATION: Part =
    Part { name: "simulation", title: "The simulation: what was met, and every rule held" };

/// Where figures come from.
#[derive(Debug)]
pub(crate) struct Origin {
    /// What has to be typed to have them again.
    pub(crate) command: String,
    /// What was checked out.
    pub(crate) commit: String,
    /// When it was measured.
    pub(crate) date: String,
    /// What it was measured on.
    pub(crate) machine: String,
}

const BEGINNING: &str = "# Figures

Written by `cargo xtask bench`, `cargo xtask churn` and `cargo xtask sim`, which anybody can run again (about ten minutes each after the build); do not edit. Each section says what was checked
out, when, and on which machine. Every figure is of the release profile on filled tables with fsync on; p50 is the median, p99 the time that 99 of
100 stayed within. Where a goal is set, the table says whether it was reached or missed.
";

/// The document with the section of `part` replaced by what was measured now, and everything else as it was.
pub(crate) fn with_section(before: &str, part: &Part, measured: &Value, origin: &Origin) -> Result<String> {
    let mut document = BEGINNING.to_owned();
    for each in &PARTS {
        let section = if each.name == part.name {
            Some(section(part, measured, origin)?)
        } else {
            find(before, each.name).map(str::to_owned)
        };
        if let Some(section) = section {
            document.push_str(&format!("\n{}{section}{}", mark(each.name), end(each.name)));
        }
    }
    Ok(document)
}

fn section(part: &Part, measured: &Value, origin: &Origin) -> Result<String> {
    let Origin { command, commit, date, machine } = origin;
    let about = measured.get("about").and_then(Value::as_str).context("the measurement says nothing about itself")?;
    let mut text = format!("## {}\n\n{about}\n\n`{command}` · commit {commit} · {date} · {machine}\n", part.title);
    for table in measured.get("tables").and_then(Value::as_array).context("no tables were measured")? {
        let title = table.get("title").and_then(Value::as_str).unwrap_or_default();
        let columns = cells(table.get("columns"));
        text.push_str(&format!("\n### {title}\n\n{}|{}\n", line(&columns), " --- |".repeat(columns.len())));
        for row in table.get("rows").and_then(Value::as_array).into_iter().flatten() {
            text.push_str(&line(&cells(Some(row))));
        }
        if let Some(note) = table.get("note").and_then(Value::as_str) {
            text.push_str(&format!("\n{note}\n"));
        }
    }
    Ok(text)
}

fn find<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&mark(name))?;
    rest.split_once(&end(name)).map(|(section, _)| section)
}

fn mark(name: &str) -> String {
    format!("<!-- {name} -->\n")
}

fn end(name: &str) -> String {
    format!("<!-- end of {name} -->\n")
}

fn cells(row: Option<&Value>) -> Vec<&str> {
    row.and_then(Value::as_array).into_iter().flatten().map(|cell| cell.as_str().unwrap_or_default()).collect()
}

fn line(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn measured(figure: &str) -> Value {
        json!({"about": "Of something.", "tables": [{"title": "Speed", "columns": ["What", "Figure"], "rows": [["it", figure]], "note": "Slow."}]})
    }

    #[test]
    fn a_part_is_replaced_and_the_others_stay() {
        let [windows, engine, ..] = &PARTS;
        let origin = |commit: &str| Origin {
            command: "cargo xtask bench it".into(),
            commit: commit.into(),
            date: "2026-02-26".into(),
            machine: "2 cores".into(),
        };
        let first = with_section("", engine, &measured("1 ms"), &origin("aaa")).unwrap();
        let both = with_section(&first, windows, &measured("2 ms"), &origin("bbb")).unwrap();
        let again = with_section(&both, windows, &measured("3 ms"), &origin("ccc")).unwrap();
        assert!(again.starts_with("# Figures"));
        assert!(again.contains("| What | Figure |\n| --- | --- |\n| it | 1 ms |\n"), "{again}");
        assert!(again.contains("| it | 3 ms |\n\nSlow.\n") && again.contains("commit ccc"), "{again}");
        assert!(!again.contains("2 ms") && !again.contains("bbb"), "the former figures of the part are gone");
        assert!(again.contains("commit aaa"), "the other part says what it was measured at");
        assert!(again.find("windows -->").unwrap() < again.find("engine -->").unwrap(), "in the document's order");
    }
}
