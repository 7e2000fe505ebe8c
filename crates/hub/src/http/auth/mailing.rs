//! What every request for a mail goes through: its limits, the code, the letter.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::{error::AuthError, redirect, request::Peer};
use crate::{
    app::App,
    codes::{Order, Purpose},
    flows::{Challenge, Flows},
    limits::Bucket,
    mail::{Letter, MailKind, Queue},
};

/// A mail that is to be sent.
pub(super) struct Wanted<'a> {
    pub(super) kind: MailKind,
    pub(super) user: Uuid,
    pub(super) to: &'a str,
    /// Whether who asks typed the password that the unconfirmed account holds.
    pub(super) keeps_password: bool,
    /// The PKCE flow that the link continues.
    pub(super) flow: Option<Uuid>,
    pub(super) redirect_to: Option<&'a str>,
}

/// Counts a request of this client that may send mails or make accounts.
pub(super) async fn count_request(app: &App, peer: &Peer) -> Result<(), AuthError> {
    app.limits.take(Bucket::MailRequest, &peer.network).await?.map_err(AuthError::over_request_rate)?;
    Ok(())
}

/// Whether a mail of this kind may go to this address now. Asked for every address, whether or not there is an account.
pub(super) async fn may_mail(app: &App, kind: MailKind, to: &str) -> Result<(), AuthError> {
    app.limits.look(Bucket::Mails, "").await?.map_err(AuthError::over_mail_rate)?;
    let key = format!("{}:{to}", group(kind));
    app.limits.take(Bucket::MailTo, &key).await?.map_err(AuthError::over_mail_frequency)?;
    Ok(())
}

/// Begins the PKCE flow of a request that holds a challenge.
pub(super) async fn begin_flow(
    transaction: &Transaction<'_>,
    user: Uuid,
    challenge: Option<&Challenge>,
    kind: MailKind,
) -> Result<Option<Uuid>, AuthError> {
    let Some(challenge) = challenge else { return Ok(None) };
    let method = match kind {
        MailKind::Signup => "email/signup",
        MailKind::EmailChangeNew | MailKind::EmailChangeCurrent => "email_change",
        other => other.verify_type(),
    };
    Ok(Some(Flows::begin(transaction, user, challenge, method).await?))
}

/// Makes the code and puts the letter into the queue. After the commit comes [`sent`].
pub(super) async fn mail(app: &App, transaction: &Transaction<'_>, wanted: Wanted<'_>) -> Result<(), AuthError> {
    let Wanted { kind, user, to, keeps_password, flow, redirect_to } = wanted;
    let order = Order { user, purpose: purpose(kind), address: to, keeps_password, flow };
    let issued = app.codes.issue(transaction, order).await?;
    // The code of a reauthentication goes along with the new password: there is nothing that a link could open.
    let link = (kind != MailKind::Reauthentication)
        .then(|| redirect::mailed_link(app, &issued.link_token, kind.verify_type(), redirect_to));
    let letter = Letter { kind, to, code: &issued.code, link: link.as_deref() };
    Queue::put(transaction, &letter).await?;
    tracing::info!(%user, kind = kind.verify_type(), "a mail was put into the queue");
    Ok(())
}

/// Counts mails whose transaction was committed, and has them sent.
pub(super) async fn sent(app: &App, mails: usize) -> Result<(), AuthError> {
    for _ in 0..mails {
        // It was looked at before; one too many at the same moment does no harm.
        if app.limits.take(Bucket::Mails, "").await?.is_err() {
            tracing::debug!("more mails than the limit were asked for at the same moment");
        }
    }
    app.mails.ring();
    Ok(())
}

fn purpose(kind: MailKind) -> Purpose {
    match kind {
        MailKind::Signup | MailKind::Invite => Purpose::Confirmation,
        MailKind::MagicLink | MailKind::Recovery => Purpose::Recovery,
        MailKind::EmailChangeNew => Purpose::EmailChangeNew,
        MailKind::EmailChangeCurrent => Purpose::EmailChangeCurrent,
        MailKind::Reauthentication => Purpose::Reauthentication,
    }
}

/// Mails that follow one another too soon are counted by what was asked for, never by how far the account has come.
fn group(kind: MailKind) -> &'static str {
    match kind {
        MailKind::Signup | MailKind::Invite => "confirmation",
        MailKind::MagicLink => "code",
        MailKind::Recovery => "recovery",
        MailKind::EmailChangeNew | MailKind::EmailChangeCurrent => "email_change",
        MailKind::Reauthentication => "reauthentication",
    }
}
