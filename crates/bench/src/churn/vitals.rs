//! What must not grow: tasks, memory, open files.

use anyhow::Result;
use tokio::runtime::Handle;

use crate::process::{open_files, weight};

/// A look at the process.
#[derive(Debug, Clone, Copy)]
struct Sample {
    tasks: usize,
    files: usize,
    resident: u64,
}

/// All looks, each taken in calm.
#[derive(Debug, Default)]
pub(super) struct Vitals(Vec<Sample>);

/// What may differ between beginning and end: a request under way has a task or two and a file each.
const TASKS: usize = 4;
const FILES: usize = 16;
/// The allocator keeps what the largest burst took.
const MEMORY: u64 = 24 * 1024 * 1024;

impl Vitals {
    /// Looks now; tasks are those of the subject's own runtime.
    pub(super) fn look(&mut self, subject: &Handle) -> Result<()> {
        let tasks = subject.metrics().num_alive_tasks();
        self.0.push(Sample { tasks, files: open_files()?, resident: weight(std::process::id())?.resident });
        Ok(())
    }

    /// Beginning, end and the most, of tasks, open files and memory; and what grew.
    pub(super) fn verdict(&self) -> ([[String; 4]; 3], Vec<String>) {
        let part = (self.0.len() / 4).max(1);
        // The first looks are left out where there are enough: pools and caches fill once.
        let skip = if self.0.len() >= 12 { part } else { 0 };
        let first: Vec<Sample> = self.0.iter().skip(skip).take(part).copied().collect();
        let last: Vec<Sample> = self.0.iter().rev().take(part).copied().collect();
        let mut grown = Vec::new();
        let mut row = |name: &str, of: fn(&Sample) -> u64, allowed: u64, shown: fn(u64) -> String| {
            let (begin, end) = (median(&first, of), median(&last, of));
            let most = self.0.iter().map(of).max().unwrap_or_default();
            if end > begin + allowed {
                grown.push(format!("{name} grew from {} to {}", shown(begin), shown(end)));
            }
            [name.to_owned(), shown(begin), shown(end), shown(most)]
        };
        let rows = [
            row("tasks of the client's runtime", |sample| sample.tasks as u64, TASKS as u64, |count| count.to_string()),
            row("open files of the process", |sample| sample.files as u64, FILES as u64, |count| count.to_string()),
            row(
                "memory of the process (RSS)",
                |sample| sample.resident,
                MEMORY,
                |bytes| format!("{:.1} MB", bytes as f64 / 1_048_576.0),
            ),
        ];
        (rows, grown)
    }
}

fn median(samples: &[Sample], of: fn(&Sample) -> u64) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(of).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
