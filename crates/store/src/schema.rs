//! The schemas of the two kinds of file, as migrations. A published migration is never changed; a new one is appended.

use rusqlite_migration::M;

/// A kind of file: how it is recognised and how it is brought up to date.
#[derive(Debug)]
pub(crate) struct Schema {
    /// SQLite's `application_id`, set by the first migration.
    pub(crate) application_id: i32,
    /// In order; `user_version` counts those that ran.
    pub(crate) migrations: &'static [M<'static>],
}

/// Rows, outbox and cursors of one workspace.
pub(crate) static WORKSPACE: Schema = Schema {
    application_id: 0x434B_5057,
    migrations: &[
        M::up(include_str!("schema/workspace_1.sql")),
        M::up(include_str!("schema/workspace_2.sql")),
        M::up(include_str!("schema/workspace_3.sql")),
    ],
};

/// Accounts, workspaces and preferences of one profile.
pub(crate) static PROFILE: Schema = Schema {
    application_id: 0x434B_5050,
    migrations: &[M::up(include_str!("schema/profile_1.sql")), M::up(include_str!("schema/profile_2.sql"))],
};
