//! `cockpit-hub user`: the people who can sign in.

use clap::Subcommand;

use super::{
    console::{read_password, say},
    data::DataArgs,
};
use crate::{HubError, office::Office};

/// What can be done to them.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person. The password is asked for, or read from standard input.
    Add {
        #[command(flatten)]
        data: DataArgs,
        /// The person's e-mail address.
        email: String,
    },
}

/// Does it.
pub(super) async fn run(command: UserCommand) -> Result<(), HubError> {
    match command {
        UserCommand::Add { data, email } => {
            let password = read_password()?;
            let office = Office::open(data.options()?).await?;
            let added = office.create_user(&email, &password).await;
            office.close().await?;
            added?;
            say(&format!("{email} can sign in now."))
        }
    }
}
