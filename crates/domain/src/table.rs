//! The logged tables and the scopes their rows belong to.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A table whose rows are logged and synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Table {
    /// Workspaces.
    Tenants,
    /// People of a workspace.
    TenantMembers,
    /// Clients.
    Clients,
    /// Projects without their money.
    Projects,
    /// The money of projects; same id as the project.
    ProjectBudgets,
    /// Tasks.
    Tasks,
}

impl Table {
    /// Every table, parents before children: the order of a bootstrap.
    pub const ALL: [Self; 6] =
        [Self::Tenants, Self::TenantMembers, Self::Clients, Self::Projects, Self::ProjectBudgets, Self::Tasks];

    /// The table's name in SQL, on the wire and in SQLite.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenants => "tenants",
            Self::TenantMembers => "tenant_members",
            Self::Clients => "clients",
            Self::Projects => "projects",
            Self::ProjectBudgets => "project_budgets",
            Self::Tasks => "tasks",
        }
    }

    /// The table of that name, if this version of the app knows it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The kind of scope that the table's rows are logged in.
    pub fn scope_kind(self) -> ScopeKind {
        match self {
            Self::ProjectBudgets => ScopeKind::Finance,
            _ => ScopeKind::Tenant,
        }
    }

    /// The columns whose text is merged by line rather than replaced.
    pub fn is_long_text(self, column: &str) -> bool {
        matches!((self, column), (Self::Clients, "notes") | (Self::Projects, "description") | (Self::Tasks, "notes"))
    }
}

/// What kind of audience a scope has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ScopeKind {
    /// Everyone in the workspace.
    Tenant,
    /// Those who may see money.
    Finance,
    /// One person.
    User,
}

impl ScopeKind {
    /// The tables of a scope of this kind, in bootstrap order.
    pub fn tables(self) -> impl Iterator<Item = Table> {
        Table::ALL.into_iter().filter(move |table| table.scope_kind() == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_found_by_its_own_name() {
        for table in Table::ALL {
            assert_eq!(Table::from_name(table.name()), Some(table));
        }
        assert_eq!(Table::from_name("pg_class"), None);
    }

    #[test]
    fn money_is_never_in_the_scope_that_everyone_reads() {
        assert!(!ScopeKind::Tenant.tables().any(|table| table == Table::ProjectBudgets));
        assert_eq!(ScopeKind::Finance.tables().collect::<Vec<_>>(), [Table::ProjectBudgets]);
    }
}
