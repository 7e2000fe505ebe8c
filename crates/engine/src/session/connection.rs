//! A signed-in account: its client, its session, and the questions that are asked outside of sync.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use cockpit_domain::{AppError, ErrorCode, MemberId, Role, TenantId, UserId, WorkspaceBrief};
use cockpit_supabase::{Client, Error, Fingerprint, KeeperOptions, SessionKeeper, SignOutScope, TokenSource};
use cockpit_sync::{CallError, wire::ScopeInfo};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{
    Trust,
    failure::{sign_in_error, with_address},
    probe::{self, Found, NETWORK_TIMEOUT, Probed, check_schema},
};
use crate::secrets::{RefreshTokens, SecretStore};

/// What a person gives to sign in.
pub(crate) struct SignIn {
    /// The address as typed.
    pub(crate) address: String,
    /// The project's key, where the server does not tell it.
    pub(crate) anon_key: Option<String>,
    /// The account.
    pub(crate) email: String,
    /// Kept nowhere.
    pub(crate) password: String,
    /// Which certificates are trusted.
    pub(crate) trust: Trust,
}

/// A server as the profile remembers it.
pub(crate) struct Server {
    /// Its address in full.
    pub(crate) address: Url,
    /// The key that admits a client.
    pub(crate) anon_key: String,
    /// The one certificate that is trusted there.
    pub(crate) pinned: Option<Fingerprint>,
}

/// A signed-in account. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Connection {
    /// The server's address in full.
    pub(crate) address: Url,
    /// Whose account.
    pub(crate) user: UserId,
    /// As typed at sign-in.
    pub(crate) email: String,
    /// The one certificate that is trusted at the server, by whoever signed in.
    pub(crate) pinned: Option<Fingerprint>,
    client: Client,
    keeper: SessionKeeper,
    /// Whether the server's schema was looked at and fits.
    fits: Arc<AtomicBool>,
}

/// A workspace the account belongs to, as `my_workspaces` tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Membership {
    pub(crate) tenant: TenantId,
    pub(crate) name: String,
    pub(crate) member: MemberId,
    pub(crate) role: Role,
    pub(crate) finance_right: bool,
    #[serde(default)]
    pub(crate) scopes: Vec<ScopeInfo>,
}

impl Membership {
    /// As a switcher shows it.
    pub(crate) fn brief(&self) -> WorkspaceBrief {
        WorkspaceBrief {
            tenant: self.tenant,
            name: self.name.clone(),
            member: self.member,
            role: self.role,
            finance_right: self.finance_right,
        }
    }
}

impl Connection {
    /// Signs in: completes the address, looks who is there, checks the schema, then sends the password.
    ///
    /// # Errors
    /// One clear error for each thing that can be wrong.
    pub(crate) async fn sign_in(
        wanted: SignIn,
        secrets: Arc<dyn SecretStore>,
    ) -> Result<(Self, Vec<Membership>), AppError> {
        let Found { address, pinned, probed } = probe::find(&wanted.address, &wanted.trust).await?;
        let given = wanted.anon_key.filter(|key| !key.trim().is_empty());
        let anon_key = match (probed, given) {
            (Probed::Hub { anon_key }, _) => anon_key,
            (Probed::Supabase, Some(key)) => key.trim().to_owned(),
            (Probed::Supabase, None) => {
                let message = "This is a Supabase project. Add its anon or publishable key, which the project's API settings show.";
                return Err(AppError::new(ErrorCode::KeyNeeded, message));
            }
        };
        // A certificate that changes between two steps is told with its address, too.
        let fail = |error: Error| with_address(sign_in_error(&error), &address);
        let client = probe::client(&address, &anon_key, pinned).map_err(fail)?;
        check_schema(&client).await.map_err(|error| with_address(error, &address))?;
        let email = wanted.email.trim().to_owned();
        let session = client.auth().sign_in_with_password(&email, &wanted.password).await.map_err(fail)?;
        let user = UserId(session.user.id);
        let connection = Self::new(address.clone(), pinned, user, email, client, secrets);
        connection.fits.store(true, Ordering::Relaxed);
        connection.keeper.set_session(session).await.map_err(fail)?;
        let workspaces = connection.memberships().await.map_err(fail)?;
        Ok((connection, workspaces))
    }

    /// The account as the profile remembers it. No session yet: [`Connection::restore`].
    ///
    /// # Errors
    /// When this machine cannot make connections at all.
    pub(crate) fn remembered(
        server: Server,
        user: UserId,
        email: String,
        secrets: Arc<dyn SecretStore>,
    ) -> Result<Self, AppError> {
        let Server { address, anon_key, pinned } = server;
        let client = probe::client(&address, &anon_key, pinned).map_err(|error| sign_in_error(&error))?;
        Ok(Self::new(address, pinned, user, email, client, secrets))
    }

    fn new(
        address: Url,
        pinned: Option<Fingerprint>,
        user: UserId,
        email: String,
        client: Client,
        secrets: Arc<dyn SecretStore>,
    ) -> Self {
        let storage = Arc::new(RefreshTokens::new(secrets, &address, user));
        let keeper = SessionKeeper::new(client.clone(), storage, KeeperOptions::default());
        Self { address, user, email, pinned, client, keeper, fits: Arc::default() }
    }

    /// Takes the kept session up. Answers whether there is one.
    ///
    /// # Errors
    /// When the place of secrets cannot be asked.
    pub(crate) async fn restore(&self) -> Result<bool, Error> {
        Ok(self.keeper.restore().await?.is_some())
    }

    /// The key that admits a client.
    pub(crate) fn anon_key(&self) -> &str {
        self.client.anon_key()
    }

    /// Where realtime gets its tokens.
    pub(crate) fn tokens(&self) -> Arc<dyn TokenSource> {
        Arc::new(self.keeper.clone())
    }

    /// Looks once whether the server's schema fits.
    ///
    /// # Errors
    /// What that means for sync.
    pub(crate) async fn ensure_schema(&self) -> Result<(), CallError> {
        if self.fits.load(Ordering::Relaxed) {
            return Ok(());
        }
        match check_schema(&self.client).await {
            Ok(()) => {
                self.fits.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) if error.retryable => Err(CallError::Later(error)),
            Err(error) => Err(CallError::Mismatch(error)),
        }
    }

    /// The workspaces the account belongs to.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub(crate) async fn memberships(&self) -> Result<Vec<Membership>, Error> {
        self.call("my_workspaces", &json!({})).await
    }

    /// Makes a workspace. Repeated with the same ids it does nothing more.
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub(crate) async fn create_workspace(
        &self,
        tenant: Uuid,
        member: Uuid,
        name: &str,
        member_name: &str,
    ) -> Result<(), Error> {
        let args = json!({ "p_tenant": tenant, "p_member": member, "p_name": name, "p_member_name": member_name });
        self.call::<serde_json::Value>("create_workspace", &args).await.map(drop)
    }

    /// Ends the session here, and at the server when it can be reached.
    pub(crate) async fn sign_out(&self) {
        if let Err(error) = self.keeper.sign_out(SignOutScope::Local).await {
            tracing::warn!(%error, "the server was not told of the sign-out; its session ends by itself");
        }
    }

    /// Calls a function as the account, with a fresh token. A token that is refused although it looked fresh is replaced once.
    ///
    /// # Errors
    /// What the call ran into; [`Error::Timeout`] after 20 seconds in all.
    pub(crate) async fn call<T: DeserializeOwned>(&self, function: &str, args: &impl Serialize) -> Result<T, Error> {
        let attempt = async {
            let token = self.keeper.access_token().await?;
            match self.client.rpc(function, args, Some(&token)).await {
                Err(error) if error.is_unauthorized() => {
                    self.keeper.reject(&token);
                    let token = self.keeper.access_token().await?;
                    self.client.rpc(function, args, Some(&token)).await
                }
                answer => answer,
            }
        };
        tokio::time::timeout(NETWORK_TIMEOUT, attempt).await.unwrap_or(Err(Error::Timeout))
    }
}
