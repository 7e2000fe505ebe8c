//! The functions that can be called: read from `pg_proc` once and kept, like PostgREST's schema cache.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{HubError, database::Database};

/// Input parameters only, by `format_type`, which writes every type so that SQL reads it back.
const FUNCTIONS: &str = "
  select p.proname::text, p.provolatile <> 'v', p.proretset, t.typtype = 'p' and t.typname = 'void',
    t.typname in ('json', 'jsonb'), p.pronargdefaults::int4,
    coalesce(array_agg(coalesce(p.proargnames[a.n], '') order by a.n) filter (where a.n is not null), '{}'),
    coalesce(array_agg(format_type(p.proargtypes[a.n - 1], null) order by a.n) filter (where a.n is not null), '{}')
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_type t on t.oid = p.prorettype
  left join lateral generate_series(1, p.pronargs) as a(n) on true
  where n.nspname = 'public' and p.prokind = 'f' and t.typname <> 'trigger'
  group by p.oid, t.oid";

/// What a function answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Nothing,
    Json,
    Scalar,
    Set,
}

/// One parameter as declared.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// The type as SQL writes it.
    pub(super) sql_type: String,
    pub(super) required: bool,
}

/// One function of the schema `public`.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) answer: Answer,
    /// STABLE or IMMUTABLE: runs in a read-only transaction and may be called by GET.
    pub(super) reads_only: bool,
}

impl Function {
    /// The declared parameters for the given names, or nothing when one is unknown or a required one is missing.
    pub(super) fn accept(&self, given: &[&str]) -> Option<Vec<&Parameter>> {
        let missing =
            self.parameters.iter().any(|parameter| parameter.required && !given.contains(&parameter.name.as_str()));
        if missing {
            return None;
        }
        given.iter().map(|name| self.parameters.iter().find(|parameter| parameter.name == *name)).collect()
    }
}

/// The cache. A plain mutex: it is held for a map look-up, never across an await.
#[derive(Debug, Default)]
pub(crate) struct FunctionCatalog {
    functions: Mutex<HashMap<String, Vec<Arc<Function>>>>,
}

impl FunctionCatalog {
    /// The function of this name that takes exactly these arguments. What is not known is looked for in the database again: a call of a
    /// wrong name costs one small query, as a right one does.
    pub(super) async fn find(
        &self,
        database: &Database,
        name: &str,
        given: &[&str],
    ) -> Result<Option<Arc<Function>>, HubError> {
        if let Some(found) = self.look_up(name, given) {
            return Ok(Some(found));
        }
        self.load(database).await?;
        Ok(self.look_up(name, given))
    }

    fn look_up(&self, name: &str, given: &[&str]) -> Option<Arc<Function>> {
        let functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        functions.get(name)?.iter().find(|function| function.accept(given).is_some()).cloned()
    }

    async fn load(&self, database: &Database) -> Result<(), HubError> {
        let connection = database.hub_connection().await?;
        let mut functions: HashMap<String, Vec<Arc<Function>>> = HashMap::new();
        for row in connection.query(FUNCTIONS, &[]).await? {
            let name: String = row.try_get(0)?;
            let (set, void, json): (bool, bool, bool) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
            let answer = match (void, set, json) {
                (true, _, _) => Answer::Nothing,
                (_, true, _) => Answer::Set,
                (_, _, true) => Answer::Json,
                _ => Answer::Scalar,
            };
            let defaults: i32 = row.try_get(5)?;
            let (names, types): (Vec<String>, Vec<String>) = (row.try_get(6)?, row.try_get(7)?);
            let required = names.len().saturating_sub(usize::try_from(defaults).unwrap_or(0));
            let parameters = names.into_iter().zip(types).enumerate();
            let parameters = parameters
                .map(|(at, (name, sql_type))| Parameter { name, sql_type, required: at < required })
                .collect();
            let function = Function { name: name.clone(), parameters, answer, reads_only: row.try_get(1)? };
            functions.entry(name).or_default().push(Arc::new(function));
        }
        *self.functions.lock().unwrap_or_else(PoisonError::into_inner) = functions;
        Ok(())
    }
}
