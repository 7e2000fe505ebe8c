//! `sync.field` against the domain's list of columns: two statements of one thing, which clients and database must agree on.

use std::collections::BTreeMap;

use cockpit_domain::Table;
use serde_json::{Value, json};

use crate::support::Db;

/// Policy and whether a lock covers it, by table and column.
type Fields = BTreeMap<(String, String), (String, bool)>;

#[tokio::test]
async fn every_writable_column_is_the_domains_with_its_policy_and_lock() {
    let owner = Db::new().await.owner().await;
    let rows = "select coalesce(json_agg(json_build_array(f.tbl, f.col, f.policy, f.locked)), '[]') from sync.field f";
    let rows: Vec<(String, String, String, bool)> = serde_json::from_value(owner.run(rows).await.unwrap()).unwrap();
    let written: Fields = rows.into_iter().map(|(tbl, col, policy, locked)| ((tbl, col), (policy, locked))).collect();

    let physical = "select json_object_agg(c.relname, c.columns) from (
        select c.relname, json_agg(a.attname) as columns
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by 1) c";
    let physical: BTreeMap<String, Vec<String>> = serde_json::from_value(owner.run(physical).await.unwrap()).unwrap();
    // Tables that no migration has made yet are left out, and columns that come with them; once all are there, nothing is.
    let all = Table::ALL.iter().all(|table| physical.contains_key(table.name()));
    let mut stated = Fields::new();
    for table in Table::ALL {
        let Some(columns) = physical.get(table.name()) else { continue };
        for column in table.columns() {
            if all || columns.iter().any(|name| name == column.name) {
                let key = (table.name().to_owned(), column.name.to_owned());
                stated.insert(key, (column.merge.name().to_owned(), column.locked));
            }
        }
    }
    assert_eq!(written, stated);
    assert!(written.len() >= 38, "only {} columns were compared", written.len());
}

#[tokio::test]
async fn a_tables_lock_type_is_the_domains() {
    let owner = Db::new().await.owner().await;
    for table in Table::ALL {
        let found = owner.run(&format!("select sync.lock_type('{}')", table.name())).await.unwrap();
        assert_eq!(found, table.lock_type().map_or(Value::Null, |name| json!(name)), "{}", table.name());
    }
}
