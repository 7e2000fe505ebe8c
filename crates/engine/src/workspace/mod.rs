//! The open workspace: its core and its store, stepped together.

mod calls;
mod live;
mod presence;

use std::time::Duration;

use cockpit_domain::{
    AppError, DeviceId, ErrorCode, MemberId, MutationId, SyncPhase, SyncStatus, Table, TenantId, WaitingFor,
    WorkspaceBrief,
};
use cockpit_store::{OpenOptions, Recovery, SqliteStore, app_error, recover};
use cockpit_sync::{
    Core, CoreOptions, Edit, EditError, Edited, Effect, Event, Now, RecordKey, StoreError, Stored, wire::ScopeInfo,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use calls::call;
pub(crate) use live::{Heard, Live, Shared, Topics};
pub(crate) use presence::Presence;

/// The first pause after a failure of the store, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The open workspace. It belongs to the engine's thread.
pub(crate) struct Workspace {
    /// Tells this opening from an earlier one, so that an answer on its way to that one is not taken for this.
    pub(crate) opening: u64,
    /// Who the person is in it, as the store knows it.
    pub(crate) brief: WorkspaceBrief,
    /// The scopes that the server named when it was asked last.
    pub(crate) scopes: Vec<ScopeInfo>,
    /// The rows.
    pub(crate) store: SqliteStore,
    /// The state of sync as the core told it last.
    status: SyncStatus,
    /// When the core wants a tick.
    pub(crate) wake_at_ms: Option<i64>,
    /// The server's clock minus the monotonic one of this machine.
    pub(crate) server_offset_ms: Option<i64>,
    /// The feed, while there is a session.
    pub(crate) live: Option<Live>,
    /// The topics that the core wants.
    pub(crate) topics: Vec<String>,
    /// Who is here.
    pub(crate) presence: Presence,
    device: DeviceId,
    /// None between a failure of the store and the next try.
    core: Option<Core>,
    options: CoreOptions,
    trouble: Option<Trouble>,
    /// What opening had to save from a damaged file; told once.
    recovery: Option<Recovery>,
}

/// What the store could not do.
struct Trouble {
    error: AppError,
    tries: u32,
    retry_at_ms: i64,
}

impl Workspace {
    /// Opens the file of a workspace, making it when it is not there. A damaged one is put aside, and a fresh one goes on with its unsent changes.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn open(
        path: &std::path::Path,
        brief: WorkspaceBrief,
        scopes: Vec<ScopeInfo>,
        opening: u64,
        options: CoreOptions,
    ) -> Stored<Self> {
        let (mut store, core, recovery) = open_or_recover(path, brief.tenant, &options)?;
        let status = status(&core, &mut store)?;
        let device = store.transaction(|store| store.device())?;
        Ok(Self {
            opening,
            presence: Presence::new(brief.member),
            device,
            brief,
            scopes,
            store,
            status,
            wake_at_ms: None,
            server_offset_ms: None,
            live: None,
            topics: Vec::new(),
            core: Some(core),
            options,
            trouble: None,
            recovery,
        })
    }

    /// What a person has to know about a damaged file that was recovered when this was opened.
    pub(crate) fn take_recovery(&mut self) -> Option<AppError> {
        self.recovery.take().map(|recovery| told(&recovery))
    }

    /// Its id.
    pub(crate) fn tenant(&self) -> TenantId {
        self.brief.tenant
    }

    /// The state of sync. What the store cannot do comes before what the network cannot do.
    pub(crate) fn status(&self) -> SyncStatus {
        let problem = self.trouble.as_ref().map(|trouble| trouble.error.clone());
        SyncStatus { problem: problem.or_else(|| self.status.problem.clone()), ..self.status.clone() }
    }

    /// The core told a new state.
    pub(crate) fn set_status(&mut self, status: SyncStatus) {
        self.status = status;
    }

    /// What the engine is doing.
    pub(crate) fn phase(&self) -> &SyncPhase {
        &self.status.phase
    }

    /// Takes one event, in one transaction. While the store is in trouble events are dropped: whatever they said is asked for again.
    ///
    /// # Errors
    /// When the store fails; nothing happened then, and [`Workspace::failed`] is next.
    pub(crate) fn step(&mut self, event: Event, now: Now) -> Stored<Vec<Effect>> {
        let Some(core) = self.core.as_mut() else { return Ok(Vec::new()) };
        let proves_writing = matches!(event, Event::Pulled { answer: Ok(_), .. } | Event::Paged { answer: Ok(_), .. });
        let effects = self.store.transaction(|store| core.step(event, now, store))?;
        if proves_writing {
            self.trouble = None;
        }
        Ok(effects)
    }

    /// Carries out a change of a person, in one transaction.
    ///
    /// # Errors
    /// When it is refused, or the store fails; nothing happened then, and after a failure [`Workspace::failed`] is next.
    pub(crate) fn edit(&mut self, edit: Edit, now: Now) -> Result<Edited, EditError> {
        let core = match self.core.as_mut() {
            Some(core) => core,
            None => self.core.insert(open_core(&mut self.store, &self.options)?),
        };
        let mutation = MutationId(Uuid::now_v7());
        self.store.transaction(|store| core.edit(edit, mutation, now, store))
    }

    /// The store failed: what the core remembers may be of a step that was rolled back, so it goes.
    pub(crate) fn failed(&mut self, error: &StoreError, now: Now) {
        let tries = self.trouble.as_ref().map_or(0, |trouble| trouble.tries);
        let pause = RETRY.0.saturating_mul(1 << tries.min(6)).min(RETRY.1);
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        tracing::warn!(%error, ?pause, "the store failed");
        let retry_at_ms = now.mono_ms.saturating_add(pause_ms);
        self.trouble = Some(Trouble { error: app_error(error), tries: tries.saturating_add(1), retry_at_ms });
        self.core = None;
        self.wake_at_ms = None;
    }

    /// When [`Workspace::reopen`] is next, if the store is in trouble.
    pub(crate) fn retry_at_ms(&self) -> Option<i64> {
        self.trouble.as_ref().filter(|_| self.core.is_none()).map(|trouble| trouble.retry_at_ms)
    }

    /// Begins again with what the store holds. The trouble is over when something was written.
    ///
    /// # Errors
    /// When the store still fails.
    pub(crate) fn reopen(&mut self) -> Stored<()> {
        self.core = Some(open_core(&mut self.store, &self.options)?);
        Ok(())
    }

    /// Whose lock the changes of a record wait for.
    pub(crate) fn waiting_for(&self, key: RecordKey) -> Option<WaitingFor> {
        self.core.as_ref()?.waiting_for(key).cloned()
    }

    /// Whether it needs a new core.
    pub(crate) fn is_down(&self) -> bool {
        self.core.is_none()
    }

    /// The channels that should be joined.
    pub(crate) fn wanted(&self) -> Topics {
        let key = self.core.as_ref().and_then(Core::tenant_key);
        let shared = key.filter(|_| !self.topics.is_empty()).map(|key| Shared {
            tenant: self.tenant(),
            key: key.to_owned(),
            device: self.device,
        });
        Topics { feed: self.topics.clone(), shared }
    }

    /// Name and role may have changed by sync. Answers whether they did.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn refresh_brief(&mut self, keys: &[RecordKey]) -> Stored<bool> {
        let MemberId(member) = self.brief.member;
        let mut brief = self.brief.clone();
        for key in keys {
            let is_own = match key.table {
                Table::Tenants => key.id.0 == self.brief.tenant.0,
                Table::TenantMembers => key.id.0 == member,
                _ => false,
            };
            if !is_own {
                continue;
            }
            let Some(text) = self.store.visible(*key)? else { continue };
            let Ok(row) = serde_json::from_str::<Value>(&text) else { continue };
            let field = |name: &str| row.get(name).cloned().unwrap_or_default();
            if key.table == Table::Tenants {
                brief.name = field("name").as_str().map_or(brief.name, str::to_owned);
            } else {
                brief.role = serde_json::from_value(field("role")).unwrap_or(brief.role);
                brief.finance_right = field("finance_right").as_bool().unwrap_or(brief.finance_right);
            }
        }
        let changed = brief != self.brief;
        self.brief = brief;
        Ok(changed)
    }
}

/// The answer to an edit that did not happen.
pub(crate) fn edit_error(error: &EditError) -> AppError {
    match error {
        EditError::Refused(error) => error.clone(),
        EditError::Store(error) => app_error(error),
    }
}

/// There is no workspace to do that in.
pub(crate) fn no_workspace() -> AppError {
    AppError::new(ErrorCode::NoWorkspace, "No workspace is open. Sign in and open one first.")
}

type Opened = (SqliteStore, Core, Option<Recovery>);

fn open_or_recover(path: &std::path::Path, tenant: TenantId, options: &CoreOptions) -> Stored<Opened> {
    let open = || {
        let mut store = SqliteStore::open(path, OpenOptions::new(tenant))?;
        let core = open_core(&mut store, options)?;
        Ok((store, core))
    };
    match open() {
        Ok((store, core)) => Ok((store, core, None)),
        Err(StoreError::Damaged(why)) => {
            tracing::error!(why, "the data file is damaged; what is readable is saved");
            let recovery = recover(path, &OpenOptions::new(tenant), Timestamp::now())?;
            tracing::warn!(
                changes = recovery.changes,
                broken = recovery.broken_changes,
                "the unsent changes go on in a fresh file"
            );
            let (store, core) = open()?;
            Ok((store, core, Some(recovery)))
        }
        Err(error) => Err(error),
    }
}

fn told(recovery: &Recovery) -> AppError {
    let changes = match (recovery.changes, recovery.broken_changes) {
        (0, 0) => "No unsent change was found in it.".to_owned(),
        (saved, 0) => format!("Unsent changes found in it and kept: {saved}."),
        (saved, broken) => {
            format!("Unsent changes found in it and kept: {saved}; found and not readable in full: {broken}.")
        }
    };
    let message = format!(
        "The data file on this machine was damaged and has been made anew. {changes} What was synced comes back from the server. The damaged file and all that could be read of it are kept beside it."
    );
    let details = json!({
        "document": recovery.document.display().to_string(),
        "aside": recovery.aside.as_ref().map(|path| path.display().to_string()),
        "lost": recovery.tables.iter().filter(|table| table.lost.is_some()).map(|table| &table.name).collect::<Vec<_>>(),
    });
    AppError::new(ErrorCode::DataDamaged, message).with_details(details)
}

fn open_core(store: &mut SqliteStore, options: &CoreOptions) -> Stored<Core> {
    store.transaction(|store| Core::open(options.clone(), store))
}

fn status(core: &Core, store: &mut SqliteStore) -> Stored<SyncStatus> {
    store.transaction(|store| core.status(store))
}

#[cfg(test)]
mod recovery_tests;
