//! Reads from the output of test runners how many tests there were.

/// How many passed, failed, were left out by mark, or by a filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Ran and passed.
    pub(crate) passed: u64,
    /// Ran and failed, or were to run and could not.
    pub(crate) failed: u64,
    /// Marked as not to be run; there should be none.
    pub(crate) skipped: u64,
    /// Left to another step by a filter on the command line.
    pub(crate) filtered: u64,
}

/// How the output of a program is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// The program is one check as a whole.
    One,
    /// `test result: ok. 3 passed; 0 failed; …` of every test binary.
    Rust,
    /// The summary of vitest, or that of Node's own runner.
    JavaScript,
}

impl Counting {
    /// The counts in `output` of a program that ended with or without `success`.
    pub(crate) fn read(self, output: &str, success: bool) -> Counts {
        let mut counts = match self {
            Self::One => Counts { passed: u64::from(success), ..Counts::default() },
            Self::Rust => rust(output),
            Self::JavaScript => javascript(output),
        };
        // A runner that failed before or beside its tests (it did not compile, it crashed) has failed all the same.
        if !success && counts.failed == 0 {
            counts.failed = 1;
        }
        // A runner that found nothing proves nothing.
        if success && counts.passed == 0 && counts.failed == 0 {
            counts.failed = 1;
        }
        counts
    }

    /// The names of the tests that failed, where the runner tells them in a line of their own.
    pub(crate) fn failures(self, output: &str) -> Vec<String> {
        let name = |line: &str| match self {
            Self::One => None,
            Self::Rust => line.strip_prefix("test ")?.strip_suffix(" ... FAILED").map(str::to_owned),
            Self::JavaScript => line.trim().strip_prefix("FAIL ").map(|name| name.trim().to_owned()),
        };
        let mut names: Vec<String> = output.lines().filter_map(name).collect();
        names.dedup();
        names
    }
}

fn rust(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        let Some(result) = line.strip_prefix("test result: ") else { continue };
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
            match words.next() {
                Some("passed") => counts.passed += number,
                Some("failed") => counts.failed += number,
                Some("ignored") => counts.skipped += number,
                Some("filtered") => counts.filtered += number,
                _ => {}
            }
        }
    }
    counts
}

fn javascript(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().map(str::trim) {
        if let Some(summary) = line.strip_prefix("Tests ") {
            // vitest: "Tests  1 failed | 11 passed | 2 skipped (14)"
            for part in summary.split('|') {
                let mut words = part.split_whitespace();
                let Some(number) = words.next().and_then(|word| word.parse::<u64>().ok()) else { continue };
                match words.next() {
                    Some("passed") => counts.passed += number,
                    Some("failed") => counts.failed += number,
                    Some("skipped" | "todo") => counts.skipped += number,
                    _ => {}
                }
            }
        } else if let Some(summary) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
            // node --test: "# pass 12" or "ℹ pass 12"
            let mut words = summary.split_whitespace();
            let (Some(word), Some(Ok(number)), None) =
                (words.next(), words.next().map(str::parse::<u64>), words.next())
            else {
                continue;
            };
            match word {
                "pass" => counts.passed += number,
                "fail" | "cancelled" => counts.failed += number,
                "skipped" | "todo" => counts.skipped += number,
                _ => {}
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rust_binary_is_added_up() {
        let output = "running 4 tests\ntest a ... ok\ntest b::c ... FAILED\n\n\
            test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out; finished in 1.83s\n\
            test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let counts = Counting::Rust.read(output, false);
        assert_eq!(counts, Counts { passed: 8, failed: 1, skipped: 1, filtered: 2 });
        assert_eq!(Counting::Rust.failures(output), ["b::c"]);
    }

    #[test]
    fn vitest_is_read() {
        let output =
            " Test Files  1 failed | 3 passed (4)\n      Tests  1 failed | 11 passed | 2 skipped (14)\n   Duration  1s";
        let counts = Counting::JavaScript.read(output, false);
        assert_eq!(counts, Counts { passed: 11, failed: 1, skipped: 2, filtered: 0 });
        assert_eq!(Counting::JavaScript.read("      Tests  12 passed (12)", true).passed, 12);
    }

    #[test]
    fn nodes_own_runner_is_read() {
        let counts =
            Counting::JavaScript.read("ℹ tests 5\nℹ pass 4\nℹ fail 1\nℹ skipped 0\nℹ duration_ms 12.5\n", false);
        assert_eq!(counts, Counts { passed: 4, failed: 1, ..Counts::default() });
    }

    #[test]
    fn a_runner_that_did_not_come_to_its_tests_has_failed() {
        assert_eq!(Counting::Rust.read("error: could not compile", false).failed, 1);
        assert_eq!(Counting::Rust.read("", true).failed, 1, "no test at all is no success");
        assert_eq!(Counting::One.read("", true), Counts { passed: 1, ..Counts::default() });
        assert_eq!(Counting::One.read("", false), Counts { failed: 1, ..Counts::default() });
    }
}
