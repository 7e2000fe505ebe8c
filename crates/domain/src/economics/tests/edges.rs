//! What lies at the edge of the rules.

use super::*;

fn cost_of(ledger: &Ledger) -> String {
    shown(&ledger.totals(GroupKey::Workspace).labour)
}

fn person_cost(amount: &str, from: Date) -> Change {
    Change::Rate(Box::new(Rate { member_id: Some(person(5)), ..rate(10, RateKind::Cost, amount, from) }))
}

#[test]
fn hours_without_a_rate_cost_nothing_and_say_so() {
    let mut ledger = ledger(NEW_YEAR);
    ledger.apply(Change::Entry(Box::new(entry(20, 5, None, NEW_YEAR, 5400))));
    let totals = ledger.totals(GroupKey::Workspace);
    assert!(totals.cost().is_zero() && totals.revenue().is_zero());
    assert_eq!((totals.unrated_hours.to_string(), totals.unpriced_hours.to_string()), ("1.50".into(), "1.50".into()));
    assert_eq!(Figures::from(totals).margin_percent, None);
}

#[test]
fn a_rate_from_tomorrow_does_not_hold_today() {
    let mut ledger = ledger(NEW_YEAR);
    ledger.apply(Change::Entry(Box::new(entry(20, 5, None, NEW_YEAR, 3600))));
    assert!(ledger.apply(person_cost("40", date(2026, 1, 2))).is_empty());
    assert_eq!(cost_of(&ledger), "");
    assert!(!ledger.apply(person_cost("40", NEW_YEAR)).is_empty());
    assert_eq!(cost_of(&ledger), "EUR 40.00");
}

#[test]
fn no_hours_are_a_line_without_money() {
    let mut ledger = ledger(NEW_YEAR);
    ledger.apply(person_cost("40", NEW_YEAR));
    ledger.apply(Change::Entry(Box::new(entry(20, 5, None, NEW_YEAR, 0))));
    assert_eq!(ledger.groups().get(&GroupKey::Workspace).map(|group| group.lines), Some(1));
    assert_eq!(cost_of(&ledger), "");
    ledger.apply(Change::Gone(Table::TimeEntries, id(20)));
    assert!(ledger.groups().is_empty());
}

#[test]
fn a_loss_has_a_negative_margin() {
    let mut ledger = ledger(NEW_YEAR);
    ledger.apply(person_cost("90", NEW_YEAR));
    ledger.apply(Change::Rate(Box::new(Rate {
        member_id: Some(person(5)),
        ..rate(11, RateKind::Billable, "60", NEW_YEAR)
    })));
    ledger.apply(Change::Entry(Box::new(entry(20, 5, None, NEW_YEAR, 3600))));
    let figures = Figures::from(ledger.totals(GroupKey::Workspace));
    assert_eq!(shown(&figures.contribution), "EUR -30.00");
    assert_eq!(figures.margin_percent.map(|percent| percent.to_string()).as_deref(), Some("-50.00"));
}

#[test]
fn money_that_is_too_large_is_left_out_and_counted() {
    let mut ledger = ledger(NEW_YEAR);
    ledger.apply(Change::Rate(Box::new(Rate {
        member_id: Some(person(5)),
        currency: "USD".into(),
        ..rate(10, RateKind::Cost, "999999999999.99", NEW_YEAR)
    })));
    ledger.apply(Change::Exchange(Box::new(exchange(40, "USD", NEW_YEAR, "9999999999.9999999999"))));
    ledger.apply(Change::Entry(Box::new(entry(20, 5, None, NEW_YEAR, i64::MAX))));
    let totals = ledger.totals(GroupKey::Workspace);
    assert_eq!(totals.left_out, 1);
    assert!(totals.labour.is_zero() && totals.hours > Hours::ZERO);
    assert_eq!(Amount::rounded(Decimal::MAX), Err(EconomicsError::TooLarge));
}

#[test]
fn ties_are_rounded_away_from_zero() {
    for (exact, rounded) in
        [("0.005", "0.01"), ("-0.005", "-0.01"), ("2.675", "2.68"), ("2.6749999", "2.67"), ("-0.0049", "0.00")]
    {
        assert_eq!(Amount::rounded(dec(exact)).map(|amount| amount.to_string()), Ok(rounded.to_owned()), "{exact}");
    }
}

#[test]
fn a_retainer_of_too_many_days_is_left_out() {
    let mut ledger = ledger(NEW_YEAR);
    ledger.apply(Change::Project(Box::new(Project { start_date: Some(date(226, 1, 1)), ..project(1) })));
    ledger.apply(Change::Budget(Box::new(ProjectBudget { budget: Some(dec("10")), ..budget(1, Billing::Retainer) })));
    assert_eq!(ledger.totals(GroupKey::Workspace).left_out, 1);
}

#[test]
fn a_running_timer_counts_only_when_it_is_read() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let mut ledger = ledger(NEW_YEAR);
    let mut timer = entry(20, 5, Some(1), NEW_YEAR, 0);
    (timer.duration_seconds, timer.started_at) = (None, Some(at("2026-01-01T09:00:00Z")));
    timer.pauses = vec![Pause { from: at("2026-01-01T10:00:00Z"), to: None }];
    ledger.apply(person_cost("40", NEW_YEAR));
    assert!(ledger.apply(Change::Entry(Box::new(timer.clone()))).is_empty());
    assert_eq!(ledger.totals(GroupKey::Workspace).hours, Hours::ZERO);
    let key = GroupKey::Project { id: id(1) };
    assert_eq!(ledger.totals_at(key, at("2026-01-01T09:30:00Z")).hours.to_string(), "0.50");
    let live = ledger.totals_at(key, at("2026-01-01T11:00:00Z"));
    assert_eq!((live.hours.to_string(), shown(&live.labour)), ("1.00".into(), "EUR 40.00".into()));
    assert_eq!(ledger.totals_at(GroupKey::Project { id: id(2) }, at("2026-01-01T11:00:00Z")), Totals::default());
    timer.ended_at = Some(at("2026-01-01T11:00:00Z"));
    ledger.apply(Change::Entry(Box::new(timer)));
    assert_eq!(ledger.totals(key), live);
}

#[test]
fn weeks_begin_where_the_workspace_says() {
    use jiff::civil::Weekday::{Monday, Sunday};
    assert_eq!(first_of_week(date(2026, 3, 1), Monday), date(2026, 2, 23));
    assert_eq!(first_of_week(date(2026, 3, 1), Sunday), date(2026, 3, 1));
    assert_eq!(first_of_week(date(2026, 1, 1), Monday), date(2025, 12, 29));
    assert_eq!(first_of_week(Date::MIN, Sunday), Date::MIN);
}

#[test]
fn a_task_takes_its_hours_to_its_project() {
    let mut ledger = ledger(NEW_YEAR);
    let mut row = entry(20, 5, Some(1), NEW_YEAR, 3600);
    row.task_id = Some(id(50));
    ledger.apply(Change::Entry(Box::new(row)));
    ledger.apply(Change::Task(Box::new(task(50, Some(2), TaskStatus::Open, None))));
    assert_eq!(ledger.totals(GroupKey::Project { id: id(1) }).hours, Hours::ZERO);
    assert_eq!(ledger.totals(GroupKey::Project { id: id(2) }).hours.to_string(), "1.00");
}

#[test]
fn assumptions_outside_the_limits_are_refused() {
    let parse = |json| Assumptions::parse(&json);
    assert_eq!(parse(serde_json::json!(null)), Ok(Assumptions::default()));
    assert_eq!(parse(serde_json::json!({"later": "unknown ones are ignored"})), Ok(Assumptions::default()));
    assert_eq!(parse(serde_json::json!({"hours_change": "-100.01"})), Err(EconomicsError::Assumption));
    assert_eq!(parse(serde_json::json!({"hours_change": "many"})), Err(EconomicsError::Assumption));
    assert_eq!(parse(serde_json::json!([1])), Err(EconomicsError::Assumption));
}

#[test]
fn no_rate_reaches_a_margin_of_a_hundred_percent() {
    let totals = Totals { billable_hours: Hours::from_seconds(3600), ..Totals::default() };
    let rates = TargetRates::of(&totals, Decimal::ONE_HUNDRED).unwrap().unwrap();
    assert_eq!((rates.break_even, rates.target), (Amount::default(), None));
    assert_eq!(TargetRates::of(&Totals::default(), Decimal::ZERO), Ok(None));
}

#[test]
fn figures_cross_the_wire_as_text() {
    let mut ledger = ledger(NEW_YEAR);
    ledger.apply(person_cost("40", NEW_YEAR));
    ledger.apply(Change::Entry(Box::new(entry(20, 5, None, NEW_YEAR, 5400))));
    let figures = Figures::from(ledger.totals(GroupKey::Workspace));
    let json = serde_json::to_value(&figures).unwrap();
    assert_eq!(json["totals"]["hours"], "1.50");
    assert_eq!(json["contribution"], serde_json::json!({"EUR": "-60.00"}));
    assert_eq!(serde_json::from_value::<Figures>(json).unwrap(), figures);
}

#[test]
fn hours_are_never_below_nothing_and_pauses_only_count_within_the_range() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let mut row = entry(20, 5, None, NEW_YEAR, 0);
    (row.duration_seconds, row.started_at, row.ended_at) =
        (None, Some(at("2026-01-01T09:00:00Z")), Some(at("2026-01-01T10:00:00Z")));
    row.pauses = vec![
        Pause { from: at("2026-01-01T08:00:00Z"), to: Some(at("2026-01-01T09:15:00Z")) },
        Pause { from: at("2026-01-01T09:45:00Z"), to: None },
    ];
    assert_eq!(Hours::of(&row, None).to_string(), "0.50");
    row.ended_at = Some(at("2026-01-01T08:00:00Z"));
    assert_eq!(Hours::of(&row, None), Hours::ZERO);
    row.pauses.clear();
    assert_eq!(Hours::of(&row, None), Hours::ZERO);
    // The week in which the clocks of Berlin go back has 169 hours, and a range over all of it counts them.
    (row.started_at, row.ended_at) = (Some(at("2026-10-18T22:00:00Z")), Some(at("2026-10-25T23:00:00Z")));
    assert_eq!(Hours::of(&row, None).to_string(), "169.00");
}
