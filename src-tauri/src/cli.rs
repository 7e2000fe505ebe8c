//! The command line of the desktop application.

use std::path::PathBuf;

use clap::Parser;
use cockpit_engine::StartUp;

/// What a person can say when starting `cockpit`.
#[derive(Debug, Parser)]
#[command(name = "cockpit", version, about = "Tasks, projects, money and time for teams, live and offline.")]
pub struct Arguments {
    /// The folder that holds the accounts, workspaces and settings of this process. Default: the place that the
    /// operating system gives to application data.
    #[arg(long, value_name = "DIR", env = "COCKPIT_PROFILE")]
    pub profile: Option<PathBuf>,
    /// How many main windows to open, each on its own page.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub windows: u8,
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
    ///
    /// # Errors
    /// When the file with the password cannot be read.
    pub fn start_up(&self) -> anyhow::Result<Option<StartUp>> {
        let (Some(address), Some(email), Some(file)) = (&self.server, &self.email, &self.password_file) else {
            return Ok(None);
        };
        Ok(Some(StartUp::with_password_file(address, self.anon_key.as_deref(), email, file)?))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_profile_can_be_named() {
        let arguments = Arguments::try_parse_from(["cockpit", "--profile", "/tmp/one"]).unwrap();
        assert_eq!(arguments.profile, Some(PathBuf::from("/tmp/one")));
    }

    #[test]
    fn an_unknown_flag_is_refused() {
        assert!(Arguments::try_parse_from(["cockpit", "--profil", "x"]).is_err());
    }
}
