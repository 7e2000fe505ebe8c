//! Runs one step and tells what came of it.

use std::time::{Duration, Instant};

use super::counts::{Counting, Counts};
use super::steps::{Action, Step};
use crate::process::{duration, run_logged};
use crate::workspace::Workspace;

/// What came of a step.
#[derive(Debug)]
pub(crate) struct StepResult {
    name: String,
    counts: Counts,
    time: Duration,
    /// What a person needs to know beyond the counts; empty when all is well.
    detail: String,
}

impl StepResult {
    fn failed(name: &str, detail: String) -> Self {
        let counts = Counts { failed: 1, ..Counts::default() };
        Self { name: name.to_owned(), counts, time: Duration::ZERO, detail }
    }

    /// A test that is marked to be skipped protects nothing, so it is no success.
    fn passed(&self) -> bool {
        self.counts.failed == 0 && self.counts.skipped == 0
    }

    /// The counts in words, with the details of a failure below.
    pub(crate) fn summary(&self) -> String {
        let Counts { passed, failed, skipped, .. } = self.counts;
        let mut text =
            if self.passed() { format!("{passed} passed") } else { format!("{passed} passed, {failed} FAILED") };
        if skipped > 0 {
            text.push_str(&format!(", {skipped} SKIPPED"));
        }
        text.push_str(&format!(" ({})", duration(self.time)));
        if !self.detail.is_empty() {
            text.push('\n');
            text.push_str(&self.detail);
        }
        text
    }
}

/// Runs `step`, unless a step that it needs has failed before.
pub(crate) fn run_step(workspace: &Workspace, step: &mut Step, title: &str, before: &[StepResult]) -> StepResult {
    if let Some(needed) =
        step.needs.filter(|needed| before.iter().any(|result| result.name == *needed && !result.passed()))
    {
        return StepResult::failed(step.name, format!("    not run, because the step \"{needed}\" failed"));
    }
    match &mut step.action {
        Action::Run(command, counting) => {
            let log = workspace.target(format!("xtask/{}.log", step.name.replace([' ', ':'], "-")));
            match run_logged(title, command, &log) {
                Ok(finished) => told(step.name, *counting, &finished),
                Err(error) => StepResult::failed(step.name, format!("    {error:#}")),
            }
        }
        Action::Check(check) => {
            let started = Instant::now();
            match check(workspace) {
                Ok(findings) => StepResult {
                    name: step.name.to_owned(),
                    counts: Counts {
                        passed: findings.passed,
                        failed: findings.problems.len() as u64,
                        ..Counts::default()
                    },
                    time: started.elapsed(),
                    detail: findings
                        .problems
                        .iter()
                        .map(|problem| format!("    {problem}"))
                        .collect::<Vec<_>>()
                        .join("\n"),
                },
                Err(error) => StepResult::failed(step.name, format!("    {error:#}")),
            }
        }
    }
}

fn told(name: &str, counting: Counting, finished: &crate::process::Finished) -> StepResult {
    let counts = counting.read(&finished.output, finished.success);
    let mut detail = String::new();
    if !finished.success {
        for failure in counting.failures(&finished.output) {
            detail.push_str(&format!("    FAILED {failure}\n"));
        }
        detail.push_str(&finished.tail());
    } else if counts.failed > 0 {
        detail = format!("    the runner ended well but reported no test; see {}", finished.log.display());
    }
    StepResult { name: name.to_owned(), counts, time: finished.time, detail }
}

/// The end-to-end tests are filtered out of one step because another runs them: the two numbers must agree, or a test
/// is run nowhere.
pub(crate) fn unaccounted(results: &[StepResult]) -> Option<StepResult> {
    let of =
        |name: &str| results.iter().find(|result| result.name == name && result.passed()).map(|result| result.counts);
    let left_out = of("tests")?.filtered;
    let run = of("end to end: desktop").map_or(0, |counts| counts.passed + counts.failed);
    (left_out != run).then(|| {
        let detail = format!("    {left_out} tests were left to the end-to-end step, which ran {run}");
        println!("every test is run: FAILED\n{detail}");
        StepResult::failed("every test is run", detail)
    })
}

/// Whether every step passed.
pub(crate) fn all_passed(results: &[StepResult]) -> bool {
    results.iter().all(StepResult::passed)
}

/// The table, and the line of result alone at its end. A skipped test counts as failed in that line.
pub(crate) fn table(results: &[StepResult]) -> String {
    let width = results.iter().map(|result| result.name.len()).max().unwrap_or(0).max(5);
    let mut text = format!("{:width$}  {:>7}  {:>7}  {:>7}  {:>9}\n", "step", "passed", "failed", "skipped", "time");
    let mut total = Counts::default();
    let mut time = Duration::ZERO;
    for StepResult { name, counts, time: taken, .. } in results {
        let Counts { passed, failed, skipped, .. } = counts;
        text.push_str(&format!("{name:width$}  {passed:>7}  {failed:>7}  {skipped:>7}  {:>9}\n", duration(*taken)));
        total.passed += passed;
        total.failed += failed + skipped;
        time += *taken;
    }
    text.push_str(&format!("{:width$}  {:>7}  {:>7}  {:>7}  {:>9}\n\n", "", "", "", "", duration(time)));
    text.push_str(&format!("{} passed, {} failed\n", total.passed, total.failed));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str, passed: u64, failed: u64, skipped: u64, filtered: u64) -> StepResult {
        let counts = Counts { passed, failed, skipped, filtered };
        StepResult { name: name.to_owned(), counts, time: Duration::from_secs(2), detail: String::new() }
    }

    #[test]
    fn the_last_line_is_the_result_alone() {
        let results = [result("tests", 10, 1, 0, 0), result("clippy", 1, 0, 0, 0)];
        assert_eq!(table(&results).lines().last(), Some("11 passed, 1 failed"));
        assert!(!all_passed(&results));
    }

    #[test]
    fn a_skipped_test_is_no_success() {
        let results = [result("tests", 10, 0, 1, 0)];
        assert_eq!(table(&results).lines().last(), Some("10 passed, 1 failed"));
        assert!(!all_passed(&results));
    }

    #[test]
    fn a_test_that_no_step_runs_is_noticed() {
        let end_to_end = result("end to end: desktop", 2, 0, 0, 0);
        assert!(unaccounted(&[result("tests", 9, 0, 0, 2), end_to_end]).is_none());
        assert!(unaccounted(&[result("tests", 9, 0, 0, 1)]).is_some());
    }
}
