//! `/auth/v1/verify`: a mailed code (POST) or link (GET, followed in a browser) for a session.

use axum::{
    Json,
    extract::State,
    http::{Method as HttpMethod, StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
};
use deadpool_postgres::Transaction;
use serde::Deserialize;
use serde_json::json;

use super::{
    answer::answer,
    error::AuthError,
    redirect,
    request::{Body, Peer},
};
use crate::{
    accounts::{Person, normalised},
    app::App,
    codes::{Purpose, Redeemed},
    http::gateway::query_value,
    limits::Bucket,
    sessions::{Granted, Method, Sessions},
};

/// GoTrue's words for the first of the two confirmations of a change of address.
const FIRST_OF_TWO: &str = "Confirmation link accepted. Please proceed to confirm link sent to the other email";

/// What a client sends.
#[derive(Deserialize)]
pub(in crate::http) struct Verification {
    #[serde(rename = "type")]
    kind: Option<String>,
    token: Option<String>,
    token_hash: Option<String>,
    email: Option<String>,
    phone: Option<String>,
}

/// What a right code leads to.
enum Outcome {
    Session(Granted),
    /// The link of a PKCE flow: the code for the redirect.
    AuthCode(String),
    /// A change of address waits for the other confirmation.
    FirstOfTwo,
}

/// A typed code, or the token of a link that the client itself received.
pub(in crate::http) async fn verify(
    State(app): State<App>,
    peer: Peer,
    Body(asked): Body<Verification>,
) -> Result<Response, AuthError> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let kind = given(asked.kind).ok_or_else(|| AuthError::validation("Verify requires a verification type"))?;
    let purposes = purposes(&kind)?;
    let (token, link_token, email) = (given(asked.token), given(asked.token_hash), given(asked.email));
    let email = match (&token, &link_token, email) {
        (Some(_), None, Some(email)) => Some(normalised(&email)?),
        (Some(_), None, None) if given(asked.phone).is_some() => return Err(AuthError::phone_disabled()),
        (Some(_), None, None) => {
            let msg = "Only an email address or phone number should be provided on verify";
            return Err(AuthError::validation(msg));
        }
        (None, Some(_), None) => None,
        (None, Some(_), Some(_)) => {
            return Err(AuthError::validation("Only the token_hash and type should be provided"));
        }
        _ => return Err(AuthError::validation("Verify requires either a token or a token hash")),
    };

    let address = app.limits.take(Bucket::CodeAddress, &peer.network).await?.map_err(AuthError::over_request_rate)?;
    let mut taken = vec![address];
    if let Some(email) = &email {
        taken.push(app.limits.take(Bucket::CodeAccount, email).await?.map_err(AuthError::over_request_rate)?);
    }
    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let redeemed = match (&email, &token, &link_token) {
        (Some(email), Some(code), _) => app.codes.redeem_code(&transaction, purposes, email, code.trim()).await?,
        (_, _, Some(link_token)) => app.codes.redeem_link(&transaction, purposes, link_token).await?,
        _ => None,
    };
    let Some(redeemed) = redeemed else {
        // The count of the tries is in there.
        transaction.commit().await?;
        return Err(if email.is_some() { AuthError::otp_expired() } else { AuthError::link_expired() });
    };
    // Here the client is the one that typed the code: it gets the session itself, also within a PKCE flow.
    let outcome = finish(&app, &transaction, Redeemed { flow: None, ..redeemed }, &peer).await?;
    transaction.commit().await?;
    drop(connection);
    app.limits.give_back(&taken).await?;
    match outcome {
        Outcome::Session(granted) => Ok(Json(answer(&app, &granted).await?).into_response()),
        _ => Ok(Json(json!({ "msg": FIRST_OF_TWO, "code": "200" })).into_response()),
    }
}

/// The link of a mail, opened in a browser. It leads on to the redirect address, with a session, a code or an error.
pub(in crate::http) async fn follow(
    State(app): State<App>,
    method: HttpMethod,
    uri: Uri,
    peer: Peer,
) -> Result<Response, AuthError> {
    // Programs that look at links before people do ask with HEAD: that must not use the link up.
    if method == HttpMethod::HEAD {
        return Ok(StatusCode::OK.into_response());
    }
    let given = |name: &str| query_value(&uri, name).filter(|text| !text.is_empty());
    let kind = given("type").ok_or_else(|| AuthError::validation("Verify requires a verification type"))?;
    let token = given("token").or_else(|| given("token_hash"));
    let token = token.ok_or_else(|| AuthError::validation("Verify requires a token or a token hash"))?;
    let pkce = token.starts_with("pkce_");
    let to = redirect::asked(&app, &uri).unwrap_or_else(|| redirect::default(&app));
    let to = match followed(&app, &kind, &token, &peer).await {
        Ok(Outcome::Session(granted)) => {
            let answer = answer(&app, &granted).await?;
            redirect::with_session(&to, &answer, &kind)
        }
        Ok(Outcome::AuthCode(code)) => redirect::with_code(&to, &code),
        Ok(Outcome::FirstOfTwo) => redirect::with_message(&to, FIRST_OF_TWO, pkce),
        Err(error) => redirect::with_error(&to, &error, pkce),
    };
    Ok(Redirect::to(&to).into_response())
}

async fn followed(app: &App, kind: &str, token: &str, peer: &Peer) -> Result<Outcome, AuthError> {
    let purposes = purposes(kind)?;
    let taken = app.limits.take(Bucket::CodeAddress, &peer.network).await?.map_err(AuthError::over_request_rate)?;
    let mut connection = app.database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let redeemed = app.codes.redeem_link(&transaction, purposes, token).await?;
    let redeemed = redeemed.ok_or_else(AuthError::link_expired)?;
    let outcome = finish(app, &transaction, redeemed, peer).await?;
    transaction.commit().await?;
    drop(connection);
    app.limits.give_back(&[taken]).await?;
    Ok(outcome)
}

/// Does what the code was for.
async fn finish(
    app: &App,
    transaction: &Transaction<'_>,
    redeemed: Redeemed,
    peer: &Peer,
) -> Result<Outcome, AuthError> {
    let mut person = Person::by_id(transaction, redeemed.user).await?.ok_or_else(AuthError::otp_expired)?;
    if person.banned {
        return Err(AuthError::banned(StatusCode::FORBIDDEN));
    }
    match redeemed.purpose {
        Purpose::Confirmation => person.confirm(transaction, redeemed.keeps_password).await?,
        Purpose::Recovery => person.confirm(transaction, false).await?,
        Purpose::EmailChangeNew | Purpose::EmailChangeCurrent => {
            let other = "select from auth.one_time_tokens \
                         where user_id = $1 and token_type in ('email_change_new', 'email_change_current')";
            if transaction.query_opt(other, &[&person.id]).await?.is_some() {
                return Ok(Outcome::FirstOfTwo);
            }
            person.change_email(transaction).await?;
        }
        // It goes along with a new password and with nothing else.
        Purpose::Reauthentication => return Err(AuthError::otp_expired()),
    }
    if let Some(flow) = redeemed.flow {
        let code = app.flows.hand_out(transaction, flow).await?;
        return Ok(Outcome::AuthCode(code.ok_or_else(AuthError::flow_not_found)?));
    }
    let user_agent = peer.user_agent.as_deref();
    let granted = Sessions::start_in(transaction, person.account(), Method::otp(), user_agent).await?;
    Ok(Outcome::Session(granted))
}

/// What a client's type of verification stands for.
fn purposes(kind: &str) -> Result<&'static [Purpose], AuthError> {
    match kind {
        "email" => Ok(&[Purpose::Confirmation, Purpose::Recovery]),
        "signup" | "invite" => Ok(&[Purpose::Confirmation]),
        "magiclink" | "recovery" => Ok(&[Purpose::Recovery]),
        "email_change" => Ok(&[Purpose::EmailChangeNew, Purpose::EmailChangeCurrent]),
        "sms" | "phone_change" => Err(AuthError::phone_disabled()),
        _ => Err(AuthError::validation("Unsupported verification type")),
    }
}
