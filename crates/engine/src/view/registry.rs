//! All open views, shared between windows that look at the same thing.

use std::{collections::HashMap, sync::Arc};

use cockpit_domain::{RecordId, Table, Task, TaskViewSpec};
use cockpit_store::SqliteStore;
use cockpit_sync::{RecordKey, Stored};
use jiff::civil::Date;

use super::{TaskView, task_view::Changed};

/// Tasks kept parsed for comparing. Views of 100,000 tasks compare with the same few dozen again and again.
const KEPT_PARSED: usize = 4096;

/// The open views by what they show. A view lives as long as some window uses it.
#[derive(Default)]
pub(crate) struct Views {
    views: HashMap<Arc<TaskViewSpec>, Used>,
    parsed: HashMap<RecordId, Arc<Task>>,
}

struct Used {
    view: TaskView,
    users: usize,
}

impl Views {
    /// One more user of a view. It is made when there is none of that specification.
    pub(crate) fn open(&mut self, spec: TaskViewSpec) -> Arc<TaskViewSpec> {
        let spec = self.views.get_key_value(&spec).map_or_else(|| Arc::new(spec), |(known, _)| Arc::clone(known));
        let used = self
            .views
            .entry(Arc::clone(&spec))
            .or_insert_with(|| Used { view: TaskView::new(Arc::clone(&spec)), users: 0 });
        used.users += 1;
        spec
    }

    /// One user less; the last one takes the view with them.
    pub(crate) fn close(&mut self, spec: &Arc<TaskViewSpec>) {
        if let Some(used) = self.views.get_mut(spec) {
            used.users = used.users.saturating_sub(1);
            if used.users == 0 {
                self.views.remove(spec);
            }
        }
    }

    /// The view of a specification that is open.
    pub(crate) fn get(&self, spec: &Arc<TaskViewSpec>) -> Option<&TaskView> {
        self.views.get(spec).map(|used| &used.view)
    }

    /// How many views there are.
    pub(crate) fn len(&self) -> usize {
        self.views.len()
    }

    /// Everything may be different: another workspace, another day, a failed store.
    pub(crate) fn invalidate(&mut self) {
        self.parsed.clear();
        self.views.values_mut().for_each(|used| used.view.invalidate());
    }

    /// Follows one committed transaction.
    ///
    /// # Errors
    /// When the store fails; what could not follow is stale then.
    pub(crate) fn follow(&mut self, changed: &[RecordId], tasks: &impl Tasks, today: Date) -> Stored<()> {
        for id in changed {
            self.parsed.remove(id);
        }
        if self.views.is_empty() {
            return Ok(());
        }
        let now = changed.iter().map(|id| Ok((*id, tasks.task(*id)?.map(Arc::new)))).collect::<Stored<Vec<Changed>>>();
        let now = match now {
            Ok(now) => now,
            Err(error) => {
                self.invalidate();
                return Err(error);
            }
        };
        if self.parsed.len() > KEPT_PARSED {
            self.parsed.clear();
        }
        for used in self.views.values_mut() {
            used.view.apply(&now, today, &mut |id| known(&mut self.parsed, id, tasks))?;
        }
        Ok(())
    }

    /// Asks again for the ids of every stale view. Answers whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn refresh(&mut self, tasks: &impl Tasks, today: Date) -> Stored<bool> {
        let mut any = false;
        for used in self.views.values_mut().filter(|used| used.view.is_stale()) {
            let ids = tasks.ids(used.view.spec(), today)?;
            used.view.replace(ids);
            any = true;
        }
        Ok(any)
    }

    /// No workspace is open: every view is empty.
    pub(crate) fn empty(&mut self) {
        self.parsed.clear();
        self.views.values_mut().for_each(|used| used.view.replace(Vec::new()));
    }

    /// Whether a view has to be asked for again.
    pub(crate) fn any_stale(&self) -> bool {
        self.views.values().any(|used| used.view.is_stale())
    }
}

fn known(parsed: &mut HashMap<RecordId, Arc<Task>>, id: RecordId, tasks: &impl Tasks) -> Stored<Option<Arc<Task>>> {
    if let Some(task) = parsed.get(&id) {
        return Ok(Some(Arc::clone(task)));
    }
    let task = tasks.task(id)?.map(Arc::new);
    if let Some(task) = &task {
        parsed.insert(id, Arc::clone(task));
    }
    Ok(task)
}

/// Where views get tasks from.
pub(crate) trait Tasks {
    /// One task as it is now.
    fn task(&self, id: RecordId) -> Stored<Option<Task>>;
    /// The ids of a specification, in its order.
    fn ids(&self, spec: &TaskViewSpec, today: Date) -> Stored<Vec<RecordId>>;
}

impl Tasks for SqliteStore {
    fn task(&self, id: RecordId) -> Stored<Option<Task>> {
        let text = self.visible(RecordKey { table: Table::Tasks, id })?;
        // A row of a newer server that this app cannot read must not stop the others.
        Ok(text.and_then(|text| match serde_json::from_str(&text) {
            Ok(task) => Some(task),
            Err(error) => {
                tracing::warn!(task = %id, %error, "a task cannot be read");
                None
            }
        }))
    }

    fn ids(&self, spec: &TaskViewSpec, today: Date) -> Stored<Vec<RecordId>> {
        self.task_ids(spec, today)
    }
}

/// The ids among keys that are tasks.
pub(crate) fn tasks_among(keys: &[RecordKey]) -> Vec<RecordId> {
    keys.iter().filter(|key| key.table == Table::Tasks).map(|key| key.id).collect()
}
