//! The SQL of `migrations/` on a real PostgreSQL, reached as PostgREST reaches it: by the login role `authenticator`, which takes on
//! `anon` or `authenticated` with the caller's claims for one transaction. Never as the owner, except to lay out what is tested.

mod attacks;
mod concurrency;
mod lifecycle;
mod merging;
mod people;
mod permissions;
mod support;
mod syncing;
