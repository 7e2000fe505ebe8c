//! What is told about a person: the user object of GoTrue's answers, and what an access token says of them.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Accounts, internal};
use crate::error::HubError;

/// A person in the words of GoTrue.
#[derive(Debug)]
pub(crate) struct Description {
    /// The user object.
    pub(crate) user: Box<RawValue>,
    /// What the hub wrote about the person; theirs to read.
    pub(crate) app_metadata: Box<RawValue>,
    /// What the person wrote about themselves.
    pub(crate) user_metadata: Box<RawValue>,
}

impl Accounts {
    /// The person's account, or nothing when it is gone.
    pub(crate) async fn describe(&self, id: Uuid) -> Result<Option<Description>, HubError> {
        let connection = self.database.hub_connection().await?;
        let Some(row) = connection.query_opt(USER_JSON, &[&id]).await? else { return Ok(None) };
        let raw = |at: usize| -> Result<Box<RawValue>, HubError> {
            RawValue::from_string(row.try_get::<_, String>(at)?).map_err(internal)
        };
        Ok(Some(Description { user: raw(0)?, app_metadata: raw(1)?, user_metadata: raw(2)? }))
    }
}

/// GoTrue leaves out what is not there, except in the metadata. It keeps identities in a table of their own; here everybody has the one
/// that follows from the account, and its id must stay the same.
const USER_JSON: &str = r#"
  with u as (
    select *, jsonb_build_object(
      'email_confirmed_at', email_confirmed_at at time zone 'UTC', 'confirmed_at', email_confirmed_at at time zone 'UTC',
      'invited_at', invited_at at time zone 'UTC', 'confirmation_sent_at', confirmation_sent_at at time zone 'UTC',
      'recovery_sent_at', recovery_sent_at at time zone 'UTC', 'email_change_sent_at', email_change_sent_at at time zone 'UTC',
      'reauthentication_sent_at', reauthentication_sent_at at time zone 'UTC',
      'last_sign_in_at', last_sign_in_at at time zone 'UTC', 'banned_until', banned_until at time zone 'UTC',
      'created_at', created_at at time zone 'UTC', 'updated_at', updated_at at time zone 'UTC'
    ) as times
    from auth.users where id = $1 and deleted_at is null
  ), t as (
    select u.*, (select jsonb_object_agg(key, to_char(value::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
                 from jsonb_each_text(times) where value is not null) as known
    from u
  )
  select (known || jsonb_strip_nulls(jsonb_build_object('new_email', email_change)) || jsonb_build_object(
      'id', id, 'aud', aud, 'role', role, 'email', email, 'phone', '', 'is_anonymous', false,
      'app_metadata', raw_app_meta_data, 'user_metadata', raw_user_meta_data,
      'identities', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
        'identity_id', md5('email:' || id)::uuid, 'id', id, 'user_id', id, 'provider', 'email', 'email', email,
        'identity_data', jsonb_build_object('sub', id, 'email', email, 'email_verified', email_confirmed_at is not null,
                                            'phone_verified', false),
        'last_sign_in_at', known -> 'last_sign_in_at', 'created_at', known -> 'created_at', 'updated_at', known -> 'updated_at')))
    ))::text, raw_app_meta_data::text, raw_user_meta_data::text
  from t"#;
