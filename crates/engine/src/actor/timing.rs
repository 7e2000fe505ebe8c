//! What time alone brings about: deadlines, the next day, and waking from sleep.

use std::time::Duration;

use super::Actor;
use crate::workspace::Workspace;

/// How often the clocks are compared, to notice that the machine slept; only while a workspace is connected.
const WATCH_MS: i64 = 5_000;
/// Clocks that have drifted apart by this much in between mean sleep, or a clock that was set.
const SLEPT_MS: i64 = 10_000;
impl Actor {
    /// How long nothing has to be done.
    pub(super) fn wait(&self) -> Duration {
        let now = self.now().mono_ms;
        let workspace = self.workspace.as_ref();
        let views = self.views.any_stale().then_some(self.views_not_before_ms.max(now.saturating_add(1)));
        let watch = workspace.and_then(|one| one.live.as_ref()).map(|_| self.clocks.mono_ms.saturating_add(WATCH_MS));
        let due = [
            self.pages.due_ms(),
            views,
            watch,
            workspace.and_then(|one| one.wake_at_ms),
            workspace.and_then(Workspace::retry_at_ms),
            workspace.and_then(|one| one.presence.due_ms()),
            Some(self.tomorrow_ms),
        ];
        let next = due.into_iter().flatten().min().unwrap_or(i64::MAX);
        Duration::from_millis(u64::try_from(next.saturating_sub(now)).unwrap_or_default())
    }

    /// What is due by time alone.
    pub(super) fn time_passed(&mut self) {
        let now = self.now();
        let slept = now
            .wall_ms
            .saturating_sub(self.clocks.wall_ms)
            .saturating_sub(now.mono_ms.saturating_sub(self.clocks.mono_ms));
        self.clocks = now;
        if now.mono_ms >= self.tomorrow_ms || slept.abs() >= SLEPT_MS {
            self.expect_tomorrow();
            self.views.invalidate();
        }
        if slept.abs() >= SLEPT_MS {
            tracing::info!(slept_ms = slept, "the clocks drifted apart: the machine slept, or its clock was set");
            self.nudge();
        }
        self.workspace_time(now);
        self.presence_time();
    }

    pub(super) fn expect_tomorrow(&mut self) {
        let left = i64::try_from(self.options.clock.until_tomorrow().as_millis()).unwrap_or(i64::MAX);
        // At least once an hour, so that a change of the zone or the clock is noticed in time.
        self.tomorrow_ms = self.now().mono_ms.saturating_add(left.min(3_600_000));
    }
}
