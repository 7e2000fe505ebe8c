//! Frames: handed out between two transactions, when they are due.

use cockpit_domain::SessionState;
use cockpit_sync::Now;

use super::Actor;
use crate::{window::Picture, workspace::Workspace};

impl Actor {
    /// Hands out the frames that are due, then the answers that belong after them.
    pub(super) fn flush(&mut self) {
        if !self.restoring && self.session != SessionState::Starting {
            for waiting in self.unsettled.drain(..) {
                _ = waiting.send(self.session.clone());
            }
        }
        let now = self.now();
        self.refresh_views(now);
        if self.pages.due_ms().is_some_and(|due| due <= now.mono_ms) {
            let status = self.workspace.as_ref().map(Workspace::status);
            let offset = self.workspace.as_ref().and_then(|workspace| workspace.server_offset_ms);
            let presence = self.pages.want_presence().then(|| self.presence());
            let picture = Picture {
                presence: presence.as_ref(),
                session: &self.session,
                status: status.as_ref(),
                preferences: &self.preferences,
                store: self.workspace.as_ref().map(|workspace| &workspace.store),
                views: &self.views,
                server_now: offset.map(|offset| now.mono_ms.saturating_add(offset)),
            };
            for (window, page) in self.pages.iter_mut() {
                if page.due_ms().is_none_or(|due| due > now.mono_ms) {
                    continue;
                }
                match page.frame(&picture, now.mono_ms) {
                    Ok(Some(frame)) => self.host.frame(window, frame),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%window, %error, "a frame could not be made; it is tried again");
                        page.retry_at(now.mono_ms.saturating_add(1_000));
                    }
                }
            }
        }
        for (answer, result) in self.answers.drain(..) {
            // A window that is gone needs no answer.
            _ = answer.send(result);
        }
    }

    /// Asks again for the ids of stale views. What that costs decides how soon it may be done again, so that a bootstrap with many pages
    /// does not spend its time on lists nobody can read that fast.
    fn refresh_views(&mut self, now: Now) {
        if !self.views.any_stale() || now.mono_ms < self.views_not_before_ms {
            return;
        }
        let today = self.options.clock.today();
        let Some(workspace) = &self.workspace else {
            self.views.empty();
            self.pages.tell_views();
            return;
        };
        match self.views.refresh(&workspace.store, today) {
            Ok(any) if any => self.pages.tell_views(),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a view could not be read; it is tried again"),
        }
        let cost = self.now().mono_ms.saturating_sub(now.mono_ms);
        self.views_not_before_ms = now.mono_ms.saturating_add(cost.saturating_mul(5));
    }
}
