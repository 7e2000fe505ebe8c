//! `POST /auth/v1/otp`, `/recover` and `/resend`: codes and links by mail. All three answer `{}` alike, and in the same time, for
//! addresses with an account and without.

use axum::{Json, extract::State, http::Uri};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    error::AuthError,
    mailing::{self, Wanted},
    redirect,
    request::{Body, EvenTime, Peer, metadata},
};
use crate::{
    HubError,
    accounts::{AccountError, NewPerson, Person, normalised},
    app::App,
    flows::Challenge,
    mail::MailKind,
};

/// The fields of all three requests.
#[derive(Deserialize)]
pub(in crate::http) struct MailRequest {
    email: Option<String>,
    phone: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    create_user: Option<bool>,
    data: Option<Box<RawValue>>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

impl MailRequest {
    fn address(&self, missing: &str) -> Result<String, AuthError> {
        let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        match (given(&self.email), given(&self.phone)) {
            (true, _) => Ok(normalised(self.email.as_deref().unwrap_or_default())?),
            (false, true) => Err(AuthError::phone_disabled()),
            (false, false) => Err(AuthError::validation(missing)),
        }
    }

    fn challenge(&self) -> Result<Option<Challenge>, AuthError> {
        Ok(Challenge::parse(self.code_challenge.as_deref(), self.code_challenge_method.as_deref())?)
    }
}

/// A code to sign in with; for an address without an account a new one where sign-up is allowed.
pub(in crate::http) async fn otp(
    State(app): State<App>,
    uri: Uri,
    peer: Peer,
    Body(request): Body<MailRequest>,
) -> Result<Json<Value>, AuthError> {
    let email = request.address("One of email or phone must be set")?;
    let challenge = request.challenge()?;
    let data = metadata(request.data.as_deref())?;
    mailing::count_request(&app, &peer).await?;
    mailing::may_mail(&app, MailKind::MagicLink, &email).await?;
    let even = EvenTime::begin();
    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let allowed = app.auth.open || Person::is_invited(&transaction, &email).await?;
    let person = match Person::by_email(&transaction, &email).await? {
        Some(person) => Some(person),
        None if allowed && request.create_user.unwrap_or(true) => {
            let new = NewPerson { email: &email, password_hash: None, metadata: data, invited: false };
            match Person::create(&transaction, &new).await {
                // The same request at the same moment: its mail is on its way.
                Err(HubError::Account(AccountError::Exists(_))) => return done(even).await,
                created => Some(created?),
            }
        }
        None => None,
    };
    if let Some(person) = person.filter(|person| !person.banned) {
        let kind = if person.confirmed { MailKind::MagicLink } else { MailKind::Signup };
        let flow = mailing::begin_flow(&transaction, person.id, challenge.as_ref(), kind).await?;
        let redirect_to = redirect::asked(&app, &uri);
        let wanted = Wanted {
            kind,
            user: person.id,
            to: &email,
            keeps_password: false,
            flow,
            redirect_to: redirect_to.as_deref(),
        };
        mailing::mail(&app, &transaction, wanted).await?;
        transaction.commit().await?;
        drop(connection);
        mailing::sent(&app, 1).await?;
    }
    done(even).await
}

/// A code to set a new password with.
pub(in crate::http) async fn recover(
    State(app): State<App>,
    uri: Uri,
    peer: Peer,
    Body(request): Body<MailRequest>,
) -> Result<Json<Value>, AuthError> {
    let email = request.address("Password recovery requires an email")?;
    let challenge = request.challenge()?;
    mailing::count_request(&app, &peer).await?;
    mailing::may_mail(&app, MailKind::Recovery, &email).await?;
    let even = EvenTime::begin();
    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let person = Person::by_email(&transaction, &email).await?;
    if let Some(person) = person.filter(|person| !person.banned) {
        let flow = mailing::begin_flow(&transaction, person.id, challenge.as_ref(), MailKind::Recovery).await?;
        let redirect_to = redirect::asked(&app, &uri);
        let wanted = Wanted {
            kind: MailKind::Recovery,
            user: person.id,
            to: &email,
            keeps_password: false,
            flow,
            redirect_to: redirect_to.as_deref(),
        };
        mailing::mail(&app, &transaction, wanted).await?;
        transaction.commit().await?;
        drop(connection);
        mailing::sent(&app, 1).await?;
    }
    done(even).await
}

/// The mail of an unfinished sign-up or change of address once more, with a new code.
pub(in crate::http) async fn resend(
    State(app): State<App>,
    uri: Uri,
    peer: Peer,
    Body(request): Body<MailRequest>,
) -> Result<Json<Value>, AuthError> {
    let kind = match request.kind.as_deref() {
        Some("signup") => MailKind::Signup,
        Some("email_change") => MailKind::EmailChangeNew,
        Some("sms" | "phone_change") => return Err(AuthError::phone_disabled()),
        _ => {
            let msg = "Missing one of these types: signup, email_change, sms, phone_change";
            return Err(AuthError::validation(msg));
        }
    };
    let email = request.address("Missing email address or phone number")?;
    mailing::count_request(&app, &peer).await?;
    mailing::may_mail(&app, kind, &email).await?;
    let even = EvenTime::begin();
    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let redirect_to = redirect::asked(&app, &uri);
    let redirect_to = redirect_to.as_deref();
    let person = Person::by_email(&transaction, &email).await?.filter(|person| !person.banned);
    let mails = match (&person, kind) {
        (Some(person), MailKind::Signup) if !person.confirmed => {
            let keeps_password = keeps_password(&transaction, person).await?;
            let wanted = Wanted { kind, user: person.id, to: &email, keeps_password, flow: None, redirect_to };
            mailing::mail(&app, &transaction, wanted).await?;
            1
        }
        (Some(person), MailKind::EmailChangeNew) => {
            super::user::mail_change(&app, &transaction, person, None, redirect_to).await?
        }
        _ => 0,
    };
    transaction.commit().await?;
    drop(connection);
    if mails > 0 {
        mailing::sent(&app, mails).await?;
    }
    done(even).await
}

/// A code that is sent again is no better than the one before.
async fn keeps_password(transaction: &deadpool_postgres::Transaction<'_>, person: &Person) -> Result<bool, AuthError> {
    let sql = "select keeps_password from auth.one_time_tokens where user_id = $1 and token_type = 'confirmation'";
    let row = transaction.query_opt(sql, &[&person.id]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

async fn done(even: EvenTime) -> Result<Json<Value>, AuthError> {
    even.end().await;
    Ok(Json(json!({})))
}
