//! `cockpit-hub init`: the first account of a new hub.

use clap::Args;

use super::{
    console::{ask, read_password_twice, say},
    data::DataArgs,
};
use crate::{HubError, office::Office};

/// Whose hub it is.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The first person's e-mail address; asked for when not given. The password is asked for twice, or read as one line of standard input.
    email: Option<String>,
    /// Make a workspace of this name for them.
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// What the first person is called in the workspace [default: the address without its domain].
    #[arg(long, value_name = "NAME", requires = "workspace")]
    name: Option<String>,
}

/// Makes the account.
pub(super) async fn run(arguments: InitArgs) -> Result<(), HubError> {
    let options = arguments.data.options()?;
    let folder = options.data.clone();
    let email = match arguments.email {
        Some(email) => email,
        None => ask("E-mail address: ")?,
    };
    let password = read_password_twice()?;
    let name = arguments.name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().trim().to_owned());
    let office = Office::open(options).await?;
    let workspace = arguments.workspace.as_deref().map(|workspace| (workspace, name.as_str()));
    let made = office.accounts().create_first(&email, &password, workspace).await;
    office.close().await?;
    made?;
    say(&format!("{email} can sign in now."))?;
    if let Some(workspace) = &arguments.workspace {
        say(&format!("The workspace {workspace} is theirs."))?;
    }
    say(&format!(
        "Next: start the hub with `cockpit-hub serve --data {folder}` and type its address into Cockpit. Others come in by \
         `cockpit-hub invite ADDRESS --data {folder}`.",
        folder = folder.display()
    ))
}
