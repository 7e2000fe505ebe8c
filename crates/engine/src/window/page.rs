//! One page load of a window: what it was told last, what has changed since, and when the next frame may go.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    sync::Arc,
};

use cockpit_domain::{AppError, Pointer, Present, RecordId, SessionState, SyncStatus, Table, TaskViewSpec, ViewId};
use cockpit_sync::RecordKey;
use uuid::Uuid;

/// At most one frame in this time, which is one picture of a common screen.
const FRAME_MS: i64 = 16;
/// A page that has not acknowledged for this long gets a snapshot instead of the next frame.
const PATIENCE_MS: i64 = 2_000;
/// A page that acknowledges nothing (a hidden one does not paint) is asked again no more often than this.
const PATIENCE_MAX_MS: i64 = 60_000;
/// The largest slice.
pub(super) const SLICE_MAX: u32 = 500;

/// One page load of a window.
pub(crate) struct Page {
    pub(super) nonce: Uuid,
    pub(super) epoch: u64,
    pub(super) rev: u64,
    pub(super) told: Told,
    pub(super) news: News,
    pub(super) slices: BTreeMap<ViewId, Slice>,
    awaiting: Option<Awaiting>,
    last_frame_ms: Option<i64>,
    retry_at_ms: Option<i64>,
}

/// What the page holds of the things that are told whole.
#[derive(Default)]
pub(super) struct Told {
    pub(super) session: Option<SessionState>,
    pub(super) status: Option<SyncStatus>,
    pub(super) people: Vec<Present>,
    pub(super) pointers: Vec<Pointer>,
}

/// What may be different from what the page holds. It names things and not their values: those are read when the frame is made, and so
/// changes that were not told yet collapse by themselves.
#[derive(Default)]
pub(super) struct News {
    pub(super) everything: bool,
    pub(super) session: bool,
    pub(super) status: bool,
    pub(super) views: bool,
    pub(super) presence: bool,
    pub(super) preferences: BTreeSet<String>,
    pub(super) mirrored: BTreeSet<RecordKey>,
    pub(super) tasks: HashSet<RecordId>,
    pub(super) notices: VecDeque<Notice>,
}

/// Something a person must hear of once.
pub(crate) type Notice = (AppError, Option<RecordId>);

/// The part of a view that the page shows.
pub(super) struct Slice {
    pub(super) spec: Arc<TaskViewSpec>,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) sent: Option<Sent>,
}

/// What the page holds of a slice.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) revision: u64,
    pub(super) asked: (u32, u32),
    pub(super) count: u32,
    pub(super) from: u32,
    pub(super) ids: Vec<RecordId>,
    pub(super) known: HashSet<RecordId>,
}

struct Awaiting {
    rev: u64,
    since_ms: i64,
    patience_ms: i64,
}

impl Page {
    pub(super) fn new(nonce: Uuid, epoch: u64) -> Self {
        Self {
            nonce,
            epoch,
            rev: 0,
            told: Told::default(),
            news: News { everything: true, ..News::default() },
            slices: BTreeMap::new(),
            awaiting: None,
            last_frame_ms: None,
            retry_at_ms: None,
        }
    }

    /// Everything is different: the next frame is a snapshot.
    pub(crate) fn tell_everything(&mut self) {
        self.news.everything = true;
    }

    /// Rows changed, in one committed transaction.
    pub(super) fn tell_changed(&mut self, keys: &[RecordKey]) {
        for key in keys {
            match key.table {
                Table::Tasks => {
                    let shown = |slice: &Slice| slice.sent.as_ref().is_some_and(|sent| sent.known.contains(&key.id));
                    if self.slices.values().any(shown) {
                        self.news.tasks.insert(key.id);
                    }
                    self.news.views |= !self.slices.is_empty();
                }
                Table::Tenants | Table::TenantMembers | Table::Clients | Table::Projects => {
                    self.news.mirrored.insert(*key);
                }
                // No store of a window holds these yet.
                _ => {}
            }
        }
    }

    /// Opens a view of the page.
    pub(crate) fn open_slice(&mut self, view: ViewId, spec: Arc<TaskViewSpec>, from: u32, to: u32) {
        let to = to.clamp(from, from.saturating_add(SLICE_MAX));
        self.slices.insert(view, Slice { spec, from, to, sent: None });
        self.news.views = true;
    }

    /// Moves the slice of a view. Answers whether the page has that view.
    pub(crate) fn move_slice(&mut self, view: ViewId, from: u32, to: u32) -> bool {
        let Some(slice) = self.slices.get_mut(&view) else { return false };
        slice.from = from;
        slice.to = to.clamp(from, from.saturating_add(SLICE_MAX));
        self.news.views = true;
        true
    }

    /// Closes a view; answers what it showed, if the page had it.
    pub(crate) fn close_slice(&mut self, view: ViewId) -> Option<Arc<TaskViewSpec>> {
        self.slices.remove(&view).map(|slice| slice.spec)
    }

    /// The page shows everything up to `rev`.
    pub(super) fn acknowledge(&mut self, epoch: u64, rev: u64) {
        if epoch == self.epoch && self.awaiting.as_ref().is_some_and(|awaiting| rev >= awaiting.rev) {
            self.awaiting = None;
        }
    }

    /// When the next frame may go; none when there is nothing to tell.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        if self.news.is_empty() {
            return None;
        }
        let paced = self.last_frame_ms.map_or(i64::MIN, |last| last.saturating_add(FRAME_MS));
        let patient = self.awaiting.as_ref().map_or(i64::MIN, |one| one.since_ms.saturating_add(one.patience_ms));
        Some(paced.max(patient).max(self.retry_at_ms.unwrap_or(i64::MIN)))
    }

    /// Whether the page has not acknowledged its last frame; the next one is a snapshot then.
    pub(super) fn is_late(&self) -> bool {
        self.awaiting.is_some()
    }

    /// A frame is about to be made. A page that is late has lost its place: it gets a snapshot.
    pub(super) fn begin_frame(&mut self) {
        if self.is_late() {
            self.news.everything = true;
        }
    }

    /// The frame that leads to `rev` was handed over.
    pub(super) fn sent(&mut self, rev: u64, now_ms: i64) {
        let late = self.awaiting.as_ref().map(|awaiting| awaiting.patience_ms.saturating_mul(2).min(PATIENCE_MAX_MS));
        self.awaiting = Some(Awaiting { rev, since_ms: now_ms, patience_ms: late.unwrap_or(PATIENCE_MS) });
        self.rev = rev;
        self.last_frame_ms = Some(now_ms);
        self.retry_at_ms = None;
    }

    /// The frame could not be made; the news stays.
    pub(crate) fn retry_at(&mut self, at_ms: i64) {
        self.retry_at_ms = Some(at_ms);
    }
}

impl News {
    fn is_empty(&self) -> bool {
        !(self.everything || self.session || self.status || self.views || self.presence)
            && self.preferences.is_empty()
            && self.mirrored.is_empty()
            && self.tasks.is_empty()
            && self.notices.is_empty()
    }
}
