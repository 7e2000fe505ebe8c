//! The logged tables and the scopes their rows belong to.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $scope:ident;)*) => {
        /// A table whose rows are logged and synced.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
        #[serde(rename_all = "snake_case")]
        #[ts(export)]
        pub enum Table {
            $($(#[$doc])* $variant,)*
        }

        impl Table {
            /// Every table, parents before children: the order of a bootstrap.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The table's name in SQL, on the wire and in SQLite.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The kind of scope that the table's rows are logged in.
            pub fn scope_kind(self) -> ScopeKind {
                match self {
                    $(Self::$variant => ScopeKind::$scope,)*
                }
            }
        }
    };
}

tables! {
    /// Workspaces.
    Tenants, "tenants", Tenant;
    /// People of a workspace.
    TenantMembers, "tenant_members", Tenant;
    /// Clients.
    Clients, "clients", Tenant;
    /// Projects without their money.
    Projects, "projects", Tenant;
    /// The money of projects; same id as the project.
    ProjectBudgets, "project_budgets", Finance;
    /// Tasks.
    Tasks, "tasks", Tenant;
    /// Which task waits for which.
    TaskDependencies, "task_dependencies", Tenant;
    /// Addresses that belong to a task.
    TaskLinks, "task_links", Tenant;
    /// What people say about a task or a project.
    Comments, "comments", Tenant;
    /// Tracked time, and running timers.
    TimeEntries, "time_entries", Tenant;
    /// Assumptions about costs and margins.
    EconomicsModel, "economics_model", Finance;
    /// What an hour costs and what is charged for it, each from a day on.
    Rates, "rates", Finance;
    /// Money spent for a project.
    Expenses, "expenses", Finance;
    /// What-if variants of an economics model.
    Scenarios, "scenarios", Finance;
    /// What another currency is worth in the workspace's, from a day on.
    ExchangeRates, "exchange_rates", Finance;
    /// A person's named views.
    SavedViews, "saved_views", User;
    /// A person's settings that follow them to every device.
    Preferences, "preferences", User;
    /// What asks for a person's attention.
    InboxItems, "inbox_items", User;
}

impl Table {
    /// The table of that name, if this version of the app knows it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
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
        let money = [
            Table::ProjectBudgets,
            Table::EconomicsModel,
            Table::Rates,
            Table::Expenses,
            Table::Scenarios,
            Table::ExchangeRates,
        ];
        assert_eq!(ScopeKind::Finance.tables().collect::<Vec<_>>(), money);
    }
}
