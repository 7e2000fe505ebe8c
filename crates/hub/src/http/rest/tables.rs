//! The tables and views that can be read, with their columns: read from `pg_catalog` once and kept, like PostgREST's schema cache.
//!
//! It says what exists and never who may read it: that is PostgreSQL's to decide.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{HubError, database::Database};

const COLUMNS: &str = "
  select c.relname::text, coalesce(array_agg(a.attname::text) filter (where a.attname is not null), '{}')
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where n.nspname = 'public' and c.relkind in ('r', 'v', 'm', 'f', 'p')
  group by c.oid";

/// A table of the schema `public`.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    columns: HashSet<String>,
}

impl Table {
    /// The first of the columns that the table does not have.
    pub(super) fn lacks<'a>(&self, columns: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        columns.into_iter().find(|column| !self.columns.contains(*column))
    }
}

/// The cache. A plain mutex: it is held for a map look-up, never across an await.
#[derive(Debug, Default)]
pub(crate) struct TableCatalog {
    tables: Mutex<HashMap<String, Arc<Table>>>,
}

impl TableCatalog {
    /// The table of this name, with these columns as far as they exist. What is not known is looked for in the database again.
    pub(super) async fn find(
        &self,
        database: &Database,
        name: &str,
        columns: &[&str],
    ) -> Result<Option<Arc<Table>>, HubError> {
        if let Some(table) = self.look_up(name).filter(|table| table.lacks(columns.iter().copied()).is_none()) {
            return Ok(Some(table));
        }
        let connection = database.hub_connection().await?;
        let mut tables = HashMap::new();
        for row in connection.query(COLUMNS, &[]).await? {
            let (name, columns): (String, Vec<String>) = (row.try_get(0)?, row.try_get(1)?);
            tables.insert(name.clone(), Arc::new(Table { name, columns: columns.into_iter().collect() }));
        }
        *self.tables.lock().unwrap_or_else(PoisonError::into_inner) = tables;
        Ok(self.look_up(name))
    }

    fn look_up(&self, name: &str) -> Option<Arc<Table>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}
