//! `POST /auth/v1/signup`: a new account for who was invited, or for everybody in an open hub.

use axum::{
    Json,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use uuid::Uuid;

use super::{
    answer::answer,
    error::AuthError,
    mailing::{self, Wanted},
    redirect,
    request::{Body, Peer, metadata},
};
use crate::{
    HubError,
    accounts::{AccountError, NewPerson, Person, normalised, password},
    app::App,
    flows::Challenge,
    mail::MailKind,
    sessions::{Method, Sessions},
};

/// What a sign-up holds.
#[derive(Deserialize)]
pub(in crate::http) struct Signup {
    email: Option<String>,
    phone: Option<String>,
    password: Option<String>,
    data: Option<Box<RawValue>>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// Makes an account, or answers as if it had when there is one.
pub(in crate::http) async fn signup(
    State(app): State<App>,
    uri: Uri,
    peer: Peer,
    Body(signup): Body<Signup>,
) -> Result<Response, AuthError> {
    let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    let email = match (given(&signup.email), given(&signup.phone)) {
        (true, _) => normalised(signup.email.as_deref().unwrap_or_default())?,
        (false, true) => return Err(AuthError::phone_disabled()),
        (false, false) => return Err(AuthError::anonymous_disabled()),
    };
    let password = signup.password.as_deref().filter(|password| !password.is_empty());
    let password = password.ok_or_else(|| AuthError::validation("Signup requires a valid password"))?;
    password::fits(password)?;
    let challenge = Challenge::parse(signup.code_challenge.as_deref(), signup.code_challenge_method.as_deref())?;
    let data = metadata(signup.data.as_deref())?;
    mailing::count_request(&app, &peer).await?;

    let invited = is_invited(&app, &email).await?;
    if !app.auth.open && !invited {
        return Err(AuthError::signup_disabled());
    }
    let needs_code = app.auth.mail_confirmation || invited;
    if needs_code {
        mailing::may_mail(&app, MailKind::Signup, &email).await?;
    }
    // Before it is known whether there is such an account, so that both take the time.
    let hash = app.accounts.passwords().hash(password).await?;

    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let person = match Person::by_email(&transaction, &email).await? {
        Some(person) if person.confirmed => return already_there(&email, data, needs_code),
        Some(person) => {
            person.begin_again(&transaction, &hash, data).await?;
            person
        }
        None => {
            let new = NewPerson { email: &email, password_hash: Some(&hash), metadata: data, invited: false };
            match Person::create(&transaction, &new).await {
                Err(HubError::Account(AccountError::Exists(_))) => return already_there(&email, data, needs_code),
                created => created?,
            }
        }
    };
    if !needs_code {
        person.confirm(&transaction, true).await?;
        let user_agent = peer.user_agent.as_deref();
        let granted = Sessions::start_in(&transaction, person.account(), Method::password(), user_agent).await?;
        transaction.commit().await?;
        return Ok(Json(answer(&app, &granted).await?).into_response());
    }
    let flow = mailing::begin_flow(&transaction, person.id, challenge.as_ref(), MailKind::Signup).await?;
    let redirect_to = redirect::asked(&app, &uri);
    let wanted = Wanted {
        kind: MailKind::Signup,
        user: person.id,
        to: &email,
        keeps_password: true,
        flow,
        redirect_to: redirect_to.as_deref(),
    };
    mailing::mail(&app, &transaction, wanted).await?;
    transaction.commit().await?;
    drop(connection);
    mailing::sent(&app, 1).await?;
    let about = app.accounts.describe(person.id).await?.ok_or_else(AuthError::user_not_found)?;
    Ok(Json(about.user).into_response())
}

/// Whether somebody asked for this address.
pub(super) async fn is_invited(app: &App, email: &str) -> Result<bool, AuthError> {
    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    Ok(Person::is_invited(&transaction, email).await?)
}

/// What GoTrue answers for an account that exists: a made-up person without identities, by which clients tell.
fn already_there(email: &str, data: Option<&RawValue>, needs_code: bool) -> Result<Response, AuthError> {
    if !needs_code {
        return Err(AuthError::user_already_exists());
    }
    let now = Timestamp::now().to_string();
    let person = json!({
        "id": Uuid::new_v4(), "aud": "authenticated", "role": "", "email": email, "phone": "",
        "confirmation_sent_at": now, "created_at": now, "updated_at": now, "is_anonymous": false,
        "app_metadata": { "provider": "email", "providers": ["email"] },
        "user_metadata": data.map_or_else(|| json!({}), |data| json!(data)), "identities": [],
    });
    Ok(Json(person).into_response())
}
