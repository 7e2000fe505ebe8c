//! The SQL that the hub carries: the platform and the migrations.

/// A file of `migrations/`.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// The file's name without `.sql`, such as `0001_workspaces`. Migrations are applied in the order of their names.
    pub name: &'static str,
    /// Its text: one implicit transaction.
    pub sql: &'static str,
}

/// What is open by default in schema `public`. The migrations must not care: they take back and grant exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformGrants {
    /// As in older Supabase projects: every new table and function is open to the API roles.
    Old,
    /// As in new ones: nothing is, until granted.
    New,
}

/// A file of the platform.
pub(super) struct PlatformFile {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        &[$(Migration { name: $name, sql: include_str!(concat!("../../../../migrations/", $name, ".sql")) }),*]
    };
}

macro_rules! platform {
    ($($name:literal),* $(,)?) => {
        [$(PlatformFile { name: $name, sql: include_str!(concat!("../../platform/", $name, ".sql")) }),*]
    };
}

/// All migrations, in order. A test holds this list against the folder.
pub const MIGRATIONS: &[Migration] = migrations![
    "0001_workspaces",
    "0002_records",
    "0003_log",
    "0004_pull_and_feed",
    "0005_ledger",
    "0006_apply",
    "0007_people",
    "0008_realtime_policies",
    "0009_editing_locks",
    "0010_user_scope",
    "0011_work",
    "0012_economics",
    "0013_people",
];

const PLATFORM: [PlatformFile; 4] = platform!["01_roles", "02_schemas", "03_auth", "04_realtime"];
const GRANTS_OLD: [PlatformFile; 1] = platform!["05_grants_old"];
const GRANTS_NEW: [PlatformFile; 1] = platform!["05_grants_new"];

/// The platform's files in order; each can be applied again.
pub(super) fn platform(grants: PlatformGrants) -> impl Iterator<Item = PlatformFile> {
    let last = match grants {
        PlatformGrants::Old => GRANTS_OLD,
        PlatformGrants::New => GRANTS_NEW,
    };
    PLATFORM.into_iter().chain(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_of_the_folder_is_carried_and_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned))
            .collect();
        files.sort();
        assert_eq!(files, MIGRATIONS.iter().map(|migration| migration.name).collect::<Vec<_>>());
    }
}
