//! A running hub: PostgreSQL, HTTP and sockets, started and stopped together.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use uuid::Uuid;

use crate::{
    AuthOptions,
    accounts::{self, Accounts},
    app::{App, AuthSettings, Shared},
    codes::Codes,
    data_dir::{DataDir, HubFile, ServeLock},
    database::{self, Database},
    demo,
    error::HubError,
    flows::Flows,
    housekeeping, http,
    keyed_hash::KeyedHash,
    limits::Buckets,
    mail,
    postgres::{Postgres, PostgresOptions, SUPERUSER},
    realtime::{self, Limits, RealtimeCounts, Timings},
    replication,
    sessions::Sessions,
    tls::{self, Identity, TlsListener, TlsOptions},
    token::Signer,
};

/// Requests in flight get so long when the hub stops: a little more than a caller's statement may take.
const DRAIN: Duration = Duration::from_secs(10);

/// The start waits so long for broadcasts from the database to arrive; it takes some 20 ms.
const REPLICATION_START: Duration = Duration::from_secs(10);
/// A TLS handshake gets so long.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How a hub is started.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// Where everything is kept; made when missing.
    pub data: PathBuf,
    /// The address to serve on.
    pub bind: IpAddr,
    /// The port to serve on; 0 takes a free one.
    pub port: u16,
    /// Whether connections are encrypted, and with what.
    pub tls: Option<TlsOptions>,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long an access token is good for.
    pub token_ttl: Duration,
    /// Waiting times of Realtime.
    pub timings: Timings,
    /// Sign-up, mails and limits.
    pub auth: AuthOptions,
    /// What Realtime takes.
    pub limits: Limits,
    /// How PostgreSQL is found and started.
    pub postgres: PostgresOptions,
}

impl HubOptions {
    /// The defaults: loopback, port 54500, tokens good for an hour.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 54500,
            tls: None,
            handshake_timeout: HANDSHAKE,
            token_ttl: Duration::from_secs(3600),
            timings: Timings::default(),
            auth: AuthOptions::default(),
            limits: Limits::default(),
            postgres: PostgresOptions::default(),
        }
    }
}

/// A hub that serves. Call [`Hub::stop`] to end it in good order: dropping it tells its tasks to end without waiting for them, and ends
/// its PostgreSQL at once.
#[derive(Debug)]
pub struct Hub {
    app: App,
    address: SocketAddr,
    url: String,
    data: DataDir,
    postgres: Postgres,
    tasks: Vec<JoinHandle<Result<(), HubError>>>,
    _stop: DropGuard,
    _lock: ServeLock,
}

impl Hub {
    /// Starts PostgreSQL, applies what is missing of platform and migrations, and serves.
    ///
    /// # Errors
    /// [`HubError`] says in one sentence what is wrong and what to do. Nothing is left running then.
    pub async fn start(options: HubOptions) -> Result<Self, HubError> {
        let data = DataDir::open(&options.data)?;
        let lock = data.lock()?;
        let secret = data.signing_secret()?;
        let signer = Signer::new(&secret).map_err(|error| HubError::Internal(error.to_string()))?;
        let hash = KeyedHash::new(&secret)?;
        let identity = options.tls.as_ref().map(|tls| Identity::load(tls, &data)).transpose()?;
        // The port is taken before PostgreSQL is started: it is the likeliest thing to be wrong, and the quickest to know.
        let listener = bind(SocketAddr::new(options.bind, options.port)).await?;
        if !options.bind.is_loopback() && identity.is_none() {
            tracing::warn!(
                bind = %options.bind,
                "OTHER MACHINES CAN REACH THIS HUB AND NOTHING IS ENCRYPTED: passwords and data can be read on the way; use --tls"
            );
        }
        let postgres = Postgres::start(&data.postgres(), &options.postgres).await?;
        match Self::serve(&options, &data, signer, hash, listener, identity, &postgres).await {
            Ok((app, address, tasks)) => {
                let url = url(address, app.fingerprint.is_some());
                let stop = app.stopping.clone().drop_guard();
                Ok(Self { app, address, url, data, postgres, tasks, _stop: stop, _lock: lock })
            }
            Err(error) => {
                postgres.stop().await?;
                Err(error)
            }
        }
    }

    /// The address to type into a client on this machine, such as `http://127.0.0.1:54500`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The addresses to type into clients on other machines; empty when it serves this machine only.
    pub fn urls_elsewhere(&self) -> Vec<String> {
        let encrypted = self.fingerprint().is_some();
        match self.address.ip() {
            ip if ip.is_loopback() => Vec::new(),
            ip if ip.is_unspecified() => tls::machine_addresses()
                .into_iter()
                .filter(|address| ip.is_ipv6() || address.is_ipv4())
                .map(|address| url(SocketAddr::new(address, self.address.port()), encrypted))
                .collect(),
            _ => vec![url(self.address, encrypted)],
        }
    }

    /// SHA-256 of the certificate it serves with, in hexadecimal pairs with colons between them; none without TLS.
    pub fn fingerprint(&self) -> Option<&str> {
        self.app.fingerprint.as_deref()
    }

    /// The address it serves on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key that every request carries.
    pub fn anon_key(&self) -> &str {
        self.app.signer.anon_key()
    }

    /// A connection string with every right over the hub's database, for tests and tools on this machine. Holds a password: not for
    /// logs.
    pub fn database_url_as_owner(&self) -> String {
        database::url(&self.postgres.config(SUPERUSER))
    }

    /// The way to the database, for work on the hub from within this program.
    pub(crate) fn database(&self) -> &Database {
        &self.app.database
    }

    /// Invites an address: it may sign up in a hub that is not open, and gets a mail with a code that does so at once.
    ///
    /// # Errors
    /// When there is an account for it already, or it is no address.
    pub async fn invite(&self, email: &str) -> Result<(), HubError> {
        accounts::invite(&self.app.database, &self.app.codes, email, Some(&self.app.auth.public_url)).await?;
        self.app.mails.ring();
        Ok(())
    }

    /// What Realtime keeps at this moment.
    pub fn realtime_counts(&self) -> RealtimeCounts {
        self.app.topics.counts()
    }

    /// Makes an account that can sign in at once, and answers its id.
    ///
    /// # Errors
    /// When there is such an account, or address or password do not do.
    pub async fn create_user(&self, email: &str, password: &str) -> Result<Uuid, HubError> {
        self.app.accounts.create(email, password).await
    }

    /// Makes the demo workspace, or what is missing of it, with so many tasks, due around today.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn make_demo(&self, tasks: usize) -> Result<(), HubError> {
        demo::make(&self.app.database, &self.app.accounts, tasks, jiff::ZonedDateTime::now().date()).await
    }

    /// Ends when a part of the hub has failed; does not end in a hub that works.
    pub async fn failed(&mut self) -> HubError {
        let ended = tokio::select! {
            () = self.postgres.ended() => return HubError::Internal("its PostgreSQL ended".to_owned()),
            ended = futures_util::future::select_all(&mut self.tasks) => ended,
        };
        let (result, at, _) = ended;
        drop(self.tasks.remove(at));
        match result {
            Ok(Err(error)) => error,
            Ok(Ok(())) => HubError::Internal("a part of it ended by itself".to_owned()),
            Err(error) => HubError::Internal(error.to_string()),
        }
    }

    /// Stops: no new connections, sockets closed with 1012, requests in flight finished, then PostgreSQL stopped.
    ///
    /// # Errors
    /// When PostgreSQL could not be stopped.
    pub async fn stop(self) -> Result<(), HubError> {
        let Self { app, data, postgres, tasks, .. } = self;
        app.stopping.cancel();
        app.sockets.close();
        let drained = tokio::time::timeout(DRAIN, async {
            app.sockets.wait().await;
            futures_util::future::join_all(tasks).await
        });
        match drained.await {
            Ok(ended) => {
                for error in ended
                    .into_iter()
                    .filter_map(|task| task.map_err(|e| HubError::Internal(e.to_string())).flatten().err())
                {
                    tracing::warn!(%error, "a part of the hub failed while it stopped");
                }
            }
            Err(_) => tracing::warn!("some requests did not end in time and are cut off"),
        }
        app.database.close();
        postgres.stop().await?;
        data.remove_hub_file();
        tracing::info!("stopped");
        Ok(())
    }

    async fn serve(
        options: &HubOptions,
        data: &DataDir,
        signer: Signer,
        hash: KeyedHash,
        listener: TcpListener,
        identity: Option<Identity>,
        postgres: &Postgres,
    ) -> Result<(App, SocketAddr, Vec<JoinHandle<Result<(), HubError>>>), HubError> {
        postgres.apply_platform().await?;
        postgres.apply_migrations().await?;
        let database = Database::new(|user| postgres.config(user))?;
        let address = listener.local_addr().map_err(|error| HubError::Internal(error.to_string()))?;
        let url = url(address, identity.is_some());
        let public_url = options.auth.public_url.clone().unwrap_or_else(|| url.clone());
        let public_url = public_url.trim_end_matches('/').to_owned();
        let app = Arc::new(Shared {
            accounts: Accounts::new(database.clone()),
            sessions: Sessions::new(database.clone()),
            codes: Codes::new(hash.clone()),
            flows: Flows::new(hash.clone()),
            limits: Buckets::new(database.clone(), hash, options.auth.limits),
            mails: mail::Queue::default(),
            auth: AuthSettings {
                open: options.auth.open,
                mail_confirmation: options.auth.mail_confirmation,
                issuer: format!("{public_url}/auth/v1"),
                public_url: public_url.clone(),
            },
            database,
            signer,
            token_ttl: options.token_ttl,
            functions: http::FunctionCatalog::default(),
            tables: http::TableCatalog::default(),
            topics: realtime::Topics::new(options.limits, &options.timings),
            timings: options.timings,
            fingerprint: identity.as_ref().map(|identity| identity.fingerprint.clone()),
            stopping: CancellationToken::new(),
            sockets: TaskTracker::new(),
        });
        let anon_key = app.signer.anon_key().to_owned();
        data.write_hub_file(&HubFile {
            url,
            anon_key,
            pid: std::process::id(),
            public_url: Some(public_url),
            fingerprint: app.fingerprint.clone(),
        })?;
        let (stopping, smtp) = (app.stopping.clone(), options.auth.smtp.clone());
        let tasks = vec![
            match identity {
                Some(identity) => {
                    let listener = TlsListener::new(listener, identity.config, options.handshake_timeout);
                    tokio::spawn(serve_http(app.clone(), listener))
                }
                None => tokio::spawn(serve_http(app.clone(), http::PlainListener(listener))),
            },
            tokio::spawn(replication::replicate(app.topics.clone(), postgres.config(SUPERUSER), app.stopping.clone())),
            tokio::spawn(realtime::prune(app.clone())),
            tokio::spawn(mail::run(app.database.clone(), app.mails.clone(), smtp, stopping)),
            tokio::spawn(housekeeping::run(app.clone())),
        ];
        // Who connects at once shall not miss what is sent at once.
        if tokio::time::timeout(REPLICATION_START, app.topics.listening()).await.is_err() {
            tracing::warn!("the hub serves, but broadcasts from the database do not arrive yet");
        }
        Ok((app, address, tasks))
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, HubError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => HubError::PortInUse(address),
        _ => HubError::Bind { address, source },
    })
}

async fn serve_http<L>(app: App, listener: L) -> Result<(), HubError>
where
    L: Listener<Addr = SocketAddr>,
    for<'a> http::Peer: Connected<IncomingStream<'a, L>>,
{
    let stopping = app.stopping.clone().cancelled_owned();
    let served = axum::serve(listener, http::with_peers(http::router(app))).with_graceful_shutdown(stopping);
    served.await.map_err(|error| HubError::Internal(error.to_string()))
}

/// The address as this machine types it: what serves everywhere is reached by loopback.
fn url(address: SocketAddr, encrypted: bool) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let scheme = if encrypted { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}
