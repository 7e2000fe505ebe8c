//! One view: the ids of the tasks that a specification lets through, in its order.

use std::{cmp::Ordering, collections::HashSet, sync::Arc};

use cockpit_domain::{RecordId, Task, TaskViewSpec};
use cockpit_sync::Stored;
use jiff::civil::Date;

/// A batch larger than this is not placed task by task; the ids are asked for again, once, when somebody looks.
const ASK_AGAIN_ABOVE: usize = 64;

/// The ordered ids of a specification.
///
/// The ids come from one query; after that a change costs a search by comparing about log₂(n) tasks, plus moving ids in memory (16 bytes
/// each). The tasks themselves stay in the store.
#[derive(Debug)]
pub(crate) struct TaskView {
    spec: Arc<TaskViewSpec>,
    ids: Vec<RecordId>,
    revision: u64,
    stale: bool,
}

/// A task that changed: its id, and what it is now, if it still is.
pub(crate) type Changed = (RecordId, Option<Arc<Task>>);

impl TaskView {
    /// A view that does not know its ids yet.
    pub(crate) fn new(spec: Arc<TaskViewSpec>) -> Self {
        Self { spec, ids: Vec::new(), revision: 0, stale: true }
    }

    /// What it shows.
    pub(crate) fn spec(&self) -> &Arc<TaskViewSpec> {
        &self.spec
    }

    /// How many tasks it has.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.ids.len()).unwrap_or(u32::MAX)
    }

    /// Raised whenever count or order may have changed.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether [`TaskView::replace`] is needed before the ids are true.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// The ids from one position to another, as far as there are any; and the position of the first.
    pub(crate) fn slice(&self, from: u32, to: u32) -> (u32, &[RecordId]) {
        let end = usize::try_from(to).unwrap_or(usize::MAX).min(self.ids.len());
        let start = usize::try_from(from).unwrap_or(usize::MAX).min(end);
        (u32::try_from(start).unwrap_or(u32::MAX), self.ids.get(start..end).unwrap_or_default())
    }

    /// The ids are to be asked for again.
    pub(crate) fn invalidate(&mut self) {
        self.stale = true;
    }

    /// The ids as the store gives them.
    pub(crate) fn replace(&mut self, ids: Vec<RecordId>) {
        self.stale = false;
        if self.ids != ids {
            self.ids = ids;
            self.revision += 1;
        }
    }

    /// Takes changed tasks to where they belong now. `task` answers any other task as it is now.
    ///
    /// # Errors
    /// When the store fails; the view is stale then.
    pub(crate) fn apply(
        &mut self,
        changed: &[Changed],
        today: Date,
        task: &mut impl FnMut(RecordId) -> Stored<Option<Arc<Task>>>,
    ) -> Stored<()> {
        if self.stale {
            return Ok(());
        }
        // Whatever happens below, half an update must not pass for a whole one.
        self.stale = true;
        if changed.len() > ASK_AGAIN_ABOVE {
            return Ok(());
        }
        let before = self.take_out(changed);
        let mut after = Vec::new();
        for (_, now) in changed {
            let Some(now) = now.as_ref().filter(|now| self.spec.filter.matches(now, today)) else { continue };
            let Some(at) = self.place(now, task)? else { return Ok(()) };
            self.ids.insert(at, now.id);
            after.push(at);
        }
        // One task that is where it was has moved nothing; for several that is not worth finding out.
        let untouched = before.is_empty() && after.is_empty();
        let unmoved = before == after && changed.len() == 1;
        if !(untouched || unmoved) {
            self.revision += 1;
        }
        self.stale = false;
        Ok(())
    }

    /// Removes the changed ids, all before any is placed again: the rest is then in order by what the store holds now. Answers the
    /// positions they had.
    fn take_out(&mut self, changed: &[Changed]) -> Vec<usize> {
        if let [(id, _)] = changed {
            let at = self.ids.iter().position(|known| known == id);
            if let Some(at) = at {
                self.ids.remove(at);
            }
            return at.into_iter().collect();
        }
        let gone: HashSet<RecordId> = changed.iter().map(|(id, _)| *id).collect();
        let mut positions = Vec::new();
        let mut at = 0;
        self.ids.retain(|id| {
            let keep = !gone.contains(id);
            if !keep {
                positions.push(at);
            }
            at += 1;
            keep
        });
        positions
    }

    /// Where the task belongs; none when the store does not hold what the ids name, so that they have to be asked for again.
    fn place(&self, new: &Task, task: &mut impl FnMut(RecordId) -> Stored<Option<Arc<Task>>>) -> Stored<Option<usize>> {
        let (mut low, mut high) = (0, self.ids.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(id) = self.ids.get(middle) else { return Ok(None) };
            let Some(other) = task(*id)? else { return Ok(None) };
            match self.spec.order.compare(&other, new) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal | Ordering::Greater => high = middle,
            }
        }
        Ok(Some(low))
    }
}

#[cfg(test)]
#[path = "task_view_tests.rs"]
mod tests;
