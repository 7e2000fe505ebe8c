//! The command line.

use std::path::PathBuf;

use clap::Parser;
use cockpit_engine::StartUp;

/// What can be said when starting `cockpit-bridge`.
#[derive(Debug, Parser)]
#[command(name = "cockpit-bridge", version, about = "Cockpit's engine in a browser, for development and tests.")]
pub(crate) struct Arguments {
    /// The folder of the profile; made when it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) profile: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// The built UI.
    #[arg(long, value_name = "DIR", default_value = "ui/dist")]
    pub(crate) ui: PathBuf,
    /// Do not listen to the feed; ask every few seconds.
    #[arg(long)]
    pub(crate) no_realtime: bool,
    /// A server to sign in to at the start, unless the profile is signed in already.
    #[arg(long, value_name = "URL", requires_all = ["email", "password_file"])]
    server: Option<String>,
    /// The key of a Supabase project; a hub tells its own.
    #[arg(long, value_name = "KEY", requires = "server")]
    anon_key: Option<String>,
    /// Who signs in.
    #[arg(long, requires = "server")]
    email: Option<String>,
    /// A file whose first line is the password. There is no flag for the password itself, because other users can read command lines.
    #[arg(long, value_name = "FILE", requires = "server")]
    password_file: Option<PathBuf>,
}

impl Arguments {
    /// The account to sign in with, if one was named.
    pub(crate) fn start_up(&self) -> anyhow::Result<Option<StartUp>> {
        let (Some(address), Some(email), Some(file)) = (&self.server, &self.email, &self.password_file) else {
            return Ok(None);
        };
        Ok(Some(StartUp::with_password_file(address, self.anon_key.as_deref(), email, file)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_server_needs_an_account() {
        let parse = |arguments: &[&str]| {
            Arguments::try_parse_from(["cockpit-bridge", "--profile", "p"].iter().chain(arguments))
        };
        assert!(parse(&["--server", "localhost"]).is_err());
        assert!(parse(&["--server", "localhost", "--email", "a@b.test", "--password-file", "f"]).is_ok());
    }
}
