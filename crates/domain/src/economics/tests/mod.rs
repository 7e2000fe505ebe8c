//! Tests of the economics, and the rows they begin with.

mod edges;
mod golden;
mod incremental;

use jiff::{
    Timestamp,
    civil::{Date, date},
};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::*;

pub(super) fn id(number: u128) -> RecordId {
    RecordId(Uuid::from_u128(number))
}

pub(super) fn person(number: u128) -> MemberId {
    MemberId(Uuid::from_u128(number))
}

pub(super) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(super) fn eur() -> Currency {
    "EUR".parse().unwrap()
}

pub(super) fn ledger(today: Date) -> Ledger {
    Ledger::new(Settings::iso(Some(eur()), today))
}

/// Amounts as text, as in `docs/economics.md`: `EUR 1.00, USD 2.00`.
pub(super) fn shown(amounts: &Amounts) -> String {
    amounts.iter().map(|(currency, amount)| format!("{currency} {amount}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn entry(number: u128, who: u128, project: Option<u128>, day: Date, seconds: i64) -> TimeEntry {
    TimeEntry {
        id: id(number),
        version: 1,
        member_id: person(who),
        task_id: None,
        project_id: project.map(id),
        session_name: String::new(),
        session_date: day,
        started_at: None,
        ended_at: None,
        pauses: Vec::new(),
        duration_seconds: Some(seconds),
        notes: None,
        billable: true,
        ended_by: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        deleted_at: None,
    }
}

pub(super) fn project(number: u128) -> Project {
    Project {
        id: id(number),
        version: 1,
        client_id: None,
        name: "Project".into(),
        description: None,
        project_type: None,
        priority: Priority::Normal,
        status: ProjectStatus::Active,
        start_date: None,
        target_end_date: None,
        actual_end_date: None,
        project_owner: None,
        archived: false,
    }
}

pub(super) fn budget(number: u128, billing: Billing) -> ProjectBudget {
    ProjectBudget {
        id: id(number),
        version: 1,
        billing,
        budget: None,
        budget_hours: None,
        alert_at: None,
        currency: None,
        economics_model: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        deleted_at: None,
    }
}

pub(super) fn model(number: u128, overhead: &str) -> EconomicsModel {
    EconomicsModel {
        id: id(number),
        version: 1,
        name: "Model".into(),
        base_rate: Decimal::ZERO,
        direct_expenses: Decimal::ZERO,
        margin_target: Decimal::ZERO,
        overhead_percent: dec(overhead),
        currency: "EUR".into(),
        archived: false,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        deleted_at: None,
    }
}

/// A rate without a subject yet.
pub(super) fn rate(number: u128, kind: RateKind, amount: &str, from: Date) -> Rate {
    Rate {
        id: id(number),
        version: 1,
        kind,
        member_id: None,
        role: None,
        project_id: None,
        economics_model: None,
        amount: dec(amount),
        currency: "EUR".into(),
        valid_from: from,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        deleted_at: None,
    }
}

pub(super) fn expense(number: u128, project: u128, day: Date, amount: &str, currency: &str, billable: bool) -> Expense {
    Expense {
        id: id(number),
        version: 1,
        project_id: id(project),
        spent_on: day,
        description: String::new(),
        amount: dec(amount),
        currency: currency.into(),
        billable,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        deleted_at: None,
    }
}

pub(super) fn exchange(number: u128, currency: &str, from: Date, rate: &str) -> ExchangeRate {
    ExchangeRate {
        id: id(number),
        version: 1,
        currency: currency.into(),
        valid_from: from,
        rate: dec(rate),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        deleted_at: None,
    }
}

pub(super) fn member(number: u128, role: Role) -> Member {
    Member {
        id: person(number),
        version: 1,
        auth_user: None,
        role,
        finance_right: true,
        name: "Ada".into(),
        avatar: None,
        colour: None,
        removed_at: None,
    }
}

pub(super) fn task(number: u128, project: Option<u128>, status: TaskStatus, estimate: Option<&str>) -> Task {
    Task {
        id: id(number),
        version: 1,
        project_id: project.map(id),
        parent_task: None,
        name: "Task".into(),
        task_type: None,
        assignee: None,
        status,
        review_stage: None,
        priority: Priority::Normal,
        start_date: None,
        due_date: None,
        estimate_hours: estimate.map(dec),
        billable: true,
        notes: None,
        tags: Vec::new(),
        rank: "a0".into(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        created_by: None,
        deleted_at: None,
    }
}

pub(super) const NEW_YEAR: Date = date(2026, 1, 1);
