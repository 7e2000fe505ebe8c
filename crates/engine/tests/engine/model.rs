//! What a window would hold after the frames it got: the smallest model of the UI's reducer.

use std::collections::BTreeMap;

use cockpit_domain::{
    AppError, Frame, Op, Pointer, Present, RecordId, SessionState, StoreRow, SyncPhase, SyncStatus, TaskRow, ViewId,
};
use serde_json::Value;

/// What a window holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) epoch: u64,
    pub(crate) rev: u64,
    pub(crate) session: Option<SessionState>,
    pub(crate) sync: Option<SyncStatus>,
    pub(crate) mirrored: BTreeMap<RecordId, StoreRow>,
    pub(crate) views: BTreeMap<ViewId, Slice>,
    pub(crate) rows: BTreeMap<RecordId, TaskRow>,
    pub(crate) preferences: BTreeMap<String, Value>,
    pub(crate) people: Vec<Present>,
    pub(crate) pointers: Vec<Pointer>,
    pub(crate) notices: Vec<AppError>,
    pub(crate) frames: u32,
    pub(crate) snapshots: u32,
    /// Frames that did not follow on what the window held. There must be none.
    pub(crate) gaps: u32,
}

/// The part of a view that a window holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slice {
    pub(crate) count: u32,
    pub(crate) from: u32,
    pub(crate) ids: Vec<RecordId>,
}

impl Model {
    pub(crate) fn apply(&mut self, frame: Frame) {
        let snapshot = matches!(frame.ops.first(), Some(Op::Reset));
        if !snapshot && (frame.epoch != self.epoch || frame.base_rev != self.rev) {
            self.gaps += 1;
            return;
        }
        self.frames += 1;
        self.snapshots += u32::from(snapshot);
        (self.epoch, self.rev) = (frame.epoch, frame.rev);
        frame.ops.into_iter().for_each(|op| self.op(op));
    }

    fn op(&mut self, op: Op) {
        match op {
            Op::Reset => {
                let kept = std::mem::take(self);
                *self = Self {
                    epoch: kept.epoch,
                    rev: kept.rev,
                    notices: kept.notices,
                    frames: kept.frames,
                    snapshots: kept.snapshots,
                    gaps: kept.gaps,
                    ..Self::default()
                };
            }
            Op::Session { session } => self.session = Some(session),
            Op::Sync { status } => self.sync = Some(status),
            Op::Put { row } => {
                let id = match &row {
                    StoreRow::Tenants(row) => RecordId(row.id.0),
                    StoreRow::TenantMembers(row) => RecordId(row.id.0),
                    StoreRow::Clients(row) => row.id,
                    StoreRow::Projects(row) => row.id,
                };
                self.mirrored.insert(id, row);
            }
            Op::Remove { id, .. } => drop(self.mirrored.remove(&id)),
            Op::Presence { people } => self.people = people,
            Op::Pointers { pointers } => self.pointers = pointers,
            Op::View { view, count, from, ids, rows } => {
                let slice = self.views.entry(view).or_default();
                (slice.count, slice.from) = (count, from);
                if let Some(ids) = ids {
                    slice.ids = ids;
                }
                self.rows.extend(rows.into_iter().map(|row| (row.task.id, row)));
            }
            Op::Preferences { values } => {
                for (key, value) in values {
                    if value.is_null() {
                        self.preferences.remove(&key)
                    } else {
                        self.preferences.insert(key, value)
                    };
                }
            }
            Op::Notice { error, .. } => self.notices.push(error),
        }
    }

    pub(crate) fn phase(&self) -> Option<SyncPhase> {
        self.sync.as_ref().map(|status| status.phase.clone())
    }

    /// Everything is confirmed and fetched.
    pub(crate) fn settled(&self) -> bool {
        let status = self.sync.as_ref();
        status.is_some_and(|one| one.pending == 0 && matches!(one.phase, SyncPhase::Live | SyncPhase::Polling))
    }

    /// The rows of a view's slice in order; none while one of them is missing.
    pub(crate) fn shown(&self, view: ViewId) -> Option<Vec<&TaskRow>> {
        self.views.get(&view)?.ids.iter().map(|id| self.rows.get(id)).collect()
    }

    pub(crate) fn named(&self, view: ViewId, name: &str) -> Option<TaskRow> {
        self.shown(view)?.into_iter().find(|row| row.task.name == name).cloned()
    }
}
