//! The query of a view. It must agree with `TaskFilter::matches` and `TaskOrder::compare`; a property test holds it to that.

use cockpit_domain::{DueFilter, RecordId, TaskFilter, TaskOrder, TaskSort, TaskViewSpec};
use jiff::{Span, civil::Date};
use rusqlite::{Connection, params_from_iter, types::Value};

use crate::{
    fault::Held,
    task_keys::{day_number, status_number, tags_text},
};

pub(crate) fn ids(connection: &Connection, spec: &TaskViewSpec, today: Date) -> Held<Vec<RecordId>> {
    let query = Query::of(spec, today)?;
    let mut statement = connection.prepare_cached(&query.sql)?;
    let ids = statement.query_map(params_from_iter(query.values), |row| row.get(0).map(RecordId))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// SQL with the values of its parameters, in order.
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

impl Query {
    pub(crate) fn of(spec: &TaskViewSpec, today: Date) -> Held<Self> {
        // `trashed` is written out and not a parameter: only so does SQLite see that a partial index holds all that is asked for. Naming
        // the index makes a query that could not use it fail in the tests rather than be slow for the person with the most tasks.
        let tasks = if spec.filter.trashed {
            "tasks indexed by tasks_in_trash where trashed = 1"
        } else {
            "tasks indexed by tasks_in_views where trashed = 0"
        };
        let mut query = Self { sql: format!("select id from {tasks}"), values: Vec::new() };
        query.filter(&spec.filter, today)?;
        query.order(spec.order);
        Ok(query)
    }

    fn filter(&mut self, filter: &TaskFilter, today: Date) -> Held<()> {
        if !filter.statuses.is_empty() {
            let numbers: Vec<String> =
                filter.statuses.iter().map(|status| status_number(*status).to_string()).collect();
            // Numbers of our own, so nothing foreign gets into the text.
            self.sql.push_str(&format!(" and status in ({})", numbers.join(", ")));
        }
        if let Some(project) = filter.project {
            self.condition(" and project_id = ?", blob(project.0));
        }
        if let Some(assignee) = filter.assignee {
            self.condition(" and assignee = ?", blob(assignee.0));
        }
        if let Some(tag) = &filter.tag {
            // The first condition is cheap and lets through a little too much; the second one is exact.
            self.condition(" and instr(tags, ?) > 0", Value::Text(tags_text(tag)?));
            self.condition(" and exists (select 1 from json_each(tags) where value = ?)", Value::Text(tag.clone()));
        }
        match filter.due {
            None => {}
            Some(DueFilter::None) => self.sql.push_str(" and due_day is null"),
            Some(DueFilter::Overdue) => self.condition(" and due_day < ?", day(today)),
            Some(DueFilter::Today) => self.condition(" and due_day <= ?", day(today)),
            Some(DueFilter::Week) => {
                self.condition(" and due_day <= ?", day(today.saturating_add(Span::new().days(7))));
            }
        }
        if let Some(text) = &filter.text {
            self.condition(" and instr(name_lower, ?) > 0", Value::Text(text.to_lowercase()));
        }
        Ok(())
    }

    fn order(&mut self, order: TaskOrder) {
        let direction = if order.descending { " desc" } else { "" };
        let key = match order.by {
            TaskSort::Rank => "rank",
            // Tasks without a due date come last in both directions.
            TaskSort::Due => "due_day is null, due_day",
            TaskSort::Priority => "priority",
            TaskSort::Name => "name_lower",
            TaskSort::Status => "status",
            TaskSort::Updated => "updated_us",
        };
        self.sql.push_str(&format!(" order by {key}{direction}, id"));
    }

    fn condition(&mut self, sql: &str, value: Value) {
        self.sql.push_str(sql);
        self.values.push(value);
    }
}

fn blob(id: uuid::Uuid) -> Value {
    Value::Blob(id.as_bytes().to_vec())
}

fn day(date: Date) -> Value {
    Value::Integer(day_number(date))
}

#[cfg(test)]
mod tests;
