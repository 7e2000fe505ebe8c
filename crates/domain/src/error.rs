//! Errors as they cross a border: to a window, to the command line, to another process.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

/// What went wrong, in a form the UI can match on and a person can read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message}")]
#[ts(export)]
pub struct AppError {
    /// The kind of failure; the UI matches on this and never on `message`.
    pub code: ErrorCode,
    /// What happened, what it means for the work, and what to do, in plain English sentences.
    pub message: String,
    /// Whether doing the same again later, unchanged, can succeed.
    pub retryable: bool,
    /// Facts for the screen or a report: names, limits, the server's own words. Never a secret.
    #[ts(type = "unknown")]
    #[serde(default)]
    pub details: Value,
}

/// The closed list of failures a window can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum ErrorCode {
    /// The address is not one (no host, wrong scheme).
    InvalidAddress,
    /// Nobody answers at the address.
    ServerUnreachable,
    /// The server's certificate is not known to this machine. Details: its `fingerprint`, the `address` in full, and the `reason`.
    UntrustedCertificate,
    /// The server shows another certificate than the one that was trusted. Details: `expected`, `found`, and the `address`.
    CertificateChanged,
    /// Somebody answers, but it is neither Supabase nor a hub.
    NotACockpitServer,
    /// The server has none of our tables and functions.
    SchemaMissing,
    /// The server's schema is older than this app needs.
    SchemaTooOld,
    /// The server's schema is newer than this app understands.
    SchemaTooNew,
    /// A Supabase address was given without its anon key.
    KeyNeeded,
    /// E-mail or password is wrong.
    WrongPassword,
    /// Too many tries; wait.
    RateLimited,
    /// The session ended; sign in again. Nothing is lost.
    SignInNeeded,
    /// The command needs an open workspace.
    NoWorkspace,
    /// The person may not do that.
    Forbidden,
    /// The named record, view or change does not exist (any more).
    NotFound,
    /// A value is outside what is allowed.
    Invalid,
    /// Somebody else changed the same since.
    Conflict,
    /// There is nothing to undo or redo.
    NothingToUndo,
    /// Work that was not sent yet would be lost.
    UnsentWork,
    /// The disk is full.
    DiskFull,
    /// The data directory cannot be written.
    ReadOnly,
    /// The data file was written by a newer version of the app.
    DataTooNew,
    /// The data file is damaged.
    DataDamaged,
    /// Another process of the app uses this profile.
    ProfileInUse,
    /// This kind of window may not send that command.
    CommandNotAllowed,
    /// The server failed in a way that may pass.
    ServerFailed,
    /// A defect of ours; the details say where.
    Internal,
}

impl AppError {
    /// An error that a person has to act on; the same call again fails again.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retryable: false, details: Value::Null }
    }

    /// An error that may pass by itself.
    pub fn retryable(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::new(code, message) }
    }

    /// The same error with facts beside it.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}
