//! Making a frame: the difference between what a page holds and what is.

use std::collections::{BTreeMap, HashSet};

use cockpit_domain::{Frame, Op, Pointer, Present, SessionState, SyncStatus, ViewId};
use cockpit_store::SqliteStore;
use cockpit_sync::Stored;
use serde_json::Value;

use super::{
    mirror,
    page::{News, Page, Sent, Slice},
};
use crate::view::{TaskView, Views};

/// Everything there is to tell, between two transactions.
pub(crate) struct Picture<'a> {
    /// Where the app stands.
    pub(crate) session: &'a SessionState,
    /// The state of sync; none without a workspace.
    pub(crate) status: Option<&'a SyncStatus>,
    /// Small UI state.
    pub(crate) preferences: &'a BTreeMap<String, Value>,
    /// The rows; none without a workspace.
    pub(crate) store: Option<&'a SqliteStore>,
    /// The open views, none of them stale.
    pub(crate) views: &'a Views,
    /// Who is here and where their pointers are; none while no page wants to know.
    pub(crate) presence: Option<&'a (Vec<Present>, Vec<Pointer>)>,
    /// The server's clock, Unix milliseconds.
    pub(crate) server_now: Option<i64>,
}

impl Page {
    /// The frame that brings the page up to date; none when it is. When the store fails, nothing of the news is lost.
    pub(crate) fn frame(&mut self, picture: &Picture<'_>, now_ms: i64) -> Stored<Option<Frame>> {
        self.begin_frame();
        let snapshot = self.news.everything;
        let mut ops = Vec::new();
        if snapshot {
            ops.push(Op::Reset);
        }
        if snapshot || (self.news.session && self.told.session.as_ref() != Some(picture.session)) {
            ops.push(Op::Session { session: picture.session.clone() });
        }
        if let Some(status) = picture.status
            && (snapshot || (self.news.status && self.told.status.as_ref() != Some(status)))
        {
            ops.push(Op::Sync { status: status.clone() });
        }
        ops.extend(self.preferences(picture.preferences));
        if let Some((people, pointers)) = picture.presence.filter(|_| snapshot || self.news.presence) {
            let (told_people, told_pointers) =
                if snapshot { (&[][..], &[][..]) } else { (&self.told.people[..], &self.told.pointers[..]) };
            if told_people != people {
                ops.push(Op::Presence { people: people.clone() });
            }
            if told_pointers != pointers {
                ops.push(Op::Pointers { pointers: pointers.clone() });
            }
        }
        match picture.store {
            Some(store) if snapshot => ops.extend(mirror::all(store)?),
            Some(store) => {
                for key in &self.news.mirrored {
                    ops.extend(mirror::one(store, *key)?);
                }
            }
            None => {}
        }
        let mut sent = Vec::new();
        for (id, slice) in &self.slices {
            if let Some(view) = picture.views.get(&slice.spec)
                && let Some((op, now_sent)) = slice.op(*id, view, picture.store, &self.news)?
            {
                ops.extend(op);
                sent.push((*id, now_sent));
            }
        }

        // From here on nothing fails, so what the page holds and what is told move together.
        let news = std::mem::take(&mut self.news);
        ops.extend(news.notices.into_iter().map(|(error, record)| Op::Notice { error, record }));
        self.told.session = Some(picture.session.clone());
        self.told.status = picture.status.cloned();
        if let Some((people, pointers)) = picture.presence.filter(|_| snapshot || news.presence) {
            self.told.people.clone_from(people);
            self.told.pointers.clone_from(pointers);
        }
        for (id, now_sent) in sent {
            if let Some(slice) = self.slices.get_mut(&id) {
                slice.sent = Some(now_sent);
            }
        }
        if ops.is_empty() {
            return Ok(None);
        }
        let base_rev = self.rev;
        self.sent(base_rev + 1, now_ms);
        Ok(Some(Frame { epoch: self.epoch, base_rev, rev: self.rev, ops, server_now: picture.server_now }))
    }

    fn preferences(&self, all: &BTreeMap<String, Value>) -> Option<Op> {
        let values: BTreeMap<String, Value> = if self.news.everything {
            all.clone()
        } else {
            let now = |key: &String| (key.clone(), all.get(key).cloned().unwrap_or(Value::Null));
            self.news.preferences.iter().map(now).collect()
        };
        (!values.is_empty()).then_some(Op::Preferences { values })
    }
}

impl Slice {
    /// What to tell of the slice, and what the page holds after it; none when it is untouched.
    fn op(
        &self,
        id: ViewId,
        view: &TaskView,
        store: Option<&SqliteStore>,
        news: &News,
    ) -> Stored<Option<(Option<Op>, Sent)>> {
        let nothing = Sent::default();
        let before = self.sent.as_ref().filter(|_| !news.everything);
        let asked = (self.from, self.to);
        let still = before.is_some_and(|sent| sent.revision == view.revision() && sent.asked == asked);
        let known = &before.unwrap_or(&nothing).known;
        if still && !news.tasks.iter().any(|task| known.contains(task)) {
            return Ok(None);
        }
        let (from, ids) = view.slice(self.from, self.to);
        let count = view.count();
        let wanted: Vec<_> = ids.iter().filter(|id| !known.contains(id) || news.tasks.contains(id)).copied().collect();
        let rows = match store {
            Some(store) => store.task_rows(&wanted)?,
            None => Vec::new(),
        };
        let same_place = before.is_some_and(|sent| sent.count == count && sent.from == from && sent.ids == ids);
        let sent = Sent {
            revision: view.revision(),
            asked,
            count,
            from,
            ids: ids.to_vec(),
            known: ids.iter().copied().collect::<HashSet<_>>(),
        };
        let op = (!(same_place && rows.is_empty())).then(|| Op::View {
            view: id,
            count,
            from,
            ids: (!same_place).then(|| ids.to_vec()),
            rows,
        });
        Ok(Some((op, sent)))
    }
}
