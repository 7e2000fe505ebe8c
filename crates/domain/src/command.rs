//! Commands: everything a window can ask of the backend, and what it gets back.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

use crate::{
    AppError, MemberId, MutationId, Place, PlaceRecord, Priority, RecordId, Table, TaskStatus, TaskViewSpec, TenantId,
    ViewId,
};

/// A request from a window. State comes back through patches; a [`Reply`] only says what the caller must know at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum Command {
    /// Looks at a server before anybody signs in. Answers [`Reply::Server`].
    ProbeServer {
        /// Address as typed; a missing scheme is completed.
        address: String,
        /// SHA-256 fingerprint of the certificate the person trusts there, after an `untrusted_certificate`.
        #[serde(default)]
        #[ts(optional)]
        certificate: Option<String>,
    },
    /// Signs in and, when the account has exactly one workspace, opens it.
    SignIn {
        /// Address as typed.
        address: String,
        /// The anon key of a Supabase project; a hub tells its own.
        anon_key: Option<String>,
        /// The account.
        email: String,
        /// Kept nowhere.
        password: String,
        /// SHA-256 fingerprint of the certificate the person trusts there; kept with the account. Without it the one that was
        /// trusted before holds.
        #[serde(default)]
        #[ts(optional)]
        certificate: Option<String>,
    },
    /// Ends the session on this device. Refused with `unsent_work` unless `discard_unsent`.
    SignOut {
        /// Whether unsent changes may be lost.
        discard_unsent: bool,
    },
    /// Makes a workspace with the caller as its owner, and opens it.
    CreateWorkspace {
        /// Its name.
        name: String,
        /// How the caller is called in it.
        member_name: String,
    },
    /// Opens one of the account's workspaces.
    OpenWorkspace {
        /// Which.
        tenant: TenantId,
    },
    /// Opens a view and streams its slice. Answers [`Reply::View`]; rows come by patch.
    ViewOpen {
        /// What it shows.
        spec: TaskViewSpec,
        /// First position of the slice that is wanted.
        from: u32,
        /// Position after the last that is wanted; at most 500 after `from`.
        to: u32,
    },
    /// Moves the slice of an open view.
    ViewMove {
        /// Which view.
        view: ViewId,
        /// First position that is wanted.
        from: u32,
        /// Position after the last that is wanted.
        to: u32,
    },
    /// Closes a view.
    ViewClose {
        /// Which view.
        view: ViewId,
    },
    /// Writes a new task; it is in the list when this answers.
    TaskCreate {
        /// What is known about it.
        draft: TaskDraft,
    },
    /// Changes fields of a task.
    TaskEdit {
        /// Which task.
        id: RecordId,
        /// The new values.
        set: Vec<TaskField>,
    },
    /// Moves a task to the trash.
    TaskDelete {
        /// Which task.
        id: RecordId,
    },
    /// Brings a task back from the trash.
    TaskRestore {
        /// Which task.
        id: RecordId,
    },
    /// Writes a new record of any table that windows may write; it is on the disk when this answers.
    RecordCreate {
        /// Its table.
        table: Table,
        /// The id it will have, version 7, made by the caller.
        id: RecordId,
        /// Its values by column, as they cross the wire; what is not given gets its default.
        #[ts(type = "Record<string, unknown>")]
        set: Map<String, Value>,
    },
    /// Changes fields of a record.
    RecordEdit {
        /// Its table.
        table: Table,
        /// Which record.
        id: RecordId,
        /// The new values by column.
        #[ts(type = "Record<string, unknown>")]
        set: Map<String, Value>,
    },
    /// Moves a record to the trash.
    RecordDelete {
        /// Its table.
        table: Table,
        /// Which record.
        id: RecordId,
    },
    /// Brings a record back from the trash.
    RecordRestore {
        /// Its table.
        table: Table,
        /// Which record.
        id: RecordId,
    },
    /// Takes back the last change of this device that is not undone yet. Answers [`Reply::Undone`].
    Undo,
    /// Does again what was undone last. Answers [`Reply::Undone`].
    Redo,
    /// Says that the person has just done something in this window, and where. Sent at most once a second while they do.
    PresenceTouch {
        /// Where.
        place: Place,
        /// Whether they are changing something there.
        editing: bool,
    },
    /// The cursor or selection in a text that others may see is now there. The engine passes on what its budget allows.
    PointerMove {
        /// The record.
        record: PlaceRecord,
        /// The column.
        field: String,
        /// Where the selection begins, in UTF-16 code units.
        from: u32,
        /// Where it ends.
        to: u32,
        /// Whether the person is writing.
        typing: bool,
    },
    /// Asks the server now.
    SyncNow,
    /// Lists pending and parked changes. Answers [`Reply::Changes`].
    Changes,
    /// Sends a parked change again, on top of what the record is now.
    ParkedRetry {
        /// Which change.
        mutation: MutationId,
    },
    /// Gives a parked change up; the record shows what the server has.
    ParkedDiscard {
        /// Which change.
        mutation: MutationId,
    },
    /// Sets small UI state (theme, sidebar, …) that all windows share and that outlives a restart.
    PreferenceSet {
        /// Its name, at most 64 characters.
        key: String,
        /// Its value, at most 4 KB; null removes it.
        #[ts(type = "unknown")]
        value: Value,
    },
}

/// What a person said about a new task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TaskDraft {
    /// The id it will have, version 7, made by the caller.
    pub id: RecordId,
    /// What is to be done.
    pub name: String,
    /// Further fields; `name` and `rank` here are refused.
    #[serde(default)]
    pub set: Vec<TaskField>,
}

/// One field of a task with its new value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "field", content = "value", rename_all = "snake_case")]
#[ts(export)]
pub enum TaskField {
    /// What is to be done, one line of 1 to 500 characters.
    Name(String),
    /// Where it stands.
    Status(TaskStatus),
    /// How pressing it is.
    Priority(Priority),
    /// The project.
    ProjectId(Option<RecordId>),
    /// The task it is a part of.
    ParentTask(Option<RecordId>),
    /// Who does it.
    Assignee(Option<MemberId>),
    /// Planned first day.
    StartDate(#[ts(type = "string | null")] Option<Date>),
    /// Day it should be done by.
    DueDate(#[ts(type = "string | null")] Option<Date>),
    /// Expected hours, 0 to 100,000.
    EstimateHours(#[ts(type = "string | null")] Option<Decimal>),
    /// Whether its hours are charged.
    Billable(bool),
    /// Long text, at most 100,000 characters.
    Notes(Option<String>),
    /// Labels, at most 50 of at most 60 characters.
    Tags(Vec<String>),
    /// Position.
    Rank(String),
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(export)]
pub enum Reply {
    /// It is done, and saved on this device.
    Done,
    /// What stands at an address.
    Server {
        /// The address in full.
        address: String,
        /// Whether it is a hub, which tells its key, or a Supabase project, whose key a person has to give.
        key_needed: bool,
    },
    /// The view that was opened.
    View {
        /// Its id within this window.
        view: ViewId,
    },
    /// What was undone or done again.
    Undone {
        /// The record.
        record: RecordId,
        /// A short English word for the change: `create`, `edit`, `complete`, `delete`, `restore`.
        what: String,
        /// The record's name.
        name: String,
    },
    /// Pending and parked changes, oldest first.
    Changes {
        /// At most 500.
        changes: Vec<OutboxChange>,
    },
}

/// The person whose lock on a record keeps a change waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct WaitingFor {
    /// The member.
    pub member: MemberId,
    /// The member's name, as the server told it.
    pub name: String,
}

/// A change that has not been confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OutboxChange {
    /// Its id.
    pub mutation: MutationId,
    /// The table it concerns.
    pub table: Table,
    /// The record it concerns.
    pub record: RecordId,
    /// The record's name as shown.
    pub name: String,
    /// `insert`, `update`, `delete` or `restore`.
    pub op: String,
    /// The fields it sets.
    pub fields: Vec<String>,
    /// When it was written, Unix milliseconds by this machine's clock.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// Who is editing the record, when the change waits for that; null otherwise.
    pub waiting_for: Option<WaitingFor>,
    /// Why it was refused; null while it waits to be sent.
    pub refused: Option<AppError>,
}
