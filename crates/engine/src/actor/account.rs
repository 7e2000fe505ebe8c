//! The account: cache first, then the kept session; sign-in and sign-out.

use cockpit_domain::{AppError, ErrorCode, Reply, SessionState};
use cockpit_store::{Account, AccountId, OpenOptions, Profile, SqliteStore, app_error};
use cockpit_supabase::Error;
use cockpit_sync::{Store, Stored};
use serde_json::json;
use url::Url;

use super::{Actor, Answer, Message};
use crate::session::{Connection, Membership, NETWORK_TIMEOUT, Server, SignIn, Trust, internal};

impl Actor {
    /// Opens the profile and, before any network, the workspace that was open last.
    pub(super) fn start(&mut self) {
        let profile = match Profile::open(&self.options.profile_dir) {
            Ok(profile) => profile,
            Err(error) => return self.set_session(SessionState::Broken { error: error.into() }),
        };
        match profile.preferences() {
            Ok(preferences) => self.preferences = preferences.into_iter().collect(),
            Err(error) => return self.break_down(&error),
        }
        let open = profile.open_account();
        self.profile = Some(profile);
        match open {
            Ok(Some((account, tenant))) => self.remember(&account, tenant),
            Ok(None) => self.show_sign_in(None),
            Err(error) => self.break_down(&error),
        }
    }

    fn remember(&mut self, account: &Account, tenant: Option<cockpit_domain::TenantId>) {
        let connection = match self.remembered(account) {
            Ok(connection) => connection,
            Err(error) => return self.show_sign_in(Some(error)),
        };
        let known = match self.known_memberships(account.id()) {
            Ok(known) => known,
            Err(error) => return self.break_down(&error),
        };
        self.connection = Some(connection.clone());
        self.memberships = known;
        self.memberships_stale = true;
        self.restoring = true;
        match tenant {
            Some(tenant) => self.open_workspace(tenant),
            None => self.show_choice(),
        }
        let account = account.id();
        self.background.spawn(async move {
            // A locked keyring may be asking the person for its password; the window must not wait for that.
            let outcome = tokio::time::timeout(NETWORK_TIMEOUT, connection.restore()).await;
            Some(Message::Restored { account, outcome: outcome.unwrap_or(Err(Error::Timeout)) })
        });
    }

    fn remembered(&self, account: &Account) -> Result<Connection, AppError> {
        let address = Url::parse(&account.server).map_err(|_| internal("the profile's server address"))?;
        let pinned = account.pinned_certificate.as_deref().map(str::parse).transpose();
        let pinned = pinned.map_err(|_| internal("the profile's trusted certificate"))?;
        let server = Server { address, anon_key: account.anon_key.clone(), pinned };
        Connection::remembered(server, account.user, account.email.clone(), self.host.secrets())
    }

    /// The kept session was looked for.
    pub(super) fn restored(&mut self, account: AccountId, outcome: Result<bool, Error>) {
        if self.account_id() != Some(account) {
            return;
        }
        self.restoring = false;
        match outcome {
            Ok(true) => {
                self.resume_sync();
                self.ask_memberships();
            }
            outcome => {
                if let Err(error) = outcome {
                    tracing::warn!(%error, "the kept session could not be read; a new sign-in is needed");
                }
                if self.workspace.is_some() {
                    self.pause_sync();
                } else {
                    self.connection = None;
                    self.show_sign_in(None);
                }
            }
        }
    }

    /// Signs in off this thread; [`Message::SignedIn`] follows.
    pub(super) fn sign_in(&mut self, wanted: SignIn, answer: Answer) {
        if self.profile.is_none() {
            return self.answer(answer, Err(self.broken()));
        }
        let secrets = self.host.secrets();
        self.background.spawn(async move {
            Some(Message::SignedIn { outcome: Connection::sign_in(wanted, secrets).await, answer })
        });
    }

    /// Whose certificates are trusted: the one a person has just trusted, and those of the accounts known here.
    pub(super) fn trust(&self, certificate: Option<String>) -> Result<Trust, AppError> {
        let known = match &self.profile {
            Some(profile) => Self::stored(profile.accounts())?,
            None => Vec::new(),
        };
        Trust::new(
            certificate.as_deref(),
            known.into_iter().map(|account| (account.server, account.pinned_certificate)),
        )
    }

    /// A sign-in came to its end.
    pub(super) fn signed_in(&mut self, outcome: Result<(Connection, Vec<Membership>), AppError>, answer: Answer) {
        let result = outcome.and_then(|(connection, memberships)| self.take_over(connection, memberships));
        self.answer(answer, result.map(|()| Reply::Done));
    }

    fn take_over(&mut self, connection: Connection, memberships: Vec<Membership>) -> Result<(), AppError> {
        let account = account_of(&connection);
        let same = self.account_id() == Some(account.id());
        let profile = self.profile.as_mut().ok_or_else(|| internal("no profile"))?;
        let remembered = profile.open_account().map(|open| open.and_then(|(_, tenant)| tenant));
        Self::stored(profile.put_account(&account))?;
        if !same {
            self.close_workspace();
        }
        self.restoring = false;
        self.connection = Some(connection);
        Self::stored(self.set_memberships(memberships))?;
        let open = self.workspace.as_ref().map(|workspace| workspace.tenant());
        let is_known = |tenant: &cockpit_domain::TenantId| self.memberships.iter().any(|one| one.tenant == *tenant);
        let only = match self.memberships.as_slice() {
            [only] => Some(only.tenant),
            _ => None,
        };
        match open.or(Self::stored(remembered)?).filter(is_known).or(only) {
            Some(tenant) if open == Some(tenant) => {
                self.tell_workspace();
                self.resume_sync();
            }
            Some(tenant) => {
                self.open_workspace(tenant);
                self.resume_sync();
            }
            None => {
                self.close_workspace();
                self.show_choice();
                let profile = self.profile.as_mut().ok_or_else(|| internal("no profile"))?;
                Self::stored(profile.set_open(Some((account.id(), None))))?;
            }
        }
        Ok(())
    }

    /// Ends the session and takes the account's rows off this machine. What was not sent is only given up when the person says so.
    pub(super) fn sign_out(&mut self, discard_unsent: bool, answer: Answer) {
        let Some(connection) = self.connection.clone() else {
            self.show_sign_in(None);
            return self.answer(answer, Ok(Reply::Done));
        };
        match self.unsent() {
            Ok(0) => {}
            Ok(_) if discard_unsent => {}
            Ok(unsent) => {
                let message = "Some of your changes have not reached the server yet and would be lost. Connect and let them be sent, or sign out and give them up.";
                let error = AppError::new(ErrorCode::UnsentWork, message).with_details(json!({ "changes": unsent }));
                return self.answer(answer, Err(error));
            }
            Err(error) => return self.answer(answer, Err(app_error(&error))),
        }
        self.close_workspace();
        self.connection = None;
        self.memberships.clear();
        if let Err(error) = self.forget(AccountId::of(connection.address.as_str(), connection.user)) {
            return self.answer(answer, Err(error));
        }
        self.show_sign_in(None);
        // The session here is gone in any case; the server is told when it can be reached.
        self.background.spawn(async move {
            connection.sign_out().await;
            Some(Message::SignedOut { answer })
        });
    }

    /// Changes that are not confirmed, in every workspace of the account.
    fn unsent(&mut self) -> Stored<u32> {
        let mut unsent = 0;
        if let Some(workspace) = self.workspace.as_mut() {
            unsent += count(&mut workspace.store)?;
        }
        let open = self.workspace.as_ref().map(|workspace| workspace.tenant());
        let (Some(profile), Some(account)) = (&self.profile, self.account_id()) else { return Ok(unsent) };
        for membership in self.memberships.iter().filter(|one| Some(one.tenant) != open) {
            let path = profile.workspace_path(account, membership.tenant)?;
            if path.exists() {
                unsent += count(&mut SqliteStore::open(&path, OpenOptions::new(membership.tenant))?)?;
            }
        }
        Ok(unsent)
    }

    /// Takes the files of the account's workspaces off this machine, with their backups.
    fn forget(&mut self, account: AccountId) -> Result<(), AppError> {
        let Some(profile) = self.profile.as_mut() else { return Ok(()) };
        Self::stored(profile.set_open(None))?;
        Self::stored(profile.remove_account(account))?;
        if let Err(error) = profile.remove_files(account) {
            tracing::warn!(%error, "a file of the account could not be removed");
            let message =
                "You are signed out, but a data file could not be removed. Delete the profile's folder to be sure.";
            return Err(AppError::new(ErrorCode::ReadOnly, message));
        }
        Ok(())
    }

    /// Nobody is signed in.
    pub(super) fn show_sign_in(&mut self, reason: Option<AppError>) {
        let last = self.profile.as_ref().map(Profile::last_sign_in).transpose();
        let (address, email) = last
            .unwrap_or_else(|error| {
                // The form is only not filled in.
                tracing::warn!(%error, "the last sign-in could not be read");
                None
            })
            .unwrap_or_default();
        self.set_session(SessionState::SignedOut { address, email, reason });
    }

    /// The account that is signed in.
    pub(super) fn account_id(&self) -> Option<AccountId> {
        self.connection.as_ref().map(|connection| AccountId::of(connection.address.as_str(), connection.user))
    }

    fn broken(&self) -> AppError {
        match &self.session {
            SessionState::Broken { error } => error.clone(),
            _ => internal("no profile"),
        }
    }
}

fn account_of(connection: &Connection) -> Account {
    Account {
        server: connection.address.to_string(),
        user: connection.user,
        email: connection.email.clone(),
        anon_key: connection.anon_key().to_owned(),
        pinned_certificate: connection.pinned.map(|pinned| pinned.to_string()),
    }
}

fn count(store: &mut SqliteStore) -> Stored<u32> {
    let counts = store.transaction(|store: &mut dyn Store| store.outbox_counts())?;
    Ok(counts.pending.saturating_add(counts.parked))
}
