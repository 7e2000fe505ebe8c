//! The engine: it drives the sync core, keeps the session, and tells windows what is so.
//!
//! One thread (`actor`) owns the profile, the open workspace (core and SQLite store), the views and what each window was told. Network
//! calls and the realtime connection are tasks on tokio; they come back to the thread as messages. Windows send [`Command`]s and get
//! [`Frame`]s through a [`Host`], which is the desktop shell, the bridge to a browser, or a test.
//!
//! **Invariants.**
//! - A step of the core is one SQLite transaction; effects are performed, and commands answered, only after its commit.
//! - A frame is made between two transactions, so a window never sees half of one.
//! - A window has at most one frame under way. What happens meanwhile collapses into the next one.
//! - A view lives as long as the page that opened it; equal views of several windows are one.
//! - Without a network, or without a session, the workspace that was open stays open and editable.
//! - Every task ends with the engine; every wait for the network ends after 20 seconds.
//! - Access tokens and passwords are never written; a refresh token only into the [`SecretStore`].
//!
//! What it does not do: it decides nothing about sync (the core does), it knows no windowing system, and it formats nothing for people but
//! errors.
//!
//! [`Command`]: cockpit_domain::Command
//! [`Frame`]: cockpit_domain::Frame

mod actor;
mod clock;
mod engine;
mod host;
mod secrets;
mod session;
mod view;
mod window;
mod workspace;

pub use actor::Census;
pub use clock::{Clock, SystemClock};
pub use cockpit_sync::{CoreOptions, Now};
pub use engine::{Engine, EngineOptions, StartUp};
pub use host::Host;
pub use secrets::{MemorySecrets, SecretError, SecretStore};
pub use window::{WindowKind, WindowLabel, allowed};
