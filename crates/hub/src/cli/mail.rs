//! `cockpit-hub mail`: the mails that nobody sends.

use clap::Args;

use super::{console::say, data::DataArgs};
use crate::{HubError, mail::Kept, office::Office};

/// Which mails.
#[derive(Debug, Args)]
pub(super) struct MailArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Only the newest.
    #[arg(long)]
    last: bool,
    /// Only those to this address.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// One JSON object per line, for programs.
    #[arg(long)]
    json: bool,
}

/// Shows them, newest first.
pub(super) async fn run(arguments: MailArgs) -> Result<(), HubError> {
    let to = arguments.to.map(|to| to.trim().to_lowercase());
    let office = Office::open(arguments.data.options()?).await?;
    let mails = office.mails(to.as_deref()).await;
    office.close().await?;
    let count = if arguments.last { 1 } else { usize::MAX };
    let mails: Vec<Kept> = mails?.into_iter().take(count).collect();
    if mails.is_empty() && !arguments.json {
        return say("There are no mails.");
    }
    for mail in &mails {
        if arguments.json {
            let line = serde_json::to_string(mail).map_err(|error| HubError::Internal(error.to_string()))?;
            say(&line)?;
        } else {
            let body = mail.body.as_deref().unwrap_or("(its text is gone: it was sent, or could not be)");
            say(&format!(
                "#{} {} ({})\nTo: {}\nSubject: {}\n\n{body}\n",
                mail.id, mail.created_at, mail.state, mail.to, mail.subject
            ))?;
        }
    }
    Ok(())
}
