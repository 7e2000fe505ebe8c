//! A small Supabase-compatible server over a private PostgreSQL, for development, tests and a team in one room: sign-in by password, mailed
//! code or link, functions and tables under the caller's role, and private channels with broadcasts from the database. Past that room the
//! same app points at a Supabase project.
//!
//! Invariants:
//! - **No rule lives here.** Who may read or write what is decided by PostgreSQL's grants and policies alone; the hub only says who
//!   asks, in the words Supabase uses (role, `request.jwt.claims`, `realtime.topic`).
//! - **No state lives here** that must survive: accounts, sessions and messages are rows; a hub that is killed loses open sockets only.
//! - **Stopping the hub stops its PostgreSQL**, and the next start takes over whatever a killed one left.
//! - Tokens, keys, codes and passwords are never logged, and refresh tokens and codes are stored as hashes only. A mail that waits to be sent
//!   or read holds its code; nothing else does.
//! - **Nobody learns from an answer, or from the time it takes, whether an address has an account**, except by a sign-up, as with GoTrue.
//!
//! It does not offer what Cockpit does not use: storage, edge functions, other providers, phones, second factors.

mod accounts;
mod app;
mod auth_options;
pub mod cli;
mod codes;
mod data_dir;
mod database;
mod demo;
mod error;
mod flows;
mod housekeeping;
mod http;
mod hub;
mod keyed_hash;
mod limits;
mod mail;
mod office;
pub mod postgres;
mod realtime;
mod replication;
mod sessions;
mod token;

pub use accounts::AccountError;
pub use auth_options::AuthOptions;
pub use data_dir::HubFile;
pub use demo::{DEMO_MANAGER, DEMO_OWNER, DEMO_PASSWORD, DEMO_TASKS};
pub use error::HubError;
pub use hub::{Hub, HubOptions};
pub use limits::{AuthLimits, Rate};
pub use mail::{SmtpError, SmtpServer};
pub use realtime::{Limits, RealtimeCounts, Timings};
