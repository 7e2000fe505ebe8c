//! The examples of `docs/economics.md`, under the names they have there. The expected figures were reckoned by hand.

use super::*;

const PROJECT: GroupKey = GroupKey::Project { id: RecordId(Uuid::from_u128(1)) };

fn figures(ledger: &Ledger, key: GroupKey) -> Figures {
    Figures::from(ledger.totals(key))
}

/// The records of example 1, which example 9 supposes otherwise.
fn hourly_project() -> Ledger {
    let mut ledger = ledger(date(2026, 3, 31));
    let mut unpaid = entry(21, 5, Some(1), date(2026, 3, 3), 4800);
    unpaid.billable = false;
    for change in [
        Change::Project(Box::new(project(1))),
        Change::Model(Box::new(model(2, "25"))),
        Change::Budget(Box::new(ProjectBudget { economics_model: Some(id(2)), ..budget(1, Billing::Hourly) })),
        Change::Rate(Box::new(Rate { member_id: Some(person(5)), ..rate(10, RateKind::Cost, "40", NEW_YEAR) })),
        Change::Rate(Box::new(Rate { project_id: Some(id(1)), ..rate(11, RateKind::Billable, "100", NEW_YEAR) })),
        Change::Entry(Box::new(entry(20, 5, Some(1), date(2026, 3, 2), 27_000))),
        Change::Entry(Box::new(unpaid)),
        Change::Expense(Box::new(expense(30, 1, date(2026, 3, 4), "120", "EUR", true))),
        Change::Expense(Box::new(expense(31, 1, date(2026, 3, 5), "30.55", "EUR", false))),
    ] {
        ledger.apply(change);
    }
    ledger
}

#[test]
fn example_1_hourly_project() {
    let ledger = hourly_project();
    let found = figures(&ledger, PROJECT);
    assert_eq!(found.totals.hours.to_string(), "8.83");
    assert_eq!(found.totals.billable_hours.to_string(), "7.50");
    assert_eq!(shown(&found.totals.labour), "EUR 353.33");
    assert_eq!(shown(&found.totals.overhead), "EUR 88.33");
    assert_eq!(shown(&found.totals.direct_expenses), "EUR 150.55");
    assert_eq!(shown(&found.revenue), "EUR 870.00");
    assert_eq!(shown(&found.cost), "EUR 592.21");
    assert_eq!(shown(&found.contribution), "EUR 277.79");
    assert_eq!(found.margin_percent.map(|percent| percent.to_string()).as_deref(), Some("31.93"));
    // The person's share has no expenses; the week's has all.
    assert_eq!(shown(&figures(&ledger, GroupKey::Person { id: person(5) }).cost), "EUR 441.66");
    assert_eq!(figures(&ledger, GroupKey::Week { from: date(2026, 3, 2) }), found);
    assert_eq!(figures(&ledger, GroupKey::Month { from: date(2026, 3, 1) }), found);
}

#[test]
fn example_2_rate_of_the_day() {
    let mut ledger = ledger(date(2026, 3, 31));
    let cost = |number, amount, from| rate(number, RateKind::Cost, amount, from);
    let person_rate = Rate { member_id: Some(person(5)), ..cost(10, "50", date(2026, 2, 1)) };
    let role_rate = Rate { role: Some(Role::Member), ..cost(11, "45", NEW_YEAR) };
    let project_rate = Rate { project_id: Some(id(1)), ..cost(12, "42", NEW_YEAR) };
    let model_rate = Rate { economics_model: Some(id(2)), ..cost(13, "41", date(2026, 1, 15)) };
    ledger.apply(Change::Member(member(5, Role::Member)));
    ledger.apply(Change::Project(Box::new(project(1))));
    ledger.apply(Change::Model(Box::new(EconomicsModel { base_rate: dec("40"), ..model(2, "0") })));
    ledger
        .apply(Change::Budget(Box::new(ProjectBudget { economics_model: Some(id(2)), ..budget(1, Billing::Hourly) })));
    ledger.apply(Change::Entry(Box::new(entry(20, 5, Some(1), date(2026, 1, 31), 3600))));
    ledger.apply(Change::Entry(Box::new(entry(21, 5, Some(1), date(2026, 2, 1), 3600))));
    let day = |ledger: &Ledger, month| shown(&ledger.totals(GroupKey::Month { from: date(2026, month, 1) }).labour);
    assert_eq!((day(&ledger, 1), day(&ledger, 2)), ("EUR 40.00".into(), "EUR 40.00".into()));
    ledger.apply(Change::Rate(Box::new(model_rate)));
    assert_eq!((day(&ledger, 1), day(&ledger, 2)), ("EUR 41.00".into(), "EUR 41.00".into()));
    ledger.apply(Change::Rate(Box::new(project_rate)));
    assert_eq!((day(&ledger, 1), day(&ledger, 2)), ("EUR 42.00".into(), "EUR 42.00".into()));
    ledger.apply(Change::Rate(Box::new(role_rate)));
    assert_eq!((day(&ledger, 1), day(&ledger, 2)), ("EUR 45.00".into(), "EUR 45.00".into()));
    let changed = ledger.apply(Change::Rate(Box::new(person_rate)));
    assert_eq!((day(&ledger, 1), day(&ledger, 2)), ("EUR 45.00".into(), "EUR 50.00".into()));
    assert!(!changed.contains(&GroupKey::Month { from: NEW_YEAR }), "January did not change: {changed:?}");
}

#[test]
fn example_3_fixed_price() {
    let mut ledger = ledger(date(2026, 6, 30));
    let price = ProjectBudget { budget: Some(dec("100")), budget_hours: Some(dec("3")), ..budget(1, Billing::Fixed) };
    ledger.apply(Change::Project(Box::new(project(1))));
    ledger.apply(Change::Budget(Box::new(price)));
    ledger.apply(Change::Entry(Box::new(entry(20, 5, Some(1), date(2026, 4, 1), 3600))));
    ledger.apply(Change::Entry(Box::new(entry(21, 6, Some(1), date(2026, 5, 1), 3600))));
    let revenue = |ledger: &Ledger, key| shown(&ledger.totals(key).contract_revenue);
    assert_eq!(revenue(&ledger, PROJECT), "EUR 66.67");
    assert_eq!(revenue(&ledger, GroupKey::Person { id: person(5) }), "EUR 33.33");
    assert_eq!(revenue(&ledger, GroupKey::Person { id: person(6) }), "EUR 33.33");
    assert_eq!(revenue(&ledger, GroupKey::Month { from: date(2026, 4, 1) }), "EUR 33.33");
    assert_eq!(revenue(&ledger, GroupKey::Month { from: date(2026, 5, 1) }), "EUR 33.34");

    let mut over = ledger.clone();
    over.apply(Change::Entry(Box::new(entry(22, 6, Some(1), date(2026, 5, 2), 7200))));
    assert_eq!(revenue(&over, PROJECT), "EUR 100.00");
    assert_eq!(revenue(&over, GroupKey::Person { id: person(6) }), "EUR 66.66");

    let done = Project { status: ProjectStatus::Done, actual_end_date: Some(date(2026, 6, 3)), ..project(1) };
    ledger.apply(Change::Project(Box::new(done)));
    assert_eq!(revenue(&ledger, PROJECT), "EUR 100.00");
    assert_eq!(revenue(&ledger, GroupKey::Month { from: date(2026, 5, 1) }), "EUR 33.33");
    assert_eq!(revenue(&ledger, GroupKey::Month { from: date(2026, 6, 1) }), "EUR 33.34");
}

#[test]
fn example_4_retainer() {
    let mut ledger = ledger(date(2026, 3, 2));
    ledger.apply(Change::Project(Box::new(Project { start_date: Some(date(2026, 2, 10)), ..project(1) })));
    ledger.apply(Change::Budget(Box::new(ProjectBudget { budget: Some(dec("1000")), ..budget(1, Billing::Retainer) })));
    let month = |ledger: &Ledger, month| {
        shown(&ledger.totals(GroupKey::ProjectMonth { id: id(1), from: date(2026, month, 1) }).contract_revenue)
    };
    assert_eq!((month(&ledger, 2), month(&ledger, 3)), ("EUR 678.57".into(), "EUR 64.52".into()));
    assert_eq!(shown(&ledger.totals(PROJECT).contract_revenue), "EUR 743.09");
    ledger.apply(Change::Settings(Settings::iso(Some(eur()), date(2026, 4, 30))));
    assert_eq!((month(&ledger, 3), month(&ledger, 4)), ("EUR 1000.00".into(), "EUR 1000.00".into()));
    let ended = Project { start_date: Some(date(2026, 2, 10)), actual_end_date: Some(date(2026, 3, 2)), ..project(1) };
    ledger.apply(Change::Project(Box::new(ended)));
    assert_eq!(shown(&ledger.totals(PROJECT).contract_revenue), "EUR 743.09");
}

#[test]
fn example_5_currencies() {
    let mut ledger = ledger(date(2026, 3, 2));
    ledger.apply(Change::Project(Box::new(project(1))));
    ledger.apply(Change::Exchange(Box::new(exchange(40, "USD", NEW_YEAR, "0.9"))));
    ledger.apply(Change::Exchange(Box::new(exchange(41, "USD", date(2026, 2, 1), "0.925"))));
    ledger.apply(Change::Expense(Box::new(expense(30, 1, date(2026, 1, 31), "10.05", "USD", true))));
    ledger.apply(Change::Expense(Box::new(expense(31, 1, date(2026, 2, 1), "10.05", "USD", true))));
    let found = figures(&ledger, PROJECT);
    assert_eq!(shown(&found.revenue), "EUR 18.35");
    assert_eq!(found.margin_percent, Some(Amount::default()));
    ledger.apply(Change::Expense(Box::new(expense(32, 1, date(2026, 2, 1), "50", "CHF", true))));
    let found = figures(&ledger, PROJECT);
    assert_eq!(shown(&found.revenue), "CHF 50.00, EUR 18.35");
    assert_eq!(found.margin_percent, None);
    let changed = ledger.apply(Change::Exchange(Box::new(exchange(42, "CHF", date(2026, 2, 1), "1.06"))));
    assert!(!changed.contains(&GroupKey::Month { from: NEW_YEAR }));
    assert_eq!(shown(&figures(&ledger, PROJECT).revenue), "EUR 71.35");
}

#[test]
fn example_6_totals_are_sums_of_the_lines_shown() {
    let mut ledger = ledger(date(2026, 3, 2));
    ledger
        .apply(Change::Rate(Box::new(Rate { member_id: Some(person(5)), ..rate(10, RateKind::Cost, "10", NEW_YEAR) })));
    for number in 20..23 {
        ledger.apply(Change::Entry(Box::new(entry(number, 5, None, date(2026, 1, 5), 1200))));
    }
    assert_eq!(shown(&ledger.totals(GroupKey::Workspace).labour), "EUR 9.99");
    // Half an hour at 0.01 is half a cent, and a half goes up.
    ledger.apply(Change::Rate(Box::new(Rate {
        member_id: Some(person(6)),
        ..rate(11, RateKind::Cost, "0.01", NEW_YEAR)
    })));
    ledger.apply(Change::Entry(Box::new(entry(24, 6, None, date(2026, 1, 5), 1800))));
    assert_eq!(shown(&ledger.totals(GroupKey::Person { id: person(6) }).labour), "EUR 0.01");
    assert_eq!(shown(&ledger.totals(GroupKey::Workspace).labour), "EUR 10.00");
}

#[test]
fn example_7_hours_of_a_range() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let mut night = entry(20, 5, None, date(2026, 3, 28), 0);
    night.duration_seconds = None;
    night.started_at = Some(at("2026-03-28T21:00:00Z"));
    night.ended_at = Some(at("2026-03-29T05:00:00Z"));
    night.pauses = vec![Pause { from: at("2026-03-28T23:30:00Z"), to: Some(at("2026-03-29T00:15:00Z")) }];
    // 22:00 to 07:00 in Berlin, in the night in which 02:00 becomes 03:00: nine hours on the wall, eight worked, less three quarters.
    assert_eq!(Hours::of(&night, None).to_string(), "7.25");
    let mut ledger = ledger(date(2026, 4, 1));
    ledger.apply(Change::Entry(Box::new(night)));
    assert_eq!(ledger.totals(GroupKey::Week { from: date(2026, 3, 23) }).hours.to_string(), "7.25");
    assert_eq!(ledger.totals(GroupKey::Month { from: date(2026, 3, 1) }).hours.to_string(), "7.25");
}

#[test]
fn example_8_burn_and_health() {
    let mut ledger = ledger(date(2026, 3, 16));
    let (start_date, target_end_date) = (Some(date(2026, 3, 1)), Some(date(2026, 3, 31)));
    let price = ProjectBudget {
        budget: Some(dec("1000")),
        budget_hours: Some(dec("10")),
        alert_at: Some(dec("80")),
        ..budget(1, Billing::Fixed)
    };
    let on_task = TimeEntry { task_id: Some(id(50)), ..entry(21, 5, Some(1), date(2026, 3, 3), 3600) };
    for change in [
        Change::Project(Box::new(Project { start_date, target_end_date, ..project(1) })),
        Change::Budget(Box::new(price)),
        Change::Rate(Box::new(Rate { member_id: Some(person(5)), ..rate(10, RateKind::Cost, "100", NEW_YEAR) })),
        Change::Task(Box::new(task(50, Some(1), TaskStatus::InProgress, Some("2")))),
        Change::Task(Box::new(task(51, Some(1), TaskStatus::Open, Some("1")))),
        Change::Task(Box::new(task(52, Some(1), TaskStatus::Open, None))),
        Change::Task(Box::new(task(53, Some(1), TaskStatus::Done, Some("4")))),
        Change::Task(Box::new(task(54, Some(1), TaskStatus::Cancelled, Some("9")))),
        Change::Entry(Box::new(entry(20, 5, Some(1), date(2026, 3, 2), 27_000))),
        Change::Entry(Box::new(on_task)),
    ] {
        ledger.apply(change);
    }
    let percent = |cents| Amount::from_cents(cents);
    let found = ledger.project_figures(id(1), Timestamp::UNIX_EPOCH);
    assert_eq!((found.logged_hours.to_string(), shown(&found.actual_cost)), ("8.50".into(), "EUR 850.00".into()));
    assert_eq!((found.burn.hours_percent, found.burn.money_percent), (Some(percent(8500)), Some(percent(8500))));
    assert!(found.burn.alert);
    let reasons = vec![
        HealthReason::Behind { percent: percent(2339), points: 9 },
        HealthReason::NearBudget { percent: percent(8500), points: 10 },
        HealthReason::Scope { percent: percent(10_500), points: 5 },
    ];
    assert_eq!(found.health, Health { score: 76, reasons });
    let changed = ledger.apply(Change::Settings(Settings::iso(Some(eur()), date(2026, 4, 3))));
    assert!(changed.contains(&PROJECT), "a day changes health");
    let late = ledger.project_figures(id(1), Timestamp::UNIX_EPOCH).health;
    assert_eq!((late.score, late.reasons.first()), (62, Some(&HealthReason::Overdue { days: 3, points: 23 })));
    let on_task = ledger.task_figures(id(50), Timestamp::UNIX_EPOCH);
    assert_eq!((on_task.logged_hours.to_string(), shown(&on_task.actual_cost)), ("1.00".into(), "EUR 100.00".into()));
}

#[test]
fn example_9_scenario() {
    let ledger = hourly_project();
    let assumptions = Assumptions::parse(&serde_json::json!({
        "hours_change": "10", "cost_rate_change": "5", "billable_rate_change": "8", "overhead_percent": "30", "margin_target": "40",
    }))
    .unwrap();
    let found = assumptions.apply(&ledger.totals(PROJECT), Decimal::ZERO).unwrap();
    assert_eq!(shown(&found.actual.contribution), "EUR 277.79");
    assert_eq!(found.supposed.totals.billable_hours.to_string(), "8.25");
    assert_eq!(shown(&found.supposed.totals.labour), "EUR 408.10");
    assert_eq!(shown(&found.supposed.totals.overhead), "EUR 122.43");
    assert_eq!(shown(&found.supposed.revenue), "EUR 1011.00");
    assert_eq!(shown(&found.supposed.cost), "EUR 681.08");
    assert_eq!(shown(&found.supposed.contribution), "EUR 329.92");
    assert_eq!(found.supposed.margin_percent, Some(Amount::from_cents(3263)));
    let rates = |rates: Option<TargetRates>| {
        let rates = rates.unwrap();
        (rates.break_even.to_string(), rates.target.map(|rate| rate.to_string()).unwrap_or_default())
    };
    assert_eq!(rates(found.actual_rates), ("62.96".into(), "115.60".into()));
    assert_eq!(rates(found.supposed_rates), ("68.01".into(), "123.05".into()));
}
