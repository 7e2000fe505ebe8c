//! Who is signed in, and with what.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::User;
use crate::secret::Secret;

/// A signed-in session. Serialising it writes its tokens in plain text: that is for [`SessionStorage`](crate::SessionStorage).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The JWT that calls are made with.
    pub access_token: Secret,
    /// Good for one refresh.
    pub refresh_token: Secret,
    /// When the access token expires, in Unix seconds **by this machine's clock**: computed from the lifetime that the server
    /// named, so that a wrong clock does not make every token look expired.
    pub expires_at: i64,
    /// Whose session it is.
    pub user: User,
}

/// Which sessions a sign-out ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignOutScope {
    /// Only this one.
    #[default]
    Local,
    /// All but this one.
    Others,
    /// All of the account.
    Global,
}

impl SignOutScope {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Others => "others",
            Self::Global => "global",
        }
    }
}

/// Now, in Unix seconds. The wall clock rather than `Instant`, which stands still while some systems sleep.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
