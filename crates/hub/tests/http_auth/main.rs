//! Sign-in as GoTrue offers it, over real HTTP and real PostgreSQL, through the library and the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

#[path = "../http_support/mod.rs"]
mod http_support;

mod account;
mod codes;
mod hostile;
mod limits;
mod log;
mod mails;
mod pkce;
mod program;
mod signup;
mod support;
mod tokens;
