//! What the people of Studio North work on.

use jiff::{ToSpan, civil::Date};
use serde_json::json;
use uuid::Uuid;

use super::{
    Draft,
    ids::{Kind, id},
};

const CLIENTS: [(&str, &str, &str); 6] = [
    ("Bäckerei Kühn", "normal", "EUR"),
    ("Nordlicht Reederei GmbH", "high", "EUR"),
    ("Harbour & Finch Ltd", "normal", "GBP"),
    ("Stadtwerke Überlingen", "urgent", "EUR"),
    ("Café Größenwahn", "low", "EUR"),
    ("Alpine Robotics AG", "high", "CHF"),
];

/// Client, name, kind, status, days from the start until the planned end.
const PROJECTS: [(usize, &str, &str, &str, i32); 12] = [
    (0, "Website relaunch", "web", "active", 60),
    (0, "Brötchen-Abo im Shop", "shop", "planned", 90),
    (1, "Markenauftritt 2027", "brand", "active", 120),
    (1, "Crew portal", "app", "active", 150),
    (2, "Annual report", "print", "active", 45),
    (2, "Photography, autumn range", "photo", "done", 20),
    (3, "Störungsmelder-App", "app", "active", 100),
    (3, "Barrierefreiheit nach BITV", "audit", "on_hold", 80),
    (4, "Speisekarte und Plakate", "print", "active", 25),
    (4, "Instagram, first quarter", "social", "cancelled", 40),
    (5, "Trade fair stand Zürich", "event", "planned", 75),
    (5, "Product film “Kletterer”", "film", "active", 50),
];

const VERBS: [&str; 16] = [
    "Draft",
    "Review",
    "Prüfen:",
    "Send out",
    "Abstimmen:",
    "Update",
    "Rework",
    "Vorbereiten:",
    "Estimate",
    "Test",
    "Übersetzen:",
    "Collect feedback on",
    "Freigeben:",
    "Schedule",
    "Measure",
    "Aufräumen:",
];

const THINGS: [&str; 23] = [
    "the moodboard",
    "Farbwelt und Typografie",
    "the sitemap",
    "Startseite, zweite Fassung",
    "the cookie banner",
    "Angebot für Phase 2",
    "the newsletter template",
    "Bilder der Belegschaft",
    "the checkout flow",
    "Texte “Über uns”",
    "the press kit",
    "Druckdaten Broschüre",
    "the retrospective notes",
    "Rechnung Oktober",
    "the migration plan",
    "Schlüsselübergabe im Büro",
    "the storyboard",
    "Kundenworkshop in Köln",
    "the colour contrast",
    "Zeitplan bis Weihnachten",
    "the voice-over",
    "Lösung für große Tabellen",
    "the launch checklist",
];

const STATUSES: [&str; 10] =
    ["open", "open", "open", "in_progress", "in_progress", "review", "done", "done", "open", "cancelled"];
const PRIORITIES: [&str; 8] = ["normal", "normal", "high", "normal", "low", "urgent", "normal", "high"];
const KINDS: [&str; 5] = ["design", "copy", "code", "meeting", "admin"];
const TAGS: [&str; 7] = ["brand", "web", "dringend", "client call", "print", "für später", "accessibility"];

/// The clients, projects and budgets come first, in this many mutations.
pub(super) const FOUNDATION: usize = CLIENTS.len() + 2 * PROJECTS.len();

/// Everything the content depends on.
pub(super) struct Plan {
    pub(super) ada: Uuid,
    pub(super) ben: Uuid,
    pub(super) today: Date,
}

impl Plan {
    /// The mutation `n` of the foundation: clients, then each project followed by its budget.
    pub(super) fn foundation(&self, n: usize) -> Draft {
        match n.checked_sub(CLIENTS.len()) {
            None => {
                let (name, priority, currency) = pick(&CLIENTS, n);
                let columns = json!({ "name": name, "priority": priority, "billing_currency": currency });
                Draft { table: "clients", id: id(Kind::Client, n), columns }
            }
            Some(n) if n.is_multiple_of(2) => self.project(n / 2),
            Some(n) => {
                let columns = json!({
                    "billing": pick(&["fixed", "hourly", "retainer"], n / 2), "budget": format!("{}.00", 4_000 + 1_500 * n),
                    "budget_hours": format!("{}.50", 40 + 12 * n), "alert_at": "80", "currency": "EUR"
                });
                Draft { table: "project_budgets", id: id(Kind::Project, n / 2), columns }
            }
        }
    }

    fn project(&self, n: usize) -> Draft {
        let (client, name, kind, status, days) = pick(&PROJECTS, n);
        let start = self.day(-20 - 3 * small(n % 9));
        let columns = json!({
            "client_id": id(Kind::Client, client), "name": name, "project_type": kind, "status": status,
            "priority": pick(&PRIORITIES, n), "start_date": start, "target_end_date": self.day(days - 20),
            "project_owner": if n.is_multiple_of(3) { self.ben } else { self.ada }
        });
        Draft { table: "projects", id: id(Kind::Project, n), columns }
    }

    /// The task `n`. Steps that have no common divisor keep the columns from moving together.
    pub(super) fn task(&self, n: usize) -> Draft {
        let mut name = format!("{} {}", pick(&VERBS, n * 5 + n / 16), pick(&THINGS, n * 7));
        if n % 1_000_000 >= VERBS.len() * THINGS.len() {
            name = format!("{name} ({})", n % 1_000_000 / (VERBS.len() * THINGS.len()) + 1);
        }
        let due = (n % 6 != 5).then(|| self.day(small(n * 11 % 45) - 15));
        let assignee = match n % 5 {
            0 | 3 => Some(self.ada),
            1 | 4 => Some(self.ben),
            _ => None,
        };
        let tags: Vec<&str> = (0..n % 4).map(|k| pick(&TAGS, n * 3 + k)).collect();
        let mut columns = json!({
            "name": name, "status": pick(&STATUSES, n * 3), "priority": pick(&PRIORITIES, n * 3 + n / 8),
            "task_type": pick(&KINDS, n * 2), "assignee": assignee, "due_date": due, "tags": tags, "billable": !n.is_multiple_of(7),
            "rank": rank(n)
        });
        if let Some(columns) = columns.as_object_mut() {
            if n % 9 != 4 {
                columns.insert("project_id".to_owned(), json!(id(Kind::Project, n * 5 % PROJECTS.len())));
            }
            if n.is_multiple_of(3) {
                columns.insert(
                    "estimate_hours".to_owned(),
                    json!(format!("{}.{}0", n % 16 / 2 + 1, if n.is_multiple_of(2) { 0 } else { 5 })),
                );
            }
            if n.is_multiple_of(10) {
                columns.insert(
                    "notes".to_owned(),
                    json!("Discussed on the phone.\n\n- Größe und Auflösung klären\n- ask for the final logo\n"),
                );
            }
        }
        Draft { table: "tasks", id: id(Kind::Task, n), columns }
    }

    fn day(&self, offset: i32) -> String {
        self.today.saturating_add(offset.days()).to_string()
    }
}

/// The element `n` of a list that begins again at its end.
fn pick<T: Copy + Default, const N: usize>(list: &[T; N], n: usize) -> T {
    list.get(n % N).copied().unwrap_or_default()
}

fn small(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(0)
}

/// The rank of the task of that number: a whole number of four digits in base 62, as `crates/domain` describes the form.
fn rank(n: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digit = |place: usize| DIGITS.get(n / place % 62).copied().map_or('0', char::from);
    [62 * 62 * 62, 62 * 62, 62, 1].into_iter().map(digit).fold("d".to_owned(), |rank, digit| rank + &digit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_eighty_tasks_are_varied_and_stable() {
        let plan = Plan { ada: Uuid::from_u128(1), ben: Uuid::from_u128(2), today: Date::constant(2026, 11, 23) };
        let tasks: Vec<Draft> = (0..80).map(|n| plan.task(n)).collect();
        let distinct = |column: &str| {
            let mut values: Vec<String> = tasks.iter().map(|task| task.columns[column].to_string()).collect();
            values.sort();
            values.dedup();
            values.len()
        };
        assert_eq!(distinct("name"), 80);
        assert_eq!(distinct("status"), 5);
        assert_eq!(distinct("priority"), 4);
        assert!(distinct("project_id") >= 10 && distinct("due_date") >= 20 && distinct("tags") >= 5);
        assert_eq!(plan.task(7).columns, plan.task(7).columns);
    }

    #[test]
    fn the_foundation_names_clients_before_their_projects_and_projects_before_their_budgets() {
        let plan = Plan { ada: Uuid::from_u128(1), ben: Uuid::from_u128(2), today: Date::constant(2026, 11, 23) };
        let tables: Vec<&str> = (0..FOUNDATION).map(|n| plan.foundation(n).table).collect();
        assert_eq!(tables.iter().filter(|table| **table == "project_budgets").count(), PROJECTS.len());
        assert_eq!(plan.foundation(CLIENTS.len()).id, plan.foundation(CLIENTS.len() + 1).id);
        assert_eq!(tables[..CLIENTS.len()], ["clients"; CLIENTS.len()]);
    }
}
