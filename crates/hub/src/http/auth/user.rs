//! `/auth/v1/user` and `/auth/v1/reauthenticate`: what a person sees and changes of their own account.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Uri},
};
use deadpool_postgres::Transaction;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use super::{
    error::AuthError,
    mailing::{self, Wanted},
    redirect,
    request::{Body, METADATA_MAX_BYTES, Peer, metadata, too_much_metadata},
    signed_in::{SignedIn, signed_in},
};
use crate::{
    accounts::{Person, normalised, password},
    app::App,
    codes::Purpose,
    flows::Challenge,
    limits::Bucket,
    mail::MailKind,
};

/// What a person wants changed.
#[derive(Deserialize)]
pub(in crate::http) struct Update {
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    nonce: Option<String>,
    data: Option<Box<RawValue>>,
    app_metadata: Option<Box<RawValue>>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// The person of the access token.
pub(in crate::http) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Json<Box<RawValue>>, AuthError> {
    let SignedIn { user, .. } = signed_in(&app, &headers).await?;
    described(&app, user).await
}

/// Changes password, address and what the person says about themselves.
pub(in crate::http) async fn update(
    State(app): State<App>,
    uri: Uri,
    peer: Peer,
    headers: HeaderMap,
    Body(update): Body<Update>,
) -> Result<Json<Box<RawValue>>, AuthError> {
    let signed_in = signed_in(&app, &headers).await?;
    let user = signed_in.user;
    if update.phone.as_deref().is_some_and(|phone| !phone.is_empty()) {
        return Err(AuthError::phone_disabled());
    }
    if update.app_metadata.as_deref().is_some_and(|data| data.get() != "null") {
        return Err(AuthError::not_admin());
    }
    let challenge = Challenge::parse(update.code_challenge.as_deref(), update.code_challenge_method.as_deref())?;
    let data = metadata(update.data.as_deref())?;
    let email = update.email.as_deref().filter(|email| !email.is_empty()).map(normalised).transpose()?;
    let hash = match update.password.as_deref() {
        Some(password) => Some(new_password(&app, &signed_in, password, update.nonce.as_deref()).await?),
        None => None,
    };
    if let Some(email) = &email {
        mailing::count_request(&app, &peer).await?;
        // Keyed by the person: they are known, and may not be hindered by who else wants the address.
        if is_another(&app, user, email).await? {
            mailing::may_mail(&app, MailKind::EmailChangeNew, &user.to_string()).await?;
        }
    }

    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let mut person = Person::by_id(&transaction, user).await?.ok_or_else(AuthError::user_not_found)?;
    if let Some(hash) = &hash {
        if !signed_in.recent && !nonce_is_right(&app, &transaction, &person, update.nonce.as_deref()).await? {
            // The count of the tries is in there.
            transaction.commit().await?;
            return Err(AuthError::reauthentication_not_valid());
        }
        person.set_password(&transaction, hash, Some(signed_in.session)).await?;
    }
    if let Some(data) = data
        && person.merge_metadata(&transaction, data).await? > METADATA_MAX_BYTES
    {
        return Err(too_much_metadata());
    }
    let mut mails = 0;
    if let Some(email) = email.filter(|email| *email != person.email) {
        let taken = "select from auth.users where lower(email) = $1 and id <> $2 and deleted_at is null";
        if transaction.query_opt(taken, &[&email, &user]).await?.is_some() {
            return Err(AuthError::email_exists());
        }
        person.want_email(&transaction, &email).await?;
        person.new_email = Some(email);
        let redirect_to = redirect::asked(&app, &uri);
        mails = mail_change(&app, &transaction, &person, challenge.as_ref(), redirect_to.as_deref()).await?;
    }
    transaction.commit().await?;
    drop(connection);
    if mails > 0 {
        mailing::sent(&app, mails).await?;
    }
    tracing::info!(%user, password = hash.is_some(), email = mails > 0, data = data.is_some(), "an account was changed");
    described(&app, user).await
}

/// A code to change the password with in a session that is older than a day.
pub(in crate::http) async fn reauthenticate(
    State(app): State<App>,
    peer: Peer,
    headers: HeaderMap,
) -> Result<Json<Value>, AuthError> {
    let SignedIn { user, .. } = signed_in(&app, &headers).await?;
    mailing::count_request(&app, &peer).await?;
    mailing::may_mail(&app, MailKind::Reauthentication, &user.to_string()).await?;
    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let person = Person::by_id(&transaction, user).await?.ok_or_else(AuthError::user_not_found)?;
    let wanted = Wanted {
        kind: MailKind::Reauthentication,
        user,
        to: &person.email,
        keeps_password: false,
        flow: None,
        redirect_to: None,
    };
    mailing::mail(&app, &transaction, wanted).await?;
    transaction.commit().await?;
    drop(connection);
    mailing::sent(&app, 1).await?;
    Ok(Json(json!({})))
}

/// Sends a code to the present and to the wanted address, if one is wanted; answers how many mails that makes.
pub(super) async fn mail_change(
    app: &App,
    transaction: &Transaction<'_>,
    person: &Person,
    challenge: Option<&Challenge>,
    redirect_to: Option<&str>,
) -> Result<usize, AuthError> {
    let Some(new_email) = person.new_email.as_deref() else { return Ok(0) };
    let flow = mailing::begin_flow(transaction, person.id, challenge, MailKind::EmailChangeNew).await?;
    let both = [(MailKind::EmailChangeCurrent, person.email.as_str()), (MailKind::EmailChangeNew, new_email)];
    for (kind, to) in both {
        let wanted = Wanted { kind, user: person.id, to, keeps_password: false, flow, redirect_to };
        mailing::mail(app, transaction, wanted).await?;
    }
    Ok(both.len())
}

/// The hash of a password that may become the person's.
async fn new_password(
    app: &App,
    signed_in: &SignedIn,
    password: &str,
    nonce: Option<&str>,
) -> Result<String, AuthError> {
    password::fits(password)?;
    if !signed_in.recent && nonce.unwrap_or_default().is_empty() {
        return Err(AuthError::reauthentication_needed());
    }
    let present: Option<String> = {
        let connection = app.database.hub_connection().await?;
        let select = "select encrypted_password from auth.users where id = $1 and deleted_at is null";
        let row = connection.query_opt(select, &[&signed_in.user]).await?;
        row.map(|row| row.try_get(0)).transpose()?.flatten()
    };
    // A stolen session must not be a way to try passwords: what is the same is told only as often as a sign-in may fail.
    if present.is_some() {
        let key = signed_in.user.to_string();
        let taken = app.limits.take(Bucket::SignInAccount, &key).await?.map_err(AuthError::over_request_rate)?;
        if app.accounts.passwords().matches(password, present).await? {
            app.limits.give_back(&[taken]).await?;
            return Err(AuthError::same_password());
        }
    }
    Ok(app.accounts.passwords().hash(password).await?)
}

async fn nonce_is_right(
    app: &App,
    transaction: &Transaction<'_>,
    person: &Person,
    nonce: Option<&str>,
) -> Result<bool, AuthError> {
    let purposes = [Purpose::Reauthentication];
    let nonce = nonce.unwrap_or_default().trim();
    let redeemed = app.codes.redeem_code(transaction, &purposes, &person.email, nonce).await?;
    Ok(redeemed.is_some_and(|redeemed| redeemed.user == person.id))
}

async fn is_another(app: &App, user: Uuid, email: &str) -> Result<bool, AuthError> {
    let connection = app.database.hub_connection().await?;
    let own = "select from auth.users where id = $1 and lower(email) = $2 and deleted_at is null";
    Ok(connection.query_opt(own, &[&user, &email]).await?.is_none())
}

async fn described(app: &App, user: Uuid) -> Result<Json<Box<RawValue>>, AuthError> {
    let about = app.accounts.describe(user).await?.ok_or_else(AuthError::user_not_found)?;
    Ok(Json(about.user))
}
