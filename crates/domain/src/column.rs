//! What a column may hold and how two people's changes of it meet. `docs/sync-protocol.md` states the same for the wire, `migrations/` as
//! constraints; a test of the hub compares the three.

use crate::Table;

/// A column that mutations may write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Its name in SQL, on the wire and in SQLite.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// The value a new record has when none is given, as JSON; a column that is neither nullable nor has one must be given.
    pub default: Option<&'static str>,
    /// What happens when two people changed it.
    pub merge: Merge,
    /// Whether a lock on the record covers it: somebody else's write to it waits.
    pub locked: bool,
}

/// What a column holds, as its value crosses the wire in JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// One line of text with at most that many characters; a column that is not nullable has at least one.
    Line(usize),
    /// Text of several lines with at most that many characters.
    Text(usize),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number from, to.
    Integer(i64, i64),
    /// A decimal number as text, with that many places and between whole numbers.
    Decimal {
        /// Digits after the point.
        places: u32,
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// A civil date, `YYYY-MM-DD`.
    Date,
    /// A moment, RFC 3339.
    Instant,
    /// The id of a record of that table in the same workspace.
    Record(Table),
    /// An id that is not checked.
    Id,
    /// A set of labels: at most so many, each of at most so many characters.
    Labels(usize, usize),
    /// A set of ids of records of that table.
    Records(Table),
    /// ISO 4217, three capitals.
    Currency,
    /// Position among siblings, compared by bytes.
    Rank,
    /// The pauses of a timer: `[{"from": instant, "to": instant or null}]`, in order, only the last without an end.
    Pauses,
    /// JSON of at most that many bytes.
    Json(usize),
}

/// What happens when two people changed a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The later write wins; the log keeps both.
    Latest,
    /// Sets are united, less what either removed.
    Set,
    /// The later write is refused, and a person chooses.
    Ask,
    /// The client merges by line, and asks when it cannot.
    Text,
}

impl Merge {
    /// The word for it in `sync.field.policy`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Set => "set",
            Self::Ask => "ask",
            Self::Text => "text",
        }
    }
}

impl Table {
    /// The columns that mutations may write. None for a table that only functions write.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Tenants | Self::TenantMembers => &[],
            Self::Clients => CLIENTS,
            Self::Projects => PROJECTS,
            Self::ProjectBudgets => PROJECT_BUDGETS,
            Self::Tasks => TASKS,
            Self::TaskDependencies => TASK_DEPENDENCIES,
            Self::TaskLinks => TASK_LINKS,
            Self::Comments => COMMENTS,
            Self::TimeEntries => TIME_ENTRIES,
            Self::EconomicsModel => ECONOMICS_MODEL,
            Self::Rates => RATES,
            Self::Expenses => EXPENSES,
            Self::Scenarios => SCENARIOS,
            Self::ExchangeRates => EXCHANGE_RATES,
            Self::SavedViews => SAVED_VIEWS,
            Self::Preferences => PREFERENCES,
            Self::InboxItems => INBOX_ITEMS,
        }
    }

    /// The column of that name, if mutations may write it.
    pub fn column(self, name: &str) -> Option<&'static Column> {
        self.columns().iter().find(|column| column.name == name)
    }

    /// Whether the text of a column is merged by line rather than replaced.
    pub fn is_long_text(self, column: &str) -> bool {
        self.column(column).is_some_and(|column| column.merge == Merge::Text)
    }

    /// The record type under which a lock covers a record's form, if one does.
    pub fn lock_type(self) -> Option<&'static str> {
        match self {
            Self::Clients => Some("client"),
            Self::Projects | Self::ProjectBudgets => Some("project"),
            Self::Tasks => Some("task"),
            Self::EconomicsModel => Some("economics"),
            Self::TimeEntries => Some("time"),
            _ => None,
        }
    }
}

/// Task states, as in [`crate::TaskStatus`].
const TASK_STATES: &[&str] = &["open", "in_progress", "review", "done", "cancelled"];
const PROJECT_STATES: &[&str] = &["planned", "active", "on_hold", "done", "cancelled"];
const PRIORITIES: &[&str] = &["low", "normal", "high", "urgent"];

const NOTES: Kind = Kind::Text(100_000);
const AMOUNT: Kind = Kind::Decimal { places: 2, min: 0, max: 999_999_999_999 };
const PERCENT: Kind = Kind::Decimal { places: 2, min: 0, max: 100 };

const CLIENTS: &[Column] = &[
    required("name", Kind::Line(500)).form(),
    with("priority", Kind::Choice(PRIORITIES), "\"normal\""),
    with("notes", NOTES, "\"\"").merged(Merge::Text).form(),
    optional("contract_url", Kind::Line(2000)).form(),
    optional("billing_currency", Kind::Currency).form(),
    optional("email", Kind::Line(320)).form(),
    with("archived", Kind::Flag, "false"),
];

const PROJECTS: &[Column] = &[
    optional("client_id", Kind::Record(Table::Clients)).form(),
    required("name", Kind::Line(500)).form(),
    with("description", NOTES, "\"\"").merged(Merge::Text).form(),
    optional("project_type", Kind::Line(100)).form(),
    with("priority", Kind::Choice(PRIORITIES), "\"normal\""),
    with("status", Kind::Choice(PROJECT_STATES), "\"planned\""),
    optional("start_date", Kind::Date),
    optional("target_end_date", Kind::Date),
    optional("actual_end_date", Kind::Date),
    optional("project_owner", Kind::Record(Table::TenantMembers)),
    with("archived", Kind::Flag, "false"),
];

const PROJECT_BUDGETS: &[Column] = &[
    with("billing", Kind::Choice(&["fixed", "hourly", "retainer"]), "\"hourly\"").asked(),
    optional("budget", AMOUNT).asked(),
    optional("budget_hours", Kind::Decimal { places: 2, min: 0, max: 99_999_999 }).asked(),
    optional("alert_at", PERCENT).asked(),
    optional("currency", Kind::Currency).asked(),
    optional("economics_model", Kind::Record(Table::EconomicsModel)).asked(),
];

const TASKS: &[Column] = &[
    optional("project_id", Kind::Record(Table::Projects)),
    optional("parent_task", Kind::Record(Table::Tasks)),
    required("name", Kind::Line(500)).form(),
    optional("task_type", Kind::Line(100)).form(),
    optional("assignee", Kind::Record(Table::TenantMembers)),
    with("status", Kind::Choice(TASK_STATES), "\"open\""),
    optional("review_stage", Kind::Line(100)),
    with("priority", Kind::Choice(PRIORITIES), "\"normal\""),
    optional("start_date", Kind::Date),
    optional("due_date", Kind::Date),
    optional("estimate_hours", Kind::Decimal { places: 2, min: 0, max: 100_000 }).form(),
    with("billable", Kind::Flag, "true").form(),
    with("notes", NOTES, "\"\"").merged(Merge::Text).form(),
    with("tags", Kind::Labels(50, 60), "[]").merged(Merge::Set),
    required("rank", Kind::Rank),
    optional("recurrence", Kind::Line(500)),
    optional("series", Kind::Id),
];

const TASK_DEPENDENCIES: &[Column] = &[
    required("task_id", Kind::Record(Table::Tasks)),
    required("depends_on", Kind::Record(Table::Tasks)),
    with(
        "kind",
        Kind::Choice(&["finish_to_start", "start_to_start", "finish_to_finish", "start_to_finish"]),
        "\"finish_to_start\"",
    ),
    with("lag_days", Kind::Integer(-3650, 3650), "0"),
];

const TASK_LINKS: &[Column] = &[
    required("task_id", Kind::Record(Table::Tasks)),
    required("url", Kind::Line(2000)),
    with("title", Kind::Text(500), "\"\""),
];

const COMMENTS: &[Column] = &[
    optional("task_id", Kind::Record(Table::Tasks)),
    optional("project_id", Kind::Record(Table::Projects)),
    required("body", Kind::Text(20_000)).merged(Merge::Text),
    with("mentions", Kind::Records(Table::TenantMembers), "[]").merged(Merge::Set),
];

const TIME_ENTRIES: &[Column] = &[
    required("member_id", Kind::Record(Table::TenantMembers)).asked(),
    optional("task_id", Kind::Record(Table::Tasks)).form(),
    optional("project_id", Kind::Record(Table::Projects)).form(),
    with("session_name", Kind::Text(500), "\"\"").form(),
    required("session_date", Kind::Date).asked(),
    optional("started_at", Kind::Instant).asked(),
    optional("ended_at", Kind::Instant).asked(),
    with("pauses", Kind::Pauses, "[]").asked(),
    optional("duration_seconds", Kind::Integer(0, 366 * 86_400)).asked(),
    with("notes", NOTES, "\"\"").merged(Merge::Text).form(),
    with("billable", Kind::Flag, "true").form(),
    optional("ended_by", Kind::Choice(&["stop", "switch", "idle", "removed", "import"])),
];

const ECONOMICS_MODEL: &[Column] = &[
    required("name", Kind::Line(200)).form(),
    with("base_rate", AMOUNT, "\"0\"").asked(),
    with("direct_expenses", AMOUNT, "\"0\"").asked(),
    with("margin_target", PERCENT, "\"0\"").asked(),
    with("overhead_percent", Kind::Decimal { places: 2, min: 0, max: 1000 }, "\"0\"").asked(),
    required("currency", Kind::Currency).asked(),
    with("archived", Kind::Flag, "false"),
];

const RATES: &[Column] = &[
    required("kind", Kind::Choice(&["cost", "billable"])).asked(),
    optional("member_id", Kind::Record(Table::TenantMembers)).asked(),
    optional("role", Kind::Choice(&["owner", "admin", "manager", "member", "viewer"])).asked(),
    optional("project_id", Kind::Record(Table::Projects)).asked(),
    optional("economics_model", Kind::Record(Table::EconomicsModel)).asked(),
    required("amount", AMOUNT).asked(),
    required("currency", Kind::Currency).asked(),
    required("valid_from", Kind::Date).asked(),
];

const EXPENSES: &[Column] = &[
    required("project_id", Kind::Record(Table::Projects)).asked(),
    required("spent_on", Kind::Date).asked(),
    with("description", Kind::Text(1000), "\"\""),
    required("amount", AMOUNT).asked(),
    required("currency", Kind::Currency).asked(),
    with("billable", Kind::Flag, "false").asked(),
];

const SCENARIOS: &[Column] = &[
    required("name", Kind::Line(200)),
    optional("project_id", Kind::Record(Table::Projects)),
    optional("economics_model", Kind::Record(Table::EconomicsModel)),
    with("assumptions", Kind::Json(20_000), "{}").asked(),
    with("notes", NOTES, "\"\"").merged(Merge::Text),
];

const EXCHANGE_RATES: &[Column] = &[
    required("currency", Kind::Currency).asked(),
    required("valid_from", Kind::Date).asked(),
    required("rate", Kind::Decimal { places: 10, min: 0, max: 9_999_999_999 }).asked(),
];

const SAVED_VIEWS: &[Column] = &[
    required("name", Kind::Line(200)),
    required("module", Kind::Line(40)),
    with("spec", Kind::Json(20_000), "{}"),
    required("rank", Kind::Rank),
];

const PREFERENCES: &[Column] = &[required("key", Kind::Line(64)), with("value", Kind::Json(4096), "{}")];

/// The database makes inbox items; a person only marks them.
const INBOX_ITEMS: &[Column] = &[optional("read_at", Kind::Instant), optional("archived_at", Kind::Instant)];

const fn required(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: false, default: None, merge: Merge::Latest, locked: false }
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    Column { nullable: true, default: Some("null"), ..required(name, kind) }
}

const fn with(name: &'static str, kind: Kind, default: &'static str) -> Column {
    Column { default: Some(default), ..required(name, kind) }
}

impl Column {
    const fn merged(self, merge: Merge) -> Self {
        Self { merge, ..self }
    }

    /// Belongs to the form that a lock covers.
    const fn form(self) -> Self {
        Self { locked: true, ..self }
    }

    /// Money and time: never overwritten silently, and covered by the lock.
    const fn asked(self) -> Self {
        Self { merge: Merge::Ask, locked: true, ..self }
    }
}
