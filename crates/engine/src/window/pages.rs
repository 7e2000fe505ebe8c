//! All attached pages.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use cockpit_domain::TaskViewSpec;
use cockpit_sync::RecordKey;
use uuid::Uuid;

use super::{
    WindowLabel,
    page::{Notice, Page},
};

/// Notices kept for the first window to come; more than this nobody reads, and the parked changes themselves are listed elsewhere.
const NOTICES_MAX: usize = 100;

/// The attached pages, one per window.
#[derive(Default)]
pub(crate) struct Pages {
    pages: BTreeMap<WindowLabel, Page>,
    epoch: u64,
    unheard: VecDeque<Notice>,
}

impl Pages {
    /// A page begins, in place of the window's former one. Answers its epoch and the specifications that the former one had open.
    pub(crate) fn attach(&mut self, window: WindowLabel, nonce: Uuid) -> (u64, Vec<Arc<TaskViewSpec>>) {
        self.epoch += 1;
        let mut page = Page::new(nonce, self.epoch);
        let former = self.pages.remove(&window);
        // What was said to the page before but perhaps not seen is not said twice; what was not said yet is said now.
        page.news.notices = std::mem::take(&mut self.unheard);
        let mut open = Vec::new();
        if let Some(former) = former {
            tracing::debug!(%window, again = former.nonce == nonce, "a page attached in place of another");
            page.news.notices.extend(former.news.notices);
            open.extend(former.slices.into_values().map(|slice| slice.spec));
        }
        self.pages.insert(window, page);
        (self.epoch, open)
    }

    /// The window is gone, or only its attachment of that epoch. Answers the specifications that it had open.
    pub(crate) fn detach(&mut self, window: &WindowLabel, epoch: Option<u64>) -> Vec<Arc<TaskViewSpec>> {
        // A reload, or a page that attaches again, does so before the end of its old connection is noticed.
        let is_meant = |page: &Page| epoch.is_none_or(|epoch| epoch == page.epoch);
        if !self.pages.get(window).is_some_and(is_meant) {
            return Vec::new();
        }
        let Some(page) = self.pages.remove(window) else { return Vec::new() };
        if self.pages.is_empty() {
            self.unheard = page.news.notices;
        }
        page.slices.into_values().map(|slice| slice.spec).collect()
    }

    /// The page of a window.
    pub(crate) fn get_mut(&mut self, window: &WindowLabel) -> Option<&mut Page> {
        self.pages.get_mut(window)
    }

    /// Every page with its window.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&WindowLabel, &mut Page)> {
        self.pages.iter_mut()
    }

    /// A page shows everything up to `rev`.
    pub(crate) fn acknowledge(&mut self, window: &WindowLabel, epoch: u64, rev: u64) {
        if let Some(page) = self.pages.get_mut(window) {
            page.acknowledge(epoch, rev);
        }
    }

    /// Everything is different.
    pub(crate) fn tell_everything(&mut self) {
        self.pages.values_mut().for_each(Page::tell_everything);
    }

    /// The session is different.
    pub(crate) fn tell_session(&mut self) {
        self.pages.values_mut().for_each(|page| page.news.session = true);
    }

    /// The state of sync is different.
    pub(crate) fn tell_status(&mut self) {
        self.pages.values_mut().for_each(|page| page.news.status = true);
    }

    /// Who is here, or where they point, may be different.
    pub(crate) fn tell_presence(&mut self) {
        self.pages.values_mut().for_each(|page| page.news.presence = true);
    }

    /// Whether the next frame of some page tells of presence.
    pub(crate) fn want_presence(&self) -> bool {
        self.pages.values().any(|page| page.news.presence || page.news.everything || page.is_late())
    }

    /// A preference is different.
    pub(crate) fn tell_preference(&mut self, key: &str) {
        for page in self.pages.values_mut() {
            page.news.preferences.insert(key.to_owned());
        }
    }

    /// Rows changed, in one committed transaction.
    pub(crate) fn tell_changed(&mut self, keys: &[RecordKey]) {
        self.pages.values_mut().for_each(|page| page.tell_changed(keys));
    }

    /// Views were asked for again.
    pub(crate) fn tell_views(&mut self) {
        self.pages.values_mut().filter(|page| !page.slices.is_empty()).for_each(|page| page.news.views = true);
    }

    /// Every window hears of this once; while there is none, the next one does.
    pub(crate) fn tell_notice(&mut self, notice: &Notice) {
        if self.pages.is_empty() {
            push_bounded(&mut self.unheard, notice.clone());
        }
        self.pages.values_mut().for_each(|page| push_bounded(&mut page.news.notices, notice.clone()));
    }

    /// When the next frame of any page may go.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        self.pages.values().filter_map(Page::due_ms).min()
    }
}

fn push_bounded(notices: &mut VecDeque<Notice>, notice: Notice) {
    if notices.len() == NOTICES_MAX {
        notices.pop_front();
    }
    notices.push_back(notice);
}
