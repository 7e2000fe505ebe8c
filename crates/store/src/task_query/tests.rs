//! SQLite and memory agree on every view, and SQLite finds the order in an index.

use cockpit_domain::{MemberId, Priority, ScopeId, Table, Task, TaskStatus};
use cockpit_sync::{RecordKey, StoreError, store::StoredRecord};
use jiff::Timestamp;
use proptest::{option, prelude::*, sample::select};
use rstest::rstest;
use uuid::Uuid;

use super::*;
use crate::{OpenOptions, SqliteStore, file, schema::WORKSPACE};

/// Few values, so that equal keys are common; odd ones, so that text is not taken for ASCII.
const NAMES: [&str; 10] =
    ["Äpfel", "äpfel", "apfel", "Zebra", "ÖL İstanbul", "straße", "STRASSE", "", "100%_of 'it'", "\u{1F600} done"];
const TAGS: [&str; 8] = ["a", "A", "x\"a", ",", "x,", "a\",\"b", "\\", "ü"];
const TEXTS: [&str; 8] = ["", "Ä", "fel", "ß", "SS", "%", "i\u{307}", "'"];

fn id(n: u8) -> Uuid {
    Uuid::from_bytes([n; 16])
}

fn day() -> impl Strategy<Value = Date> {
    (-3i64..12).prop_map(|days| today().saturating_add(Span::new().days(days)))
}

fn today() -> Date {
    jiff::civil::date(2026, 2, 26)
}

fn status() -> impl Strategy<Value = TaskStatus> {
    select(vec![TaskStatus::Open, TaskStatus::InProgress, TaskStatus::Review, TaskStatus::Done, TaskStatus::Cancelled])
}

fn texts<'a>(from: &'a [&'a str]) -> impl Strategy<Value = String> + use<> {
    select(from.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
}

fn task() -> impl Strategy<Value = Task> {
    let priority = select(vec![Priority::Low, Priority::Normal, Priority::High, Priority::Urgent]);
    let at = (0i64..4).prop_map(|step| Timestamp::from_microsecond(1_780_000_000_000_000 + step * 500).unwrap());
    let first = (any::<[u8; 16]>(), texts(&NAMES), status(), priority, option::of(day()), at);
    let second = (
        option::of(0u8..3),
        option::of(0u8..3),
        prop::collection::vec(texts(&TAGS), 0..4),
        select(vec!["a0", "a1", "Zz", "ü"]),
        prop::bool::weighted(0.2),
    );
    (first, second).prop_map(
        |((id_, name, status, priority, due_date, updated_at), (project, assignee, tags, rank, trashed))| Task {
            id: RecordId(Uuid::from_bytes(id_)),
            version: 1,
            project_id: project.map(|n| RecordId(id(n))),
            parent_task: None,
            name,
            task_type: None,
            assignee: assignee.map(|n| MemberId(id(n))),
            status,
            review_stage: None,
            priority,
            start_date: None,
            due_date,
            estimate_hours: None,
            billable: true,
            notes: None,
            tags,
            rank: rank.to_owned(),
            created_at: updated_at,
            updated_at,
            created_by: None,
            deleted_at: trashed.then_some(updated_at),
        },
    )
}

fn spec() -> impl Strategy<Value = TaskViewSpec> {
    let due = select(vec![DueFilter::Overdue, DueFilter::Today, DueFilter::Week, DueFilter::None]);
    let filter = (
        prop::collection::vec(status(), 0..3),
        option::weighted(0.2, 0u8..3),
        option::weighted(0.2, 0u8..3),
        option::weighted(0.3, texts(&TAGS)),
        option::weighted(0.3, due),
        option::weighted(0.3, texts(&TEXTS)),
        prop::bool::weighted(0.2),
    );
    let filter = filter.prop_map(|(statuses, project, assignee, tag, due, text, trashed)| TaskFilter {
        statuses,
        project: project.map(|n| RecordId(id(n))),
        assignee: assignee.map(|n| MemberId(id(n))),
        tag,
        due,
        text,
        trashed,
    });
    let by = select(vec![
        TaskSort::Rank,
        TaskSort::Due,
        TaskSort::Priority,
        TaskSort::Name,
        TaskSort::Status,
        TaskSort::Updated,
    ]);
    (filter, by, any::<bool>())
        .prop_map(|(filter, by, descending)| TaskViewSpec { filter, order: TaskOrder { by, descending } })
}

/// A row as the server writes it: instants with six digits, or as this machine does: as few as it needs.
fn row(task: &Task, from_server: bool) -> String {
    let mut row = serde_json::to_value(task).unwrap();
    if from_server {
        row["updated_at"] = format!("{:.6}", task.updated_at).into();
    }
    row.to_string()
}

fn put(store: &mut SqliteStore, tasks: &[Task]) {
    store
        .transaction(|tx| {
            for (n, task) in tasks.iter().enumerate() {
                let text = Some(row(task, n % 2 == 0));
                let record = StoredRecord {
                    scope: ScopeId(id(9)),
                    version: 1,
                    generation: 1,
                    confirmed: text.clone(),
                    visible: text,
                };
                tx.put_record(RecordKey { table: Table::Tasks, id: task.id }, &record)?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_view_is_the_same_in_sqlite_and_in_memory(
        tasks in prop::collection::vec(task(), 0..40), specs in prop::collection::vec(spec(), 1..20)
    ) {
        let mut store = SqliteStore::open("unused".as_ref(), OpenOptions::memory()).unwrap();
        put(&mut store, &tasks);
        for spec in specs {
            let mut expected: Vec<&Task> = tasks.iter().filter(|task| spec.filter.matches(task, today())).collect();
            expected.sort_by(|a, b| spec.order.compare(a, b));
            let expected: Vec<RecordId> = expected.into_iter().map(|task| task.id).collect();
            prop_assert_eq!(store.task_ids(&spec, today()).unwrap(), expected, "{:?}", spec);
        }
    }
}

/// How SQLite carries a view's query out, one line per step.
fn plan(spec: &TaskViewSpec) -> Vec<String> {
    let connection = file::open_in_memory(&WORKSPACE).unwrap();
    let query = Query::of(spec, today()).unwrap();
    let mut statement = connection.prepare(&format!("explain query plan {}", query.sql)).unwrap();
    let steps = statement.query_map(params_from_iter(query.values), |row| row.get("detail")).unwrap();
    steps.collect::<Result<_, _>>().unwrap()
}

#[rstest]
#[case(TaskSort::Rank)]
#[case(TaskSort::Due)]
#[case(TaskSort::Priority)]
#[case(TaskSort::Name)]
#[case(TaskSort::Status)]
#[case(TaskSort::Updated)]
fn no_order_and_no_filter_reads_the_rows(#[case] by: TaskSort, #[values(false, true)] descending: bool) {
    let filter = TaskFilter {
        statuses: vec![TaskStatus::Open],
        project: Some(RecordId(id(1))),
        assignee: Some(MemberId(id(1))),
        tag: Some("a".into()),
        due: Some(DueFilter::Week),
        text: Some("a".into()),
        trashed: false,
    };
    for filter in [TaskFilter::default(), filter] {
        let steps = plan(&TaskViewSpec { filter, order: TaskOrder { by, descending } });
        assert_eq!(steps[0], "SCAN tasks USING COVERING INDEX tasks_in_views", "{steps:?}");
    }
}

#[test]
fn the_order_people_gave_needs_no_sorting() {
    let mut spec = TaskViewSpec::default();
    assert_eq!(plan(&spec), ["SCAN tasks USING COVERING INDEX tasks_in_views"]);
    spec.filter.statuses = vec![TaskStatus::Open, TaskStatus::Review];
    assert_eq!(plan(&spec), ["SCAN tasks USING COVERING INDEX tasks_in_views"]);
    spec.order.descending = true;
    assert!(plan(&spec)[1..].iter().all(|step| step.contains("LAST TERM")), "{:?}", plan(&spec));
}

#[test]
fn the_trash_is_found_without_looking_at_the_living() {
    let trash = TaskFilter { trashed: true, ..TaskFilter::default() };
    let steps = plan(&TaskViewSpec { filter: trash, ..TaskViewSpec::default() });
    assert_eq!(steps[0], "SCAN tasks USING INDEX tasks_in_trash", "{steps:?}");
}
