//! Views: the ordered ids behind a task list, kept up to date change by change.

mod registry;
mod task_view;

pub(crate) use registry::{Views, tasks_among};
pub(crate) use task_view::TaskView;
