//! A window's name, and what windows of its kind may ask for.

use std::fmt;

use cockpit_domain::{AppError, Command, ErrorCode};

/// The label of a window, unique within the process. Its beginning says the window's kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowLabel {
    label: String,
    kind: WindowKind,
}

impl WindowLabel {
    /// The window of that label; none when no kind of window has such a label.
    pub fn new(label: &str) -> Option<Self> {
        let well_formed = label.len() <= 64 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let kind = WindowKind::ALL.into_iter().find(|kind| {
            label.strip_prefix(kind.word()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })?;
        well_formed.then(|| Self { label: label.to_owned(), kind })
    }

    /// The label as the windowing system has it.
    pub fn as_str(&self) -> &str {
        &self.label
    }

    /// What kind of window it is.
    pub fn kind(&self) -> WindowKind {
        self.kind
    }
}

impl fmt::Display for WindowLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl fmt::Debug for WindowLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

/// The kinds of window. A kind that sees less of the world may also ask for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowKind {
    /// The whole application; `main`, `main-2`, …
    Main,
    /// One record popped out; `record-…`
    Record,
    /// One line to write a task from anywhere; `quick-add`.
    QuickAdd,
}

impl WindowKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Main, Self::Record, Self::QuickAdd];

    /// The beginning of its labels.
    pub fn word(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Record => "record",
            Self::QuickAdd => "quick-add",
        }
    }
}

/// Whether windows of that kind may send that command. There is no default arm: a new command has to be placed.
pub fn allowed(kind: WindowKind, command: &Command) -> bool {
    match command {
        // The account, and what can lose work, belongs to the main window.
        Command::ProbeServer { .. }
        | Command::SignIn { .. }
        | Command::SignOut { .. }
        | Command::CreateWorkspace { .. }
        | Command::OpenWorkspace { .. }
        | Command::Changes
        | Command::ParkedRetry { .. }
        | Command::ParkedDiscard { .. } => kind == WindowKind::Main,
        // Whoever shows records may look at them and change them.
        Command::ViewOpen { .. }
        | Command::ViewMove { .. }
        | Command::ViewClose { .. }
        | Command::TaskEdit { .. }
        | Command::TaskDelete { .. }
        | Command::TaskRestore { .. }
        | Command::RecordEdit { .. }
        | Command::RecordDelete { .. }
        | Command::RecordRestore { .. }
        | Command::Undo
        | Command::Redo
        | Command::PresenceTouch { .. }
        | Command::PointerMove { .. }
        | Command::SyncNow
        | Command::PreferenceSet { .. } => matches!(kind, WindowKind::Main | WindowKind::Record),
        Command::TaskCreate { .. } => true,
        // The small windows make tasks and nothing else.
        Command::RecordCreate { .. } => matches!(kind, WindowKind::Main | WindowKind::Record),
    }
}

/// The answer to a command that is not [`allowed`].
pub(crate) fn not_allowed(window: &WindowLabel) -> AppError {
    AppError::new(
        ErrorCode::CommandNotAllowed,
        format!("A window of the kind of “{window}” may not do that. Use the main window."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use cockpit_domain::{MutationId, Place, PlaceRecord, RecordId, Table, TaskDraft, TenantId, ViewId};
    use rstest::rstest;
    use serde_json::{Map, Value};
    use uuid::Uuid;

    fn every_command() -> Vec<(Command, [bool; 3])> {
        const MAIN: [bool; 3] = [true, false, false];
        const RECORDS: [bool; 3] = [true, true, false];
        const ALL: [bool; 3] = [true, true, true];
        let (id, view, mutation) = (RecordId(Uuid::nil()), ViewId(Uuid::nil()), MutationId(Uuid::nil()));
        let text = String::new;
        vec![
            (Command::ProbeServer { address: text(), certificate: None }, MAIN),
            (
                Command::SignIn { address: text(), anon_key: None, email: text(), password: text(), certificate: None },
                MAIN,
            ),
            (Command::SignOut { discard_unsent: true }, MAIN),
            (Command::CreateWorkspace { name: text(), member_name: text() }, MAIN),
            (Command::OpenWorkspace { tenant: TenantId(Uuid::nil()) }, MAIN),
            (Command::Changes, MAIN),
            (Command::ParkedRetry { mutation }, MAIN),
            (Command::ParkedDiscard { mutation }, MAIN),
            (Command::ViewOpen { spec: Default::default(), from: 0, to: 1 }, RECORDS),
            (Command::ViewMove { view, from: 0, to: 1 }, RECORDS),
            (Command::ViewClose { view }, RECORDS),
            (Command::TaskEdit { id, set: vec![] }, RECORDS),
            (Command::TaskDelete { id }, RECORDS),
            (Command::TaskRestore { id }, RECORDS),
            (Command::RecordCreate { table: Table::Clients, id, set: Map::new() }, RECORDS),
            (Command::RecordEdit { table: Table::Clients, id, set: Map::new() }, RECORDS),
            (Command::RecordDelete { table: Table::Clients, id }, RECORDS),
            (Command::RecordRestore { table: Table::Clients, id }, RECORDS),
            (Command::Undo, RECORDS),
            (Command::Redo, RECORDS),
            (Command::PresenceTouch { place: Place { module: text(), record: None }, editing: false }, RECORDS),
            (
                Command::PointerMove {
                    record: PlaceRecord { table: Table::Tasks, id },
                    field: text(),
                    from: 0,
                    to: 0,
                    typing: false,
                },
                RECORDS,
            ),
            (Command::SyncNow, RECORDS),
            (Command::PreferenceSet { key: text(), value: Value::Null }, RECORDS),
            (Command::TaskCreate { draft: TaskDraft { id, name: text(), set: vec![] } }, ALL),
        ]
    }

    #[test]
    fn every_command_from_every_kind_is_as_the_table_says() {
        let table = every_command();
        let names: std::collections::BTreeSet<String> = table
            .iter()
            .map(|(command, _)| serde_json::to_value(command).unwrap()["type"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names.len(), 25, "each command is in the table once");
        for (command, expected) in table {
            for (kind, expected) in WindowKind::ALL.into_iter().zip(expected) {
                assert_eq!(allowed(kind, &command), expected, "{kind:?} {command:?}");
            }
        }
    }

    #[rstest]
    #[case("main", Some(WindowKind::Main))]
    #[case("main-2", Some(WindowKind::Main))]
    #[case("record-0192", Some(WindowKind::Record))]
    #[case("quick-add", Some(WindowKind::QuickAdd))]
    #[case("mainframe", None)]
    #[case("", None)]
    #[case("main-../x", None)]
    fn a_label_says_its_kind(#[case] label: &str, #[case] kind: Option<WindowKind>) {
        assert_eq!(WindowLabel::new(label).map(|label| label.kind()), kind);
    }
}
