//! Ids. All are UUIDs; those of records are version 7 and made by the client, so that a record can exist before any server knows it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
        #[serde(transparent)]
        #[ts(export, type = "string")]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

id!(
    /// A workspace; `tenants.id` in SQL.
    TenantId
);
id!(
    /// A person within one workspace; `tenant_members.id` in SQL.
    MemberId
);
id!(
    /// The account a person signs in with; `auth.users.id` in SQL.
    UserId
);
id!(
    /// One row of a logged table.
    RecordId
);
id!(
    /// A set of rows that the same people see.
    ScopeId
);
id!(
    /// One SQLite file of one workspace on one machine; the other half of the ledger's key.
    DeviceId
);
id!(
    /// One intended change, given when it is written; the server carries it out at most once.
    MutationId
);
id!(
    /// An open view of one window.
    ViewId
);
