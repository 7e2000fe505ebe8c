//! After any changes the ledger equals what is reckoned from the beginning.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Few ids and values, so that records meet.
fn change() -> impl Strategy<Value = Change> {
    let day = || (-40_i64..40).prop_map(|days| date(2026, 3, 1).saturating_add(jiff::Span::new().days(days)));
    let currency = || prop_oneof![Just("EUR"), Just("USD"), Just("CHF")];
    let cents = || prop_oneof![4 => 0_i64..20_000, 1 => Just(99_999_999_999_999_i64)];
    let amount = move || cents().prop_map(|cents| Decimal::new(cents, 2));
    let seconds = || prop_oneof![6 => 0_i64..40_000, 1 => Just(0_i64), 1 => Just(i64::MAX)];
    let entry_change = (
        (100..108_u128, 10..13_u128, proptest::option::of(1..4_u128), proptest::option::of(50..53_u128)),
        (day(), seconds(), any::<bool>(), 0..8_u8),
    )
        .prop_map(|((number, who, project, task), (day, seconds, billable, state))| {
            let mut row = entry(number, who, project, day, seconds);
            (row.task_id, row.billable) = (task.map(id), billable);
            match state {
                0 => row.deleted_at = Some(Timestamp::UNIX_EPOCH),
                1 => (row.started_at, row.duration_seconds) = (Some(Timestamp::UNIX_EPOCH), None),
                _ => {}
            }
            Change::Entry(Box::new(row))
        });
    let project_change = (
        1..4_u128,
        proptest::option::of(90..92_u128),
        any::<bool>(),
        proptest::option::of(day()),
        proptest::option::of(day()),
    )
        .prop_map(|(number, client, done, start_date, actual_end_date)| {
            let status = if done { ProjectStatus::Done } else { ProjectStatus::Active };
            let client_id = client.map(id);
            Change::Project(Box::new(Project { client_id, status, start_date, actual_end_date, ..project(number) }))
        });
    let budget_change = (
        1..4_u128,
        0..3_u8,
        proptest::option::of(amount()),
        proptest::option::of(0..40_i64),
        currency(),
        proptest::option::of(60..62_u128),
    )
        .prop_map(|(number, billing, price, hours, currency, model)| {
            let billing = [Billing::Fixed, Billing::Hourly, Billing::Retainer][usize::from(billing)];
            let budget_hours = hours.map(Decimal::from);
            let (currency, economics_model) = (Some(currency.into()), model.map(id));
            Change::Budget(Box::new(ProjectBudget {
                budget: price,
                budget_hours,
                currency,
                economics_model,
                ..budget(number, billing)
            }))
        });
    let model_change = (60..62_u128, amount(), amount(), 0..200_i64, currency()).prop_map(
        |(number, base_rate, direct, overhead, currency)| {
            let (direct_expenses, overhead_percent) = (direct, Decimal::from(overhead));
            Change::Model(Box::new(EconomicsModel {
                base_rate,
                direct_expenses,
                overhead_percent,
                currency: currency.into(),
                ..model(number, "0")
            }))
        },
    );
    let rate_change = (70..78_u128, any::<bool>(), 0..4_u8, amount(), currency(), day()).prop_map(
        |(number, cost, subject, amount, currency, from)| {
            let kind = if cost { RateKind::Cost } else { RateKind::Billable };
            let mut row = Rate { amount, currency: currency.into(), ..rate(number, kind, "0", from) };
            match subject {
                0 => row.member_id = Some(person(10)),
                1 => row.role = Some(Role::Member),
                2 => row.project_id = Some(id(1)),
                _ => row.economics_model = Some(id(60)),
            }
            Change::Rate(Box::new(row))
        },
    );
    let exchange_change = (80..84_u128, currency(), day(), 0..30_000_i64).prop_map(|(number, currency, from, rate)| {
        Change::Exchange(Box::new(ExchangeRate {
            rate: Decimal::new(rate, 4),
            ..exchange(number, currency, from, "1")
        }))
    });
    let expense_change = (120..124_u128, 1..4_u128, day(), amount(), currency(), any::<bool>()).prop_map(
        |(number, project, day, amount, currency, billable)| {
            Change::Expense(Box::new(Expense { amount, ..expense(number, project, day, "0", currency, billable) }))
        },
    );
    let settings_change = (day(), 0..6_u8).prop_map(|(today, kind)| {
        let mut settings = Settings::iso(Some(eur()), today);
        match kind {
            0 => settings.currency = None,
            1 => settings.week_start = jiff::civil::Weekday::Sunday,
            _ => {}
        }
        Change::Settings(settings)
    });
    let gone = prop_oneof![
        (1..4_u128).prop_map(|number| Change::Gone(Table::Projects, id(number))),
        (1..4_u128).prop_map(|number| Change::Gone(Table::ProjectBudgets, id(number))),
        (10..13_u128).prop_map(|number| Change::Gone(Table::TenantMembers, id(number))),
        (50..53_u128).prop_map(|number| Change::Gone(Table::Tasks, id(number))),
        (60..62_u128).prop_map(|number| Change::Gone(Table::EconomicsModel, id(number))),
        (70..78_u128).prop_map(|number| Change::Gone(Table::Rates, id(number))),
        (80..84_u128).prop_map(|number| Change::Gone(Table::ExchangeRates, id(number))),
        (120..124_u128).prop_map(|number| Change::Gone(Table::Expenses, id(number))),
    ];
    prop_oneof![
        8 => entry_change,
        2 => (10..13_u128, any::<bool>()).prop_map(|(number, admin)| Change::Member(member(number, if admin { Role::Admin } else { Role::Member }))),
        2 => (50..53_u128, proptest::option::of(1..4_u128)).prop_map(|(number, project)| Change::Task(Box::new(task(number, project, TaskStatus::Open, None)))),
        3 => project_change,
        3 => budget_change,
        2 => model_change,
        3 => rate_change,
        2 => exchange_change,
        2 => expense_change,
        1 => settings_change,
        2 => gone,
    ]
}

/// The record that a change is of.
fn name(change: &Change) -> (Table, RecordId) {
    match change {
        Change::Settings(_) => (Table::Tenants, id(0)),
        Change::Member(row) => (Table::TenantMembers, RecordId(row.id.0)),
        Change::Task(row) => (Table::Tasks, row.id),
        Change::Project(row) => (Table::Projects, row.id),
        Change::Budget(row) => (Table::ProjectBudgets, row.id),
        Change::Model(row) => (Table::EconomicsModel, row.id),
        Change::Rate(row) => (Table::Rates, row.id),
        Change::Exchange(row) => (Table::ExchangeRates, row.id),
        Change::Entry(row) => (Table::TimeEntries, row.id),
        Change::Expense(row) => (Table::Expenses, row.id),
        Change::Gone(table, id) => (*table, *id),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn incremental_equals_full_recomputation(changes in proptest::collection::vec(change(), 1..60)) {
        let mut ledger = ledger(date(2026, 3, 1));
        let mut last = BTreeMap::new();
        for change in changes {
            last.insert(name(&change), change.clone());
            let before = ledger.groups().clone();
            let changed = ledger.apply(change.clone());
            let full = ledger.records().calculate();
            prop_assert_eq!(ledger.groups(), &full, "after {:?}", change);
            // Nothing changes without being told of.
            for number in 1..4 {
                let found = ledger.project_figures(id(number), Timestamp::UNIX_EPOCH);
                prop_assert!(found.health.score <= 100);
            }
            for key in before.keys().chain(full.keys()) {
                prop_assert!(changed.contains(key) || before.get(key) == full.get(key), "{:?} untold after {:?}", key, change);
            }
        }
        // What a record was before leaves no trace: the last state of each, in another order, makes the same.
        let mut fresh = self::ledger(date(2026, 3, 1));
        last.into_values().rev().for_each(|change| drop(fresh.apply(change)));
        prop_assert_eq!(ledger.groups(), fresh.groups());
    }
}
