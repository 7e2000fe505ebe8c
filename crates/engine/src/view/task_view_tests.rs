//! A view that follows changes must be what a sort of everything gives.

use std::collections::BTreeMap;

use cockpit_domain::{DueFilter, Priority, TaskFilter, TaskOrder, TaskSort, TaskStatus};
use jiff::{Timestamp, civil::date};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const STATUSES: [TaskStatus; 3] = [TaskStatus::Open, TaskStatus::Review, TaskStatus::Done];
const SORTS: [TaskSort; 6] =
    [TaskSort::Rank, TaskSort::Due, TaskSort::Priority, TaskSort::Name, TaskSort::Status, TaskSort::Updated];

fn task(id: u8, name: u8, status: usize, due: Option<i8>, trashed: bool) -> Task {
    let at = Timestamp::from_second(i64::from(name) * 60).unwrap();
    Task {
        id: RecordId(Uuid::from_u128(id.into())),
        version: 1,
        project_id: None,
        parent_task: None,
        name: format!("{}Ölwechsel {name}", if name.is_multiple_of(2) { "ä" } else { "Z" }),
        task_type: None,
        assignee: None,
        status: STATUSES[status],
        review_stage: None,
        priority: if name.is_multiple_of(3) { Priority::High } else { Priority::Low },
        start_date: None,
        due_date: due.map(|days| date(2026, 6, 15).saturating_add(jiff::Span::new().days(i64::from(days)))),
        estimate_hours: None,
        billable: true,
        notes: None,
        tags: vec![],
        rank: format!("a{}", name % 5),
        created_at: at,
        updated_at: at,
        created_by: None,
        deleted_at: trashed.then_some(at),
    }
}

prop_compose! {
    fn any_task()(id in 0u8..40, name in 0u8..20, status in 0usize..3, due in proptest::option::of(-3i8..9), trashed in prop::bool::weighted(0.15)) -> Task {
        task(id, name, status, due, trashed)
    }
}

prop_compose! {
    fn any_spec()(
        statuses in prop::sample::select(vec![vec![], vec![TaskStatus::Open], vec![TaskStatus::Open, TaskStatus::Done]]),
        due in prop::sample::select(vec![None, Some(DueFilter::Overdue), Some(DueFilter::Week), Some(DueFilter::None)]),
        text in prop::sample::select(vec![None, Some("ÄÖ".to_owned())]),
        trashed in prop::bool::weighted(0.2),
        by in prop::sample::select(SORTS.to_vec()),
        descending: bool,
    ) -> TaskViewSpec {
        TaskViewSpec { filter: TaskFilter { statuses, due, text, trashed, ..TaskFilter::default() }, order: TaskOrder { by, descending } }
    }
}

fn sorted(rows: &BTreeMap<RecordId, Arc<Task>>, spec: &TaskViewSpec, today: Date) -> Vec<RecordId> {
    let mut tasks: Vec<_> = rows.values().filter(|task| spec.filter.matches(task, today)).collect();
    tasks.sort_by(|a, b| spec.order.compare(a, b));
    tasks.iter().map(|task| task.id).collect()
}

proptest! {
    #[test]
    fn following_changes_gives_what_sorting_everything_gives(
        spec in any_spec(),
        batches in prop::collection::vec(prop::collection::vec((any_task(), prop::bool::weighted(0.1)), 1..6), 1..40),
    ) {
        let today = date(2026, 6, 15);
        let mut rows = BTreeMap::new();
        let mut view = TaskView::new(Arc::new(spec.clone()));
        view.replace(vec![]);
        for batch in batches {
            let mut touched = std::collections::BTreeSet::new();
            for (task, purged) in batch {
                touched.insert(task.id);
                if purged { rows.remove(&task.id); } else { rows.insert(task.id, Arc::new(task)); }
            }
            let changed: Vec<Changed> = touched.into_iter().map(|id| (id, rows.get(&id).cloned())).collect();
            let (before, revision) = (view.ids.clone(), view.revision());
            view.apply(&changed, today, &mut |id| Ok(rows.get(&id).cloned())).unwrap();
            prop_assert!(!view.is_stale());
            prop_assert_eq!(&view.ids, &sorted(&rows, &spec, today));
            // A reader that trusts the revision must never miss a change.
            prop_assert!(before == view.ids || revision != view.revision());
        }
    }
}

#[test]
fn a_change_that_moves_nothing_does_not_raise_the_revision() {
    let mut rows: BTreeMap<RecordId, Arc<Task>> =
        (0..9).map(|id| task(id, id, 0, None, false)).map(|task| (task.id, Arc::new(task))).collect();
    let spec = Arc::new(TaskViewSpec::default());
    let mut view = TaskView::new(Arc::clone(&spec));
    view.replace(sorted(&rows, &spec, date(2026, 6, 15)));
    let revision = view.revision();
    let id = view.ids[4];
    let mut renamed = (*rows[&id]).clone();
    renamed.name = "Something else".into();
    rows.insert(id, Arc::new(renamed));
    view.apply(&[(id, rows.get(&id).cloned())], date(2026, 6, 15), &mut |id| Ok(rows.get(&id).cloned())).unwrap();
    assert_eq!(view.revision(), revision);
}

#[test]
fn a_large_batch_makes_the_view_ask_again() {
    let mut view = TaskView::new(Arc::new(TaskViewSpec::default()));
    view.replace(vec![]);
    let changed: Vec<Changed> = (0..=64).map(|id| (RecordId(Uuid::from_u128(id)), None)).collect();
    view.apply(&changed, date(2026, 6, 15), &mut |_| Ok(None)).unwrap();
    assert!(view.is_stale());
}

#[test]
fn a_slice_beyond_the_end_is_what_there_is() {
    let mut view = TaskView::new(Arc::new(TaskViewSpec::default()));
    view.replace((0..10).map(|id| RecordId(Uuid::from_u128(id))).collect());
    assert_eq!(view.slice(8, 50).1.len(), 2);
    assert_eq!(view.slice(50, 60), (10, [].as_slice()));
}
