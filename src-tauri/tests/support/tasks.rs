//! What a person does with the task list, by what they see of it, in whatever language it speaks.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use super::desktop::Desktop;
use super::{PATIENCE, wait_for};

const ENTER: &str = "\u{E007}";
const CONTROL: &str = "\u{E009}";
const DOWN: &str = "\u{E015}";
const DELETE: &str = "\u{E017}";
const F2: &str = "\u{E032}";

/// The visible words of a row's title.
const TITLE: &str = "[role=gridcell] > span[title]:not([role])";

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Row {
    /// The task.
    pub(crate) id: String,
    /// Its title.
    pub(crate) name: String,
    /// Whether its box is ticked.
    pub(crate) done: bool,
    /// Whether it carries the dot of a change that was not sent yet.
    pub(crate) pending: bool,
    /// Whether a change of it was refused.
    pub(crate) failed: bool,
}

impl Desktop {
    /// Fills the form of a person who has not signed in yet, and sends it.
    pub(crate) fn sign_in(&self, server: &str, email: &str, password: &str) -> Result<()> {
        self.type_text("input[autocomplete=url]", server)?;
        self.type_text("input[autocomplete=username]", email)?;
        self.type_text("input[type=password]", &format!("{password}{ENTER}"))
    }

    /// Waits until the list shows what was asked for.
    pub(crate) fn wait_for_list(&self) -> Result<()> {
        self.wait_until("the list", "return document.querySelector('[data-view-current] [data-task]') !== null", &[])
            .map(drop)
    }

    /// Waits until the pill says this phase and number of unsent changes.
    pub(crate) fn wait_for_pill(&self, phase: &str, pending: u32) -> Result<()> {
        let script = "const pill = document.querySelector('[data-sync]');
            return pill?.dataset.sync === arguments[0] && pill.dataset.pending === String(arguments[1])";
        self.wait_until(&format!("the pill “{phase}, {pending} to send”"), script, &[json!(phase), json!(pending)])
            .with_context(|| format!("the pill is {:?}", self.pill()))
            .map(drop)
    }

    /// Phase, unsent and refused changes, as the pill has them.
    pub(crate) fn pill(&self) -> Result<(String, String, String)> {
        let script = "const pill = document.querySelector('[data-sync]')?.dataset ?? {};
            return [pill.sync ?? '', pill.pending ?? '', pill.parked ?? '']";
        Ok(serde_json::from_value(self.execute(script, &[])?)?)
    }

    /// Shows every task whose name contains `text`, whatever its status, so that no row hides behind the window's edge.
    pub(crate) fn show_all_with(&self, text: &str) -> Result<()> {
        self.click("[role=toolbar] button[aria-haspopup=listbox]")?;
        self.wait_until("the choice", "return document.activeElement?.role === 'combobox'", &[])?;
        self.press(&[DOWN])?;
        self.press(&[ENTER])?;
        self.wait_until("the end of the choice", "return document.querySelector('[role=listbox]') === null", &[])?;
        self.type_text("input[type=search]", text)?;
        let words = text.to_lowercase();
        wait_for("the narrowed list", PATIENCE, || {
            let current = !self.exists("[role=grid]")? || self.exists("[data-view-current]")?;
            let rows = self.rows()?;
            Ok((current && rows.iter().all(|row| row.name.to_lowercase().contains(&words))).then_some(()))
        })
    }

    /// The rows in sight.
    pub(crate) fn rows(&self) -> Result<Vec<Row>> {
        let script = "return [...document.querySelectorAll('[data-task]')].map(row => ({
            id: row.dataset.task,
            name: row.querySelector(arguments[0])?.textContent ?? row.querySelector('input')?.value ?? '',
            done: row.querySelector('[role=checkbox]').ariaChecked === 'true',
            pending: 'pending' in row.dataset,
            failed: 'failed' in row.dataset,
        }))";
        Ok(serde_json::from_value(self.execute(script, &[json!(TITLE)])?)?)
    }

    /// Waits for the one row of that name.
    pub(crate) fn row(&self, name: &str) -> Result<Row> {
        self.row_where(name, |_| true)
    }

    /// Waits until the one row of that name is as `wanted`.
    pub(crate) fn row_where(&self, name: &str, wanted: impl Fn(&Row) -> bool) -> Result<Row> {
        let found = wait_for(&format!("the row “{name}” in {}", self.label()), PATIENCE, || {
            let mut found: Vec<Row> = self.rows()?.into_iter().filter(|row| row.name == name).collect();
            ensure!(found.len() <= 1, "“{name}” is there {} times", found.len());
            Ok(found.pop().filter(&wanted))
        });
        found.with_context(|| format!("the rows are {:?}", self.rows()))
    }

    /// Waits until no row has that name.
    pub(crate) fn wait_until_gone(&self, name: &str) -> Result<()> {
        wait_for(&format!("the end of “{name}” in {}", self.label()), PATIENCE, || {
            Ok(self.rows()?.iter().all(|row| row.name != name).then_some(()))
        })
    }

    /// Writes a new task into the line at the top.
    pub(crate) fn add_task(&self, name: &str) -> Result<Row> {
        self.type_text("[data-quick-add]", &format!("{name}{ENTER}"))?;
        self.row(name)
    }

    /// Changes the title in its row.
    pub(crate) fn rename_task(&self, name: &str, to: &str) -> Result<Row> {
        self.select_task(name)?;
        self.press(&[F2])?;
        self.wait_until("the title's field", "return document.activeElement?.closest('[data-task]') !== null", &[])?;
        self.press(&[CONTROL, "a"])?;
        self.type_text("[data-task] input", &format!("{to}{ENTER}"))?;
        self.row(to)
    }

    /// Ticks or unticks its box.
    pub(crate) fn tick_task(&self, name: &str) -> Result<Row> {
        let Row { id, done, .. } = self.row(name)?;
        self.click(&format!("[data-task='{id}'] [role=checkbox]"))?;
        self.row_where(name, |row| row.done != done)
    }

    /// Deletes it by key.
    pub(crate) fn delete_task(&self, name: &str) -> Result<()> {
        self.select_task(name)?;
        self.press(&[DELETE])?;
        self.wait_until_gone(name)
    }

    /// Takes the last change back by key.
    pub(crate) fn undo(&self) -> Result<()> {
        self.press(&[CONTROL, "z"])
    }

    fn select_task(&self, name: &str) -> Result<()> {
        let id = self.row(name)?.id;
        self.click(&format!("[data-task='{id}'] {TITLE}"))?;
        let script = "return document.querySelector(arguments[0])?.ariaSelected === 'true'";
        self.wait_until("the selected row", script, &[json!(format!("[data-task='{id}']"))]).map(drop)
    }
}
