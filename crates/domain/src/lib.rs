//! The nouns of Cockpit and the rules over them: pure, without I/O, clock or randomness.
//!
//! What lives here is shared by every other crate: ids, records as their rows cross the wire, the commands a window may send, the
//! patches it gets back, errors as they cross a border, and the rules that need nothing but their arguments (rank, filter, order).
//!
//! **Invariants.** Nothing here reads a clock, a file or a socket. Types that cross to the UI derive [`ts_rs::TS`] and are exported
//! to `ui/src/backend/bindings`; a test fails when the committed files differ.

pub mod budget;
pub mod check;
pub mod client;
pub mod column;
pub mod command;
pub mod economics;
pub mod economics_model;
pub mod error;
pub mod exchange_rate;
pub mod expense;
pub mod ids;
pub mod patch;
pub mod people;
pub mod presence;
pub mod project;
pub mod rank;
pub mod rate;
pub mod scenario;
pub mod session;
pub mod table;
pub mod task;
pub mod task_field;
pub mod text;
pub mod time_entry;
pub mod timer;
pub mod view;

pub use budget::{Billing, ProjectBudget};
pub use client::Client;
pub use column::{Column, Kind, Merge};
pub use command::{Command, OutboxChange, Reply, TaskDraft, TaskField, WaitingFor};
pub use economics_model::EconomicsModel;
pub use error::{AppError, ErrorCode};
pub use exchange_rate::ExchangeRate;
pub use expense::Expense;
pub use ids::{DeviceId, MemberId, MutationId, RecordId, ScopeId, TenantId, UserId, ViewId};
pub use patch::{Frame, Op, StoreName, StoreRow};
pub use people::{Member, Role, Tenant};
pub use presence::{Activity, Place, PlaceRecord, Pointer, Present};
pub use project::{Project, ProjectStatus};
pub use rate::{Rate, RateKind};
pub use scenario::Scenario;
pub use session::{SessionState, SyncPhase, SyncStatus, WorkspaceBrief};
pub use table::{ScopeKind, Table};
pub use task::{Priority, Task, TaskRow, TaskStatus};
pub use time_entry::{EndedBy, TimeEntry};
pub use timer::Pause;
pub use view::{DueFilter, TaskFilter, TaskOrder, TaskSort, TaskViewSpec};
