//! Mails to people: their texts, the queue in PostgreSQL they wait in, and the one task that sends them.
//!
//! A request only ever writes a row: a mail server that is slow, down or wrong delays mails and nothing else. Without a mail server
//! the rows stay to be read with `cockpit-hub mail`. What was sent keeps neither text nor code, and no log line ever holds one.

mod queue;
mod sender;
mod smtp;
mod text;

pub(crate) use queue::{Kept, Queue, list, tidy};
pub(crate) use sender::run;
pub use smtp::{SmtpError, SmtpServer};
pub(crate) use text::{Letter, MailKind};
