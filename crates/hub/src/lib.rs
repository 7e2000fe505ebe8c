//! A small Supabase-compatible server over a private PostgreSQL: password sign-in, functions and tables under the caller's role, and
//! private channels with broadcasts from the database.
//!
//! Invariants:
//! - **No rule lives here.** Who may read or write what is decided by PostgreSQL's grants and policies alone; the hub only says who
//!   asks, in the words Supabase uses (role, `request.jwt.claims`, `realtime.topic`).
//! - **No state lives here** that must survive: accounts, sessions and messages are rows; a hub that is killed loses open sockets only.
//! - **Stopping the hub stops its PostgreSQL**, and the next start takes over whatever a killed one left.
//! - Tokens, keys and passwords are never logged, and refresh tokens are stored as hashes only.
//!
//! It does not offer what Cockpit does not use: storage, edge functions, sign-up by e-mail, changes of tables over the socket.

mod accounts;
mod app;
pub mod cli;
mod data_dir;
mod database;
mod demo;
mod error;
mod http;
mod hub;
mod office;
pub mod postgres;
mod realtime;
mod sessions;
mod tls;
mod token;

pub use accounts::AccountError;
pub use data_dir::HubFile;
pub use demo::{DEMO_MANAGER, DEMO_OWNER, DEMO_PASSWORD, DEMO_TASKS};
pub use error::HubError;
pub use hub::{Hub, HubOptions};
pub use realtime::Timings;
pub use tls::{TlsError, TlsOptions};
