//! The beginning of a query.

use super::Select;
use crate::Client;

/// A table or view. Writing (insert, update, upsert, delete) will begin here, too.
#[derive(Debug, Clone)]
pub struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) schema: Option<String>,
}

impl Table {
    pub(super) fn new(client: Client, name: String) -> Self {
        Self { client, name, schema: None }
    }

    /// In this schema instead of the API's first one. It must be among those that the API exposes.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Reads these columns: `*`, `id,name`, `id,client(name)`, `data->>key`, `total:amount::text`. White space outside of quotes
    /// is left out, so the list may be broken into lines.
    pub fn select(self, columns: &str) -> Select {
        Select::new(self, columns)
    }
}
