//! An account.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// An account of the auth server.
///
/// Instants are RFC 3339 text in UTC, as the server wrote them. Fields that a server does not send are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// `auth.uid()` in the database.
    pub id: Uuid,
    /// The mail address, when the account has one.
    #[serde(default, deserialize_with = "blank_is_none")]
    pub email: Option<String>,
    /// The telephone number, when the account has one.
    #[serde(default, deserialize_with = "blank_is_none", skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The database role, `authenticated` as a rule.
    #[serde(default, deserialize_with = "blank_is_none", skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// When the mail address was confirmed; none when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_confirmed_at: Option<String>,
    /// When the telephone number was confirmed; none when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_confirmed_at: Option<String>,
    /// When the account was invited by mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_at: Option<String>,
    /// When the last mail to confirm the address was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation_sent_at: Option<String>,
    /// When the last recovery mail or magic link was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_sent_at: Option<String>,
    /// The address that is to replace [`email`](Self::email) once it is confirmed.
    #[serde(default, deserialize_with = "blank_is_none", skip_serializing_if = "Option::is_none")]
    pub new_email: Option<String>,
    /// When the last mail about that change was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_change_sent_at: Option<String>,
    /// When somebody last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sign_in_at: Option<String>,
    /// When the account was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When it last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// Until when it is banned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banned_until: Option<String>,
    /// Whether it was made without any identity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_anonymous: bool,
    /// What only the server may write: `provider`, `providers`, and the project's own claims.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Map::is_empty")]
    pub app_metadata: Map<String, Value>,
    /// What the account's owner may write. **Never a base for rights**: the owner chooses it.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Map::is_empty")]
    pub user_metadata: Map<String, Value>,
    /// The ways of signing in that the account has.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
}

impl User {
    /// An account of which only this is known.
    pub fn new(id: Uuid, email: Option<String>) -> Self {
        Self { id, email, ..Self::default() }
    }
}

/// One way of signing in to an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Identity {
    /// `email`, `github` and so on.
    pub provider: String,
    /// The account's name at the provider.
    #[serde(default)]
    pub id: String,
    /// The identity's own key in the auth server's tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_id: Option<Uuid>,
    /// What the provider told about the person.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Map::is_empty")]
    pub identity_data: Map<String, Value>,
    /// When it was last used, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sign_in_at: Option<String>,
}

/// GoTrue writes a missing address as the empty text.
fn blank_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// Go writes an empty map or list as null.
fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::User;
    use serde_json::json;

    #[test]
    fn what_go_writes_for_nothing_is_nothing() {
        let written = json!({
            "id": "00000001-0000-4000-8000-000000000001", "aud": "authenticated", "role": "", "email": "", "phone": "",
            "app_metadata": null, "user_metadata": null, "identities": null, "is_anonymous": false, "factors": [],
        });
        let user: User = serde_json::from_value(written).unwrap();
        assert_eq!(user, User::new(user.id, None));
    }

    #[test]
    fn an_account_kept_by_an_earlier_version_is_read() {
        let kept = r#"{"id":"00000001-0000-4000-8000-000000000001","email":"ada@example.org"}"#;
        let user: User = serde_json::from_str(kept).unwrap();
        assert_eq!(user.email.as_deref(), Some("ada@example.org"));
        assert_eq!(serde_json::to_string(&user).unwrap(), kept, "and what is empty takes no room in storage");
    }
}
