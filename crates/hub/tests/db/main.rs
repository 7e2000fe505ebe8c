//! The SQL of `migrations/` on a real PostgreSQL, reached as PostgREST reaches it: by the login role `authenticator`, which takes on
//! `anon` or `authenticated` with the caller's claims for one transaction. Never as the owner, except to lay out what is tested.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too, which clippy.toml's exception does not cover"
)]
#![allow(clippy::print_stdout, reason = "runs print how much of what they are about really happened")]

mod attacks;
mod concurrency;
mod desk;
mod fields;
mod inbox;
mod lifecycle;
mod locking;
mod locks;
mod merging;
mod money;
mod people;
mod permissions;
mod support;
mod syncing;
mod timers;
mod user_concurrency;
mod user_scope;
mod work;
