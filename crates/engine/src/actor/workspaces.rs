//! The account's workspaces: the list, opening one, making one.

use cockpit_domain::{AppError, ErrorCode, Reply, SessionState, SyncPhase, TenantId};
use cockpit_store::{AccountId, Workspace as Kept};
use cockpit_sync::{CoreOptions, Stored};
use uuid::Uuid;

use super::{Actor, Answer, Message};
use crate::{
    session::{Membership, call_error, sign_in_needed},
    workspace::Workspace,
};
use cockpit_sync::CallError;

impl Actor {
    /// Opens a workspace of the account from its file; what is in it is on the screen before any network.
    pub(super) fn open_workspace(&mut self, tenant: TenantId) {
        let Some(membership) = self.memberships.iter().find(|one| one.tenant == tenant).cloned() else {
            return self.show_choice();
        };
        self.close_workspace();
        match self.open_file(&membership) {
            Ok(mut workspace) => {
                let recovery = workspace.take_recovery();
                self.workspace = Some(workspace);
                self.views.invalidate();
                self.views_not_before_ms = 0;
                self.tell_workspace();
                self.pages.tell_everything();
                if let Some(told) = recovery {
                    self.pages.tell_notice(&(told, None));
                }
            }
            Err(error) => self.break_down(&error),
        }
    }

    fn open_file(&mut self, membership: &Membership) -> Stored<Workspace> {
        let none = || cockpit_sync::StoreError::Other("no profile is open".into());
        let account = self.account_id().ok_or_else(none)?;
        let profile = self.profile.as_mut().ok_or_else(none)?;
        let path = profile.workspace_path(account, membership.tenant)?;
        self.openings += 1;
        let options = CoreOptions { seed: rand::random(), ..self.options.core.clone() };
        let workspace = Workspace::open(&path, membership.brief(), membership.scopes.clone(), self.openings, options)?;
        profile.set_open(Some((account, Some(membership.tenant))))?;
        Ok(workspace)
    }

    /// Closes the open workspace; its file keeps everything.
    pub(super) fn close_workspace(&mut self) {
        if self.workspace.take().is_some() {
            self.views.invalidate();
            self.views_not_before_ms = 0;
            self.pages.tell_everything();
        }
    }

    /// A person opens one of the account's workspaces.
    pub(super) fn choose(&mut self, tenant: TenantId) -> Result<Reply, AppError> {
        if !self.memberships.iter().any(|one| one.tenant == tenant) {
            let message = "You are not in that workspace (any more). Choose another one.";
            return Err(AppError::new(ErrorCode::NotFound, message));
        }
        if self.workspace.as_ref().is_none_or(|workspace| workspace.tenant() != tenant) {
            self.open_workspace(tenant);
            self.resume_sync();
        }
        match &self.session {
            SessionState::Broken { error } => Err(error.clone()),
            _ => Ok(Reply::Done),
        }
    }

    /// Makes a workspace off this thread and opens it; [`Message::Memberships`] follows.
    pub(super) fn create_workspace(&mut self, name: String, member_name: String, answer: Answer) {
        let (name, member_name) = (name.trim().to_owned(), member_name.trim().to_owned());
        if name.is_empty() || member_name.is_empty() {
            let message = "Give the workspace a name, and say how you are called in it.";
            return self.answer(answer, Err(AppError::new(ErrorCode::Invalid, message)));
        }
        let (Ok(connection), Some(account)) = (self.connection(), self.account_id()) else {
            return self.answer(answer, Err(sign_in_needed()));
        };
        self.background.spawn(async move {
            let (tenant, member) = (Uuid::now_v7(), Uuid::now_v7());
            let outcome = match connection.create_workspace(tenant, member, &name, &member_name).await {
                Ok(()) => connection.memberships().await,
                Err(error) => Err(error),
            };
            let outcome = outcome.map_err(told);
            Some(Message::Memberships { account, outcome, open: Some((TenantId(tenant), answer)) })
        });
    }

    /// Asks the server for the account's workspaces.
    pub(super) fn ask_memberships(&mut self) {
        let (Some(connection), Some(account)) = (self.connection.clone(), self.account_id()) else { return };
        // Asked for; a failure makes it stale again.
        self.memberships_stale = false;
        self.background.spawn(async move {
            let outcome = connection.memberships().await.map_err(told);
            Some(Message::Memberships { account, outcome, open: None })
        });
    }

    /// The server said which workspaces there are.
    pub(super) fn memberships_came(
        &mut self,
        account: AccountId,
        outcome: Result<Vec<Membership>, AppError>,
        open: Option<(TenantId, Answer)>,
    ) {
        if self.account_id() != Some(account) {
            if let Some((_, answer)) = open {
                self.answer(answer, Err(sign_in_needed()));
            }
            return;
        }
        let stored = outcome.and_then(|memberships| Self::stored(self.set_memberships(memberships)));
        match (stored, open) {
            (Ok(()), Some((tenant, answer))) => {
                let result = self.choose(tenant);
                self.answer(answer, result);
            }
            (Ok(()), None) => match &self.workspace {
                Some(_) => self.tell_workspace(),
                None => self.show_choice(),
            },
            (Err(error), Some((_, answer))) => self.answer(answer, Err(error)),
            (Err(error), None) => {
                tracing::debug!(%error, "the list of workspaces could not be fetched; the kept one stays");
                self.memberships_stale = true;
                if error.code == ErrorCode::SignInNeeded && self.workspace.is_none() {
                    self.connection = None;
                    self.show_sign_in(Some(error));
                }
            }
        }
    }

    /// The list of workspaces is now so.
    pub(super) fn set_memberships(&mut self, memberships: Vec<Membership>) -> Stored<()> {
        self.memberships_stale = false;
        if let Some(workspace) = self.workspace.as_mut()
            && let Some(own) = memberships.iter().find(|one| one.tenant == workspace.tenant())
        {
            workspace.brief = own.brief();
            workspace.scopes.clone_from(&own.scopes);
        }
        let mut kept: Vec<Kept> = memberships.iter().map(kept).collect();
        // The open one stays known even when the person is out of it, because unsent work may be in its file.
        if let Some(workspace) = &self.workspace
            && !memberships.iter().any(|one| one.tenant == workspace.tenant())
        {
            kept.push(Kept { brief: workspace.brief.clone(), scopes: Vec::new() });
        }
        self.memberships = memberships;
        match (self.profile.as_mut(), self.connection.as_ref()) {
            (Some(profile), Some(connection)) => {
                profile.set_workspaces(AccountId::of(connection.address.as_str(), connection.user), &kept)
            }
            _ => Ok(()),
        }
    }

    /// The workspaces as the profile remembers them.
    pub(super) fn known_memberships(&self, account: AccountId) -> Stored<Vec<Membership>> {
        let Some(profile) = &self.profile else { return Ok(Vec::new()) };
        let known = profile.workspaces(account)?.into_iter().map(|Kept { brief, scopes }| Membership {
            tenant: brief.tenant,
            name: brief.name,
            member: brief.member,
            role: brief.role,
            finance_right: brief.finance_right,
            scopes,
        });
        Ok(known.collect())
    }

    /// A workspace is open.
    pub(super) fn tell_workspace(&mut self) {
        let (Some(workspace), Some(connection)) = (&self.workspace, &self.connection) else { return };
        let others = self.memberships.iter().filter(|one| one.tenant != workspace.tenant()).map(Membership::brief);
        let session = SessionState::Open {
            email: connection.email.clone(),
            address: connection.address.to_string(),
            workspace: workspace.brief.clone(),
            others: others.collect(),
            sign_in_needed: *workspace.phase() == SyncPhase::SignInNeeded,
        };
        self.set_session(session);
    }

    /// Signed in, and no workspace is open.
    pub(super) fn show_choice(&mut self) {
        let Some(connection) = &self.connection else { return };
        let session = SessionState::Choosing {
            email: connection.email.clone(),
            address: connection.address.to_string(),
            workspaces: self.memberships.iter().map(Membership::brief).collect(),
        };
        self.set_session(session);
    }
}

fn kept(membership: &Membership) -> Kept {
    Kept { brief: membership.brief(), scopes: membership.scopes.clone() }
}

/// What the failure of a call outside of sync is to a person.
fn told(error: cockpit_supabase::Error) -> AppError {
    match call_error(error) {
        CallError::Later(error) | CallError::Mismatch(error) => error,
        CallError::SignInNeeded => sign_in_needed(),
    }
}
