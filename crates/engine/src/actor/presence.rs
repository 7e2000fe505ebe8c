//! Presence and pointers of the open workspace.

use cockpit_domain::{AppError, Place, PlaceRecord, Pointer, Reply, Table};

use super::Actor;
use crate::{
    WindowLabel,
    workspace::{Heard, no_workspace},
};

/// Where a selection in a text is.
pub(super) struct Selection {
    pub(super) record: PlaceRecord,
    pub(super) field: String,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) typing: bool,
}

impl Actor {
    /// The person has just done something in a window.
    pub(super) fn touched(
        &mut self,
        window: Option<&WindowLabel>,
        place: Place,
        editing: bool,
    ) -> Result<Reply, AppError> {
        let now_ms = self.now().mono_ms;
        let workspace = self.workspace.as_mut().ok_or_else(no_workspace)?;
        let window = window.map_or_else(String::new, ToString::to_string);
        workspace.presence.touched(&window, place, editing, now_ms);
        self.presence_time();
        Ok(Reply::Done)
    }

    /// One's own pointer moved.
    pub(super) fn pointer_moved(&mut self, selection: Selection) -> Result<Reply, AppError> {
        let workspace = self.workspace.as_mut().ok_or_else(no_workspace)?;
        let Selection { record, field, from, to, typing } = selection;
        workspace.presence.moved(Pointer { member: workspace.brief.member, record, field, from, to, typing });
        self.presence_time();
        Ok(Reply::Done)
    }

    /// A window is gone.
    pub(super) fn window_left(&mut self, window: &WindowLabel) {
        let now_ms = self.now().mono_ms;
        if let Some(workspace) = self.workspace.as_mut() {
            workspace.presence.closed(&window.to_string(), now_ms);
        }
        self.presence_time();
    }

    /// Realtime told of the others.
    pub(super) fn heard(&mut self, heard: Heard) {
        let now_ms = self.now().mono_ms;
        let Some(workspace) = self.workspace.as_mut() else { return };
        match heard {
            Heard::Joined => workspace.presence.connected(now_ms),
            Heard::Lost => workspace.presence.disconnected(now_ms),
            Heard::Everybody(everybody) => workspace.presence.everybody(everybody, now_ms),
            Heard::Pointer(device, pointer) => workspace.presence.heard(&device, pointer, now_ms),
        }
        self.pages.tell_presence();
        self.presence_time();
    }

    /// What is due for presence by time.
    pub(super) fn presence_time(&mut self) {
        let now_ms = self.now().mono_ms;
        let Some(workspace) = self.workspace.as_mut() else { return };
        let (sends, changed) = workspace.presence.tick(now_ms);
        if let Some(live) = &workspace.live {
            sends.into_iter().for_each(|send| live.tell(send));
        }
        if changed {
            self.pages.tell_presence();
        }
    }

    /// Who is here and where their pointers are.
    pub(super) fn presence(&self) -> (Vec<cockpit_domain::Present>, Vec<Pointer>) {
        let Some(workspace) = &self.workspace else { return Default::default() };
        let is_member = |member: cockpit_domain::MemberId| {
            let key = cockpit_sync::RecordKey { table: Table::TenantMembers, id: cockpit_domain::RecordId(member.0) };
            workspace.store.visible(key).is_ok_and(|row| row.is_some())
        };
        (workspace.presence.people(is_member), workspace.presence.pointers())
    }
}
