//! `cockpit-hub user` and `invite`: the people who can sign in.

use clap::{Args, Subcommand};

use super::{
    console::{read_password, say},
    data::DataArgs,
};
use crate::{HubError, office::Office};

/// What can be done to them.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person. The password is asked for, or read from standard input.
    Add(PersonArgs),
    /// Show everybody: address, state and last sign-in, separated by tabs.
    List {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Give a person a new password, asked for or read from standard input, and end all their sessions.
    ResetPassword(PersonArgs),
    /// Keep a person out: no sign-in, no refreshed session.
    Disable(PersonArgs),
    /// Let a disabled person in again.
    Enable(PersonArgs),
    /// Remove a person's account. What they made stays.
    Remove(PersonArgs),
}

/// A person of a hub.
#[derive(Debug, Args)]
pub(super) struct PersonArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The person's e-mail address.
    email: String,
}

/// Who is invited.
#[derive(Debug, Args)]
pub(super) struct InviteArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The e-mail address to let in.
    email: String,
}

/// Does it.
pub(super) async fn run(command: UserCommand) -> Result<(), HubError> {
    match command {
        UserCommand::Add(PersonArgs { data, email }) => {
            let password = read_password("Password: ")?;
            let office = Office::open(data.options()?).await?;
            let added = office.accounts().create(&email, &password).await;
            office.close().await?;
            added?;
            say(&format!("{email} can sign in now."))
        }
        UserCommand::List { data } => {
            let office = Office::open(data.options()?).await?;
            let people = office.list().await;
            office.close().await?;
            for person in people? {
                let last = person.last_sign_in_at.as_deref().unwrap_or("never");
                say(&format!("{}\t{}\t{last}", person.email, person.state))?;
            }
            Ok(())
        }
        UserCommand::ResetPassword(PersonArgs { data, email }) => {
            let password = read_password("New password: ")?;
            let office = Office::open(data.options()?).await?;
            let reset = office.accounts().reset_password(&email, &password).await;
            office.close().await?;
            reset?;
            say(&format!("{email} has a new password and must sign in again everywhere."))
        }
        UserCommand::Disable(PersonArgs { data, email }) => {
            disable(data, &email, true).await?;
            say(&format!("{email} is kept out from now on. Access tokens that are out there run out by themselves."))
        }
        UserCommand::Enable(PersonArgs { data, email }) => {
            disable(data, &email, false).await?;
            say(&format!("{email} can sign in again."))
        }
        UserCommand::Remove(PersonArgs { data, email }) => {
            let office = Office::open(data.options()?).await?;
            let removed = office.accounts().remove(&email).await;
            office.close().await?;
            removed?;
            say(&format!("The account of {email} is gone."))
        }
    }
}

/// Invites.
pub(super) async fn invite(arguments: InviteArgs) -> Result<(), HubError> {
    let office = Office::open(arguments.data.options()?).await?;
    let invited = office.invite(&arguments.email).await;
    office.close().await?;
    invited?;
    say(&format!(
        "{email} can sign up now. Their code is in the mail; without a mail server `cockpit-hub mail --to {email}` shows it.",
        email = arguments.email
    ))
}

async fn disable(data: DataArgs, email: &str, disabled: bool) -> Result<(), HubError> {
    let office = Office::open(data.options()?).await?;
    let done = office.accounts().disable(email, disabled).await;
    office.close().await?;
    done
}
