//! A Supabase client: auth, PostgREST and Realtime.
//!
//! [`Client`] speaks HTTP: [`Client::auth`] has every way to sign in, [`Client::from`] reads tables, [`Client::rpc`] calls functions,
//! [`Client::broadcast`] sends to channels without being on them. [`SessionKeeper`] keeps a session alive over it; [`Realtime`] holds
//! one websocket with a declared set of channels. The crate knows nothing of what the messages mean.
//!
//! Invariants:
//! - A rotated refresh token is stored before the session is used, and at most one refresh is under way.
//! - Only an explicit refusal by the auth server ends a session.
//! - No channel is joined without a token, and a failed join is never repeated in a loop (each one blocks the real server's
//!   socket for five seconds).
//! - The decision-making of the websocket is one pure state machine; the task around it only moves bytes and time.
//! - Every task has an owner and an end; every queue has a bound.
//! - No secret is printed: tokens and keys are redacted in `Debug`, errors and traces.
//!
//! What it does not do: it does not decide what to read again after a reconnect. Realtime delivers at most once, so whoever uses it
//! must read after every [`RealtimeEvent::Joined`] and [`RealtimeEvent::Ready`], and now and then besides, which is what
//! [`RealtimeEvent::ReadAgain`] says.

mod answer;
pub mod auth;
mod client;
mod error;
pub mod realtime;
pub mod rest;
mod secret;
mod tls;

pub use auth::{
    Auth, KeeperOptions, MemoryStorage, Session, SessionKeeper, SessionStorage, SignOutScope, TokenSource, User,
};
pub use client::{Client, ClientOptions};
pub use error::Error;
pub use realtime::{AnonKey, ChannelSpec, Realtime, RealtimeEvent, RealtimeOptions};
pub use secret::Secret;
