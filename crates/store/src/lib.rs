//! The SQLite store behind the sync core: rows, outbox, cursors and the views' queries; and the profile that says which accounts and
//! workspaces this machine knows.
//!
//! One file per workspace ([`SqliteStore`]) and one per profile ([`Profile`]). Both are opened the same way: private to their owner, checked,
//! backed up before a migration, refused when a newer app wrote them.
//!
//! **Invariants.**
//! - Whatever is written is written inside [`SqliteStore::transaction`]; a step is on the disk whole or not at all, also when it panics.
//! - The columns a view filters and sorts by are derived from the visible row at the moment it is written, by the same types and functions
//!   that compare tasks in memory. So SQLite and memory cannot disagree, and the file can be read by any SQLite without functions of ours.
//! - Nothing here decides anything about sync, and nothing here knows a password or a token.

mod backup;
mod fault;
mod file;
mod meta;
mod outbox;
mod profile;
mod profile_accounts;
mod record;
mod recover;
mod replace;
mod rows;
mod salvage;
mod schema;
mod scope;
mod staged;
mod store;
mod task_keys;
mod task_query;
mod transaction;
mod undo;

pub use backup::{Backup, BackupCounts, Backups, Restored};
pub use fault::app_error;
pub use file::OpenOptions;
pub use profile::{Profile, ProfileError};
pub use profile_accounts::{Account, AccountId, Workspace};
pub use recover::{RecoveredTable, Recovery, recover};
pub use store::SqliteStore;
